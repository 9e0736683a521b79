"""The training and the validation split of a dataset: listed, checked and divided."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imgcls import hashing
from imgcls.data import digits
from imgcls.data import listing as listings
from imgcls.errors import ConfigError
from imgcls.records.data import ImageRef
from imgcls.training.config import TrainingConfig

_SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_VALIDATION_SHARE = 1 / 5  # docs/decisions.md#validation-by-bytes


@dataclass(frozen=True, slots=True)
class Split:
    """The images of both splits. ``classes``: folder names in the order of the network's outputs.

    ``source``: what a configuration calls the validation split where it is a whole dataset: a folder, or ``digits``;
    ``None`` where it is a part of a folder.
    """

    classes: tuple[str, ...]
    train: tuple[ImageRef, ...]
    validation: tuple[ImageRef, ...]
    source: str | None = None

    def sha256(self) -> str:
        """Of the bytes, classes and splits of all images, whatever the files are called."""
        splits = [[(str(ref.label), ref.sha256) for ref in refs] for refs in (self.train, self.validation)]
        return hashing.of_json([self.classes, *splits])

    def target(self, ref: ImageRef) -> int:
        """The class index of an image."""
        return self.classes.index(str(ref.label))


def split(data: str, config: TrainingConfig) -> Split:
    """List ``data`` and split it.

    ``data``: ``digits``, the built-in dataset with its own validation split; a folder that holds the folders ``train``
    and ``val``, each with a folder per class; or one folder per class, which :func:`validation_part` or, for
    ``config.folds``, :func:`validation_fold` splits. Class i is the i-th folder in the order of names; of ``digits``,
    the digit i.

    Raises ConfigError for a class that is empty or in one split only, for the same bytes under two labels or in both
    splits, and for every file that can be seen not to be an image without decoding it.
    """
    if data == "digits":
        _require_no_folds(config, data)
        train, validation = (_listed(data, digits.folder(name)) for name in ("train", "test"))
        return Split(digits.NAMES, train, validation, source=data)
    folder = Path(data)
    if (folder / "train").is_dir() and (folder / "val").is_dir():
        _require_no_folds(config, data)
        return _given_split(folder / "train", folder / "val")
    _refuse_split_names(folder)
    refs, classes = _listed(data, folder), _classes(folder)
    _require_enough_images(folder, classes, refs, config.folds)
    if config.folds is None:
        chosen = validation_part(refs, config.seed)
    else:
        chosen = validation_fold(refs, config.seed, config.folds, config.fold)
    train = tuple(ref for ref in refs if ref.sha256 not in chosen)
    return Split(classes, train, tuple(ref for ref in refs if ref.sha256 in chosen))


def validation_part(refs: Iterable[ImageRef], seed: int) -> frozenset[str]:
    """The sha256 of about one distinct image in five of each class, for the validation split.

    The split of an image follows from its own bytes and the seed, so that an added image moves no other. Only where
    all images of a class would be in one split, the one nearest to the other split goes there instead.
    """
    validation: set[str] = set()
    for ordered in _by_class(refs, seed).values():
        below = sum(_key(seed, sha256) < _VALIDATION_SHARE for sha256 in ordered)
        validation.update(ordered[: min(max(1, below), len(ordered) - 1)])
    return frozenset(validation)


def validation_fold(refs: Iterable[ImageRef], seed: int, folds: int, number: int) -> frozenset[str]:
    """The sha256 of the distinct images in one of ``folds`` parts, of sizes as equal as can be, in each class too.

    The images of all classes, class after class and in the order of their keys, are dealt like cards: an added image
    moves others of its class, and of the classes that follow.
    """
    dealt = [sha256 for ordered in _by_class(refs, seed).values() for sha256 in ordered]
    return frozenset(dealt[number::folds])


def unusable_image(file: Path, reason: str) -> ConfigError:
    """The error for a file that gives no image."""
    return ConfigError(f"cannot train on {file}: {reason}; mend or remove it")


def require_outside(out: Path, data: str) -> None:
    """Raise ConfigError where files in ``out`` would be listed among the images of ``data`` later."""
    if data != "digits" and out.resolve().is_relative_to(Path(data).resolve()):
        raise ConfigError(f"{out} is inside of {data}, and would be taken for images; choose another --out")


def _key(seed: int, sha256: str) -> float:
    """A number in [0, 1), evenly spread over images, that follows from an image's bytes and a seed."""
    drawn = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return int.from_bytes(drawn[:6]) / (1 << 48)


