"""The training and the validation split of the images, by their bytes and a seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from imgcls import hashing, messages
from imgcls.errors import ConfigError
from imgcls.records.data import ImageRef
from imgcls.training.config import TrainingConfig
from imgcls.training.images import TrainingFolder, TrainingImages

_VALIDATION_SHARE = 1 / 5  # docs/decisions.md#validation-by-bytes


@dataclass(frozen=True, slots=True)
class Split:
    """The images of both splits. ``classes``: folder names in the order of the network's outputs.

    ``source``: what a configuration calls the validation split where it is a whole dataset: a folder, or the built-in
    one; ``None`` where it is a part of a folder.
    """

    classes: tuple[str, ...]
    train: tuple[ImageRef, ...]
    validation: tuple[ImageRef, ...]
    source: str | None = None

    def sha256(self) -> str:
        """Of the bytes, classes and splits of all images, whatever the files are called."""
        splits = [[(str(ref.label), ref.sha256) for ref in refs] for refs in (self.train, self.validation)]
        return hashing.of_json([self.classes, *splits])

    def validation_share(self) -> str:
        """How large the validation split is, in all and of the class that has fewest of it."""
        validated, total = len(self.validation), len(self.train) + len(self.validation)
        fewest = min(Counter(str(ref.label) for ref in self.validation).values())
        return (
            f"validation: {validated} of {messages.counted(total, 'image')} ({100 * validated / total:.3g} %), "
            f"at least {fewest} of each class"
        )

    def target(self, ref: ImageRef) -> int:
        """The class index of an image."""
        return self.classes.index(str(ref.label))


def split(images: TrainingImages, config: TrainingConfig) -> Split:
    """Split the images, unless they are given in two splits.

    :func:`validation_part` or, for ``config.folds``, :func:`validation_fold` chooses the validation split.

    Raises ConfigError, with all of them, for classes that have too few images or are in one split only.
    """
    if images.validation:
        _require_no_folds(config, images.name)
        return _given_split(images.train, images.validation, images.source)
    refs = images.train.images
    _require_enough_images(images.train, config.folds)
    if config.folds is None:
        chosen = validation_part(refs, config.seed)
    else:
        chosen = validation_fold(refs, config.seed, config.folds, config.fold)
    train = tuple(ref for ref in refs if ref.sha256 not in chosen)
    return Split(images.train.classes, train, tuple(ref for ref in refs if ref.sha256 in chosen))


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


def _require_no_folds(config: TrainingConfig, data: str) -> None:
    if config.folds is not None:
        raise ConfigError(f"{data} is split already; leave --folds out, or name one folder per class")


def _require_enough_images(given: TrainingFolder, folds: int | None) -> None:
    """Every class can be in both splits."""
    needed, why = (folds, f"one for each of {folds} folds") if folds else (2, "one to train on and one to validate")
    distinct = _by_class(given.images, 0)
    counts = {name: len(distinct.get(name, ())) for name in given.classes}
    short = [
        f"{given.folder / name} holds {messages.counted(count, 'distinct image')}"
        for name, count in counts.items()
        if count < needed
    ]
    if short:
        raise ConfigError(
            f"class folder {messages.sentences(short)}; it needs {needed}, {why}: add some, or remove the folder"
        )


def _given_split(train: TrainingFolder, validation: TrainingFolder, source: str | None) -> Split:
    """Two folders, which must have the same classes."""
    for given, other in ((train, validation), (validation, train)):
        labels = {ref.label for ref in given.images}
        if empty := [f"{given.folder / name} holds no image" for name in given.classes if name not in labels]:
            raise ConfigError(f"class folder {messages.sentences(empty)}; add some, or remove the folder")
        if single := [name for name in given.classes if name not in other.classes]:
            raise ConfigError(
                f"class {messages.named(single)} is only in {given.folder}; {other.folder} needs it too, "
                f"or {given.folder} not at all"
            )
    return Split(train.classes, train.images, validation.images, source)
