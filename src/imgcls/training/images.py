"""The images to train on: listed and checked, with the files among them that give no image."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import NamedTuple

from imgcls import messages
from imgcls.config import datasets
from imgcls.data import digits, duplicates, image_folders, layout, splits, suffixes
from imgcls.data import listing as listings
from imgcls.data.places import forms
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.config import BUILTIN_DIGITS
from imgcls.records.data import ImageRef, Listing


class BrokenFile(NamedTuple):
    """A file that should be an image, and why it gives none."""

    file: Path
    why: str

    def __str__(self) -> str:
        return f"{self.file}: {self.why}"


def broken_file(file: Path, error: Undecodable) -> BrokenFile:
    """What a training reports of an image that cannot be decoded; it has no table in which a limit could be raised."""
    if error.reason == "too_large":
        return BrokenFile(file, f"{error.reason}: {error.detail.partition(';')[0]}; make it smaller")
    return BrokenFile(file, f"{error.reason}: {error.detail}")


@dataclass(frozen=True, slots=True)
class TrainingFolder:
    """A folder per class: its images, and the classes in the order of the network's outputs."""

    folder: Path
    classes: tuple[str, ...]
    images: tuple[ImageRef, ...]
    broken: tuple[BrokenFile, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """What a training is given, before it is split. ``name``: as the caller has it.

    ``validation``: None where it is to be chosen from ``train``. ``source``: what a configuration calls the validation
    split where it is a whole dataset, a folder or the built-in one. ``notes``: what was guessed, a sentence each.
    """

    name: str
    train: TrainingFolder
    validation: TrainingFolder | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[TrainingFolder, ...]:
        return (self.train, self.validation) if self.validation else (self.train,)

    @property
    def broken(self) -> tuple[BrokenFile, ...]:
        """What was seen to be broken without decoding it."""
        return tuple(file for folder in self.folders for file in folder.broken)

    def without(self, broken: Sequence[BrokenFile], max_rejected: float) -> TrainingImages:
        """The images that are not among these files; ``max_rejected``: an integer is their number, else their share.

        Raises ConfigError, which names them, where there are more.
        """
        total = sum(len(folder.images) + len(folder.broken) for folder in self.folders)
        if len(broken) > (max_rejected if isinstance(max_rejected, int) else max_rejected * total):
            raise unusable(broken, total)
        files = {file for file, _ in broken}
        train, validation = _without(self.train, files), self.validation and _without(self.validation, files)
        is_whole = validation == self.validation
        return replace(self, train=train, validation=validation, source=self.source if is_whole else None)

    def require_outside(self, out: Path) -> None:
        """Raise ConfigError where files in ``out`` would be listed among these images later."""
        if self.source != BUILTIN_DIGITS and out.resolve().is_relative_to(Path(self.name).resolve()):
            raise ConfigError(f"{out} is inside of {self.name}, and would be taken for images; choose another --out")


def list_images(data: str) -> TrainingImages:
    """List ``builtin:digits``, a folder per class, or a folder that holds the folders ``train`` and ``val`` of those.

    ``digits`` is the built-in dataset where there is no such folder. Class i is the i-th folder in the order of names;
    of the built-in dataset, the digit i.

    Raises ConfigError for a folder that is none of these, for one class, for a name that is not UTF-8, and, with all of
    them, for the same bytes under two labels or in both splits.
    """
    path, notes = datasets.parse_path(data, Path(data))
    if path == BUILTIN_DIGITS:
        train, validation = (_listed(data, digits.folder(name), digits.NAMES) for name in ("train", "test"))
        return TrainingImages(data, train, validation, BUILTIN_DIGITS, notes)
    if forms.form_of(data):
        raise ConfigError(f"{data}: a training reads the files of a folder: unpack it into a folder per class")
    folder = Path(path)
    if (folder / "train").is_dir() and (folder / "val").is_dir():
        train, validation = (_listed(str(part), part) for part in (folder / "train", folder / "val"))
        _require_no_leak(train.images, validation.images)
        return TrainingImages(data, train, validation, str(validation.folder))
    _require_class_folders(folder)
    return TrainingImages(data, _listed(data, folder))


def unusable(broken: Sequence[BrokenFile], total: int) -> ConfigError:
    """The error for files, of this number in all, that give no image."""
    return ConfigError(
        f"cannot train on {len(broken)} of {messages.counted(total, 'file')}: "
        f"{messages.sentences([str(file) for file in broken])}; "
        f"mend or remove what is broken, or train without it: --max-rejected {len(broken)}"
    )


def require_tolerance(max_rejected: float) -> None:
    """Raise ConfigError for what is neither a number of files nor a share of them."""
    is_number = isinstance(max_rejected, int) and not isinstance(max_rejected, bool) and max_rejected >= 0
    if not is_number and not (isinstance(max_rejected, float) and 0 <= max_rejected < 1):
        raise ConfigError(
            f"--max-rejected {max_rejected} is not a whole number of files or a fraction of them below 1, as 3 or 0.01"
        )


def _without(folder: TrainingFolder, files: Collection[Path]) -> TrainingFolder:
    return replace(folder, images=tuple(ref for ref in folder.images if ref.file not in files), broken=())


def _listed(data: str, folder: Path, classes: tuple[str, ...] | None = None) -> TrainingFolder:
    listing = listings.find(data, folder)
    duplicates.require_one_label(listing)
    _require_unicode(listing)
    broken = (BrokenFile(folder / one.path, f"{one.reason}: {one.detail}") for one in listing.rejections)
    return TrainingFolder(folder, classes or _classes(folder), tuple(listing.images), tuple(broken))


def _require_unicode(listing: Listing) -> None:
    """Every name can be written into ``validation.csv``, which is UTF-8."""
    names = [messages.path_text(ref.file) for ref in listing.images if not _is_utf8(ref)]
    if names:
        raise ConfigError(
            f"{messages.sentences(names)}: the name is not UTF-8, and could not be written down; rename it"
        )


def _is_utf8(ref: ImageRef) -> bool:
    try:
        os.fspath(ref.file).encode()
    except UnicodeEncodeError:
        return False
    return True


def _classes(folder: Path) -> tuple[str, ...]:
    children = (child for child in folder.iterdir() if not suffixes.is_hidden(PurePath(child.name)))
    names = sorted(messages.path_text(PurePath(child.name)) for child in children if child.is_dir())
    if len(names) < 2:
        raise ConfigError(f"{folder} has one class folder, {names[0]}; a classifier needs two or more")
    if broken := [name for name in names if name.splitlines() != [name]]:
        raise ConfigError(
            f"class folder {messages.named(broken)}: a list of classes has one in each line, and this name has a line "
            "break; rename it"
        )
    return tuple(names)


def _require_class_folders(folder: Path) -> None:
    if names := layout.splits_in(folder):
        several = "call them train and val, or name one folder with a folder per class"
        step = several if len(names) > 1 else f"name {folder / names[0]} instead"
        raise ConfigError(f"{splits.sentence(folder, names)}: {step}")
    if inner := image_folders.of_classes(folder):
        raise ConfigError(f"{image_folders.sentence(folder, inner)}: name {folder / inner} instead")


def _require_no_leak(train: Sequence[ImageRef], validation: Sequence[ImageRef]) -> None:
    trained_on = {ref.sha256: ref for ref in train}
    leaks = [
        f"{ref.file} of the validation split has the same bytes as {trained_on[ref.sha256].file} of the training split"
        for ref in validation
        if ref.sha256 in trained_on
    ]
    if leaks:
        raise ConfigError(f"{messages.sentences(leaks)}; remove one of the two")