def _by_class(refs: Iterable[ImageRef], seed: int) -> Mapping[str, list[str]]:
    """The sha256 of the distinct images of each class, in the order of their keys."""
    distinct: dict[str, set[str]] = {}
    for ref in refs:
        distinct.setdefault(str(ref.label), set()).add(ref.sha256)
    return {label: sorted(distinct[label], key=partial(_key, seed)) for label in sorted(distinct)}


def _listed(data: str, folder: Path) -> tuple[ImageRef, ...]:
    listing = listings.find(data, folder)
    listings.require_one_label_per_image(listing)
    for rejection in listing.rejections:
        raise unusable_image(folder / rejection.path, f"{rejection.reason}: {rejection.detail}")
    for ref in listing.images:
        _require_unicode(ref.file)
    return listing.images


def _require_unicode(file: Path) -> None:
    """Every name can be written into ``validation.csv``, which is UTF-8."""
    try:
        os.fspath(file).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(file).decode(errors="backslashreplace")
        raise ConfigError(f"{shown}: the name is not UTF-8, and could not be written down; rename it") from error


def _classes(folder: Path) -> tuple[str, ...]:
    names = sorted(child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if len(names) < 2:
        raise ConfigError(f"{folder} has one class folder, {names[0]}; a classifier needs two or more")
    return tuple(names)


def _refuse_split_names(folder: Path) -> None:
    """Folders that are all called like splits of a dataset are not classes."""
    names = sorted(child.name for child in folder.glob("*/"))
    if names and _SPLIT_NAMES.issuperset(name.lower() for name in names):
        raise ConfigError(
            f"{folder} holds {' and '.join(names)}, which are not classes: call them train and val, "
            "or name one folder with a folder per class"
        )


def _require_no_folds(config: TrainingConfig, data: str) -> None:
    if config.folds is not None:
        raise ConfigError(f"{data} is split already; leave --folds out, or name one folder per class")


def _require_enough_images(folder: Path, classes: Sequence[str], refs: Sequence[ImageRef], folds: int | None) -> None:
    """Every class can be in both splits."""
    needed, why = (folds, f"one for each of {folds} folds") if folds else (2, "one to train on and one to validate")
    distinct = _by_class(refs, 0)
    for name in classes:
        count = len(distinct.get(name, ()))
        if count < needed:
            raise ConfigError(
                f"class folder {folder / name} holds {count} distinct images; it needs {needed}, {why}: "
                "add some, or remove the folder"
            )


def _given_split(train: Path, validation: Path) -> Split:
    """Two folders, which must have the same classes and no image in common."""
    splits = [(folder, _listed(str(folder), folder), _classes(folder)) for folder in (train, validation)]
    for (folder, refs, classes), (other, _, others) in (splits, splits[::-1]):
        for name in classes:
            if not any(ref.label == name for ref in refs):
                raise ConfigError(f"class folder {folder / name} holds no image; add some, or remove the folder")
            if name not in others:
                raise ConfigError(f"class {name} is only in {folder}; {other} needs it too, or {folder} not at all")
    (_, train_refs, classes), (_, validation_refs, _) = splits
    _require_no_leak(train_refs, validation_refs)
    return Split(classes, train_refs, validation_refs, source=str(validation))


def _require_no_leak(train: Sequence[ImageRef], validation: Sequence[ImageRef]) -> None:
    trained_on = {ref.sha256: ref for ref in train}
    for ref in validation:
        if ref.sha256 in trained_on:
            raise ConfigError(
                f"{ref.file} of the validation split has the same bytes as {trained_on[ref.sha256].file} of the "
                "training split; remove one of the two"
            )
