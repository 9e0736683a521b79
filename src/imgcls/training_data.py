"""Which pictures are learnt from and which are held out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imgcls import digest, digits, images
from imgcls.errors import ConfigError
from imgcls.recipe import Recipe
from imgcls.records import ImageRef

PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_SHARE = 5  # one distinct picture in five is held out, give or take


@dataclass(frozen=True, slots=True)
class Division:
    """Both sides of the data. ``classes``: folder names in the order of the network's outputs.

    ``source``: what a configuration calls the held-out pictures where they stand somewhere as a whole: a folder, or
    ``digits``; ``None`` where they are a part of a folder.
    """

    classes: tuple[str, ...]
    learn: tuple[ImageRef, ...]
    held_out: tuple[ImageRef, ...]
    source: str | None = None

    def sha256(self) -> str:
        """Of what is learnt from and held out, whatever the files are called."""
        sides = [[(str(ref.label), ref.sha256) for ref in side] for side in (self.learn, self.held_out)]
        return digest.of_json([self.classes, *sides])

    def target(self, ref: ImageRef) -> int:
        """The class index of a picture."""
        return self.classes.index(str(ref.label))


def divide(data: str, recipe: Recipe) -> Division:
    """List ``data`` and divide it.

    ``data``: ``digits``, the built-in set with its own held-out pictures; a folder that holds the folders ``train``
    and ``val``, each with a folder per class; or one folder per class, which :func:`part` or, for ``recipe.folds``,
    :func:`fold` divides. Class i is the i-th folder in the order of names; of ``digits``, the digit i.

    Raises :class:`ConfigError` for a class that is empty or on one side only, for the same bytes under two labels or
    on both sides, and for every file that is seen to be no picture without decoding it.
    """
    if data == "digits":
        _require_undivided(recipe, data)
        learn, held_out = (_listed(data, digits.folder(split)) for split in ("train", "test"))
        return Division(digits.NAMES, learn, held_out, source=data)
    folder = Path(data)
    if (folder / "train").is_dir() and (folder / "val").is_dir():
        _require_undivided(recipe, data)
        return _as_given(folder / "train", folder / "val")
    _refuse_parts(folder)
    found, classes = _listed(data, folder), _classes(folder)
    _require_pictures(folder, classes, found, recipe.folds)
    out = part(found, recipe.seed) if recipe.folds is None else fold(found, recipe.seed, recipe.folds, recipe.fold)
    return Division(classes, *_sides(found, out))


def part(refs: Iterable[ImageRef], seed: int) -> frozenset[str]:
    """The sha256 of about one distinct picture in five of each class, to be held out.

    Each picture is on its side by its own bytes and the seed, so that one that is added moves no other. Only where
    all pictures of a class would be on one side, the one nearest to the other side goes there instead.
    """
    held_out: set[str] = set()
    for ordered in _by_class(refs, seed).values():
        below = sum(_key(seed, sha256) < 1 / _SHARE for sha256 in ordered)
        held_out.update(ordered[: min(max(1, below), len(ordered) - 1)])
    return frozenset(held_out)


def fold(refs: Iterable[ImageRef], seed: int, folds: int, number: int) -> frozenset[str]:
    """The sha256 of the distinct pictures in one of ``folds`` parts, of sizes as equal as can be, in each class too.

    The pictures of all classes, class after class and in the order of their keys, are dealt like cards: one that is
    added moves others of its class, and of those that follow.
    """
    dealt = [sha256 for ordered in _by_class(refs, seed).values() for sha256 in ordered]
    return frozenset(dealt[number::folds])


def _key(seed: int, sha256: str) -> float:
    """A number in [0, 1), evenly spread over pictures, that follows from a picture's bytes and a seed."""
    drawn = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return int.from_bytes(drawn[:6]) / (1 << 48)


def _by_class(refs: Iterable[ImageRef], seed: int) -> Mapping[str, list[str]]:
    """The distinct pictures of each class, in the order of their keys."""
    distinct: dict[str, set[str]] = {}
    for ref in refs:
        distinct.setdefault(str(ref.label), set()).add(ref.sha256)
    return {label: sorted(distinct[label], key=partial(_key, seed)) for label in sorted(distinct)}


