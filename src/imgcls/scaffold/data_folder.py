"""Which folder is meant where none is named: the one in the working folder that holds class folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from imgcls import messages
from imgcls.data import layout, suffixes
from imgcls.data.image_folders import USUAL, entries_in, folders_in, has_image
from imgcls.errors import ConfigError
from imgcls.scaffold import suffixless

EXAMPLE = "a folder per class, as in photos/cat/1.jpg"


class DataFolder(NamedTuple):
    """The folder that was chosen; ``note``: why, in words."""

    path: Path
    note: str


def chosen(working: Path) -> DataFolder:
    """The folder of images in the working folder, by its name or because it is the only one.

    Raises ConfigError, which names them, where there are several, and where there is none.
    """
    with_classes = [name for name in folders_in(working) if has_image(working / name, at_least=1)]
    if any(has_image(working / name) for name in layout.splits_in(working)):
        return DataFolder(Path(), "this folder itself, because no --data names another")
    usual = [name for name in with_classes if name.lower() in USUAL]
    if len(usual or with_classes) == 1:
        [name] = usual or with_classes
        others = [other for other in with_classes if other != name]
        also = f"; {_named(others)} {'holds' if len(others) == 1 else 'hold'} class folders, too" if others else ""
        return DataFolder(Path(name), f"{messages.spelled(name)}/, because no --data names another folder{also}")
    if with_classes:
        return _of_several(working, usual or with_classes)
    return _without_class_folders(working)


def _of_several(working: Path, with_classes: list[str]) -> DataFolder:
    """The working folder itself where each of its folders only holds one of a usual name, as ``cat/images``."""
    below = [folders_in(working / name) for name in with_classes]
    if all(len(inner) == 1 and inner[0].lower() in USUAL for inner in below):
        return _itself(with_classes)
    raise ConfigError(
        f"{_named(with_classes)} hold class folders: name one of them with --data, or write --data . where they are "
        "the classes or groups of these"
    )


def _itself(folders: list[str]) -> DataFolder:
    return DataFolder(Path(), f"this folder itself, whose folders {messages.named(folders, 3)} hold images")


def _without_class_folders(working: Path) -> DataFolder:
    """The working folder itself where its folders are the classes, or else the folder that holds images."""
    flat = [name for name in folders_in(working) if has_image(working / name)]
    usual = [name for name in flat if name.lower() in USUAL]
    if usual or len(flat) == 1:
        name = (usual or flat)[0]
        return DataFolder(Path(name), f"{messages.spelled(name)}/, because no --data names another folder")
    if flat:
        return _itself(flat)
    if any(suffixes.has_image_suffix(entry.name) for entry in entries_in(working)):
        return DataFolder(Path(), "this folder itself, because no --data names another")
    without = suffixless.sentence(Path(os.path.relpath(working)))
    raise ConfigError(
        f"no folder here holds images in class folders: {without or f'name one with --data DIR, which holds {EXAMPLE}'}"
    )


def _named(names: list[str]) -> str:
    return messages.named([f"{name}/" for name in names])