def _sides(refs: Sequence[ImageRef], out: frozenset[str]) -> tuple[tuple[ImageRef, ...], tuple[ImageRef, ...]]:
    return tuple(ref for ref in refs if ref.sha256 not in out), tuple(ref for ref in refs if ref.sha256 in out)


# What is listed.


def _listed(data: str, folder: Path) -> tuple[ImageRef, ...]:
    listing = images.find(data, folder)
    images.same_bytes_under_two_labels(listing)
    for rejection in listing.rejections:
        raise broken(folder / rejection.path, f"{rejection.reason}: {rejection.detail}")
    for ref in listing.images:
        if not _is_unicode(ref.file):
            shown = os.fsencode(ref.file).decode(errors="backslashreplace")
            raise ConfigError(f"{shown}: the name is not UTF-8, and could not be written down; rename it")
    return listing.images


def _is_unicode(file: Path) -> bool:
    try:
        os.fspath(file).encode()
    except UnicodeEncodeError:
        return False
    return True


def broken(file: Path, why: str) -> ConfigError:
    """What to say of a file that gives no picture."""
    return ConfigError(f"cannot train on {file}: {why}; mend or remove it")


def _classes(folder: Path) -> tuple[str, ...]:
    names = sorted(child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if len(names) < 2:
        raise ConfigError(f"{folder} has one class folder, {names[0]}; there is nothing to learn with fewer than two")
    return tuple(names)


def _refuse_parts(folder: Path) -> None:
    """Folders that are all called like parts of a data set are no classes."""
    names = sorted(child.name for child in folder.glob("*/"))
    if names and PARTS.issuperset(name.lower() for name in names):
        raise ConfigError(
            f"{folder} holds {' and '.join(names)}, which are no classes: call them train and val, "
            "or name one folder with a folder per class"
        )


def require_outside(out: Path, data: str) -> None:
    """What is written is not to be found among the pictures later. Raises :class:`ConfigError`."""
    if data != "digits" and out.resolve().is_relative_to(Path(data).resolve()):
        raise ConfigError(f"{out} is inside of {data}, and would be taken for pictures; choose another --out")


def _require_undivided(recipe: Recipe, data: str) -> None:
    if recipe.folds is not None:
        raise ConfigError(f"{data} is divided already; leave --folds out, or name one folder per class")


def _require_pictures(folder: Path, classes: Sequence[str], refs: Sequence[ImageRef], folds: int | None) -> None:
    """Every class can be on both sides."""
    needed, why = (folds, f"one for each of {folds} folds") if folds else (2, "one to learn from and one to hold out")
    distinct = _by_class(refs, 0)
    for name in classes:
        count = len(distinct.get(name, ()))
        if count < needed:
            raise ConfigError(
                f"class folder {folder / name} holds {count} distinct images; it needs {needed}, {why}: "
                "add some, or remove the folder"
            )


def _as_given(train: Path, val: Path) -> Division:
    """Two folders, which must have the same classes and no picture in common."""
    sides = [(folder, _listed(str(folder), folder), _classes(folder)) for folder in (train, val)]
    for (folder, refs, classes), (other, _, others) in (sides, sides[::-1]):
        for name in classes:
            if not any(ref.label == name for ref in refs):
                raise ConfigError(f"class folder {folder / name} holds no image; add some, or remove the folder")
            if name not in others:
                raise ConfigError(f"class {name} is in {folder} alone; {other} needs it too, or {folder} not at all")
    (_, learn, classes), (_, held_out, _) = sides
    _require_no_leak(learn, held_out)
    return Division(classes, learn, held_out, source=str(val))


def _require_no_leak(learn: Sequence[ImageRef], held_out: Sequence[ImageRef]) -> None:
    known = {ref.sha256: ref for ref in learn}
    for ref in held_out:
        if ref.sha256 in known:
            raise ConfigError(
                f"{ref.file} is held out, and {known[ref.sha256].file}, which is learnt from, has the same bytes; "
                "remove one of the two"
            )
