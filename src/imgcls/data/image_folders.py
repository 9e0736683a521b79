"""Which folders hold images, and what folders of images are usually called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from imgcls.data import suffixes

USUAL: Final = frozenset(
    {"photos", "images", "imgs", "data", "dataset", "datasets", "val", "valid", "validation", "test"}
)
"""What folders of images are usually called; no class is called so."""

DEEPEST = 6  # docs/decisions.md#which-folder-is-meant
"""How many folders below another one an image may lie, as in ``archive/data/data/val/animals/cat/1.jpg``."""


def of_classes(root: Path) -> str | None:
    """The folder in it that holds all images in folders of its own, where its name is a usual one and no class's.

    As ``images`` of an archive with tables and notes next to it; None where the folders of the root may be classes.
    """
    names = [entry.name for entry in entries_in(root) if entry.name.lower() in USUAL and entry.is_dir()]
    if len(names) != 1 or any(has_image(root / name) for name in folders_in(root) if name not in names):
        return None
    [inner] = names
    holding = sum(has_image(root / inner / name) for name in folders_in(root / inner))
    is_flat = any(
        suffixes.has_image_suffix(entry.name) for place in (root, root / inner) for entry in entries_in(place)
    )
    return inner if holding > 1 and not is_flat else None


def sentence(where: object, inner: str) -> str:
    """What is wrong with a dataset whose class folders all lie in one folder."""
    return f"all images of {where} lie in folders of {inner}, which is not a class"


def has_image(folder: Path, at_least: int = 0) -> bool:
    """Whether an image lies below a folder, at least this many folders deep."""
    todo = [(folder, 0)]
    while todo:
        place, depth = todo.pop()
        entries = list(entries_in(place))
        if depth >= at_least and any(suffixes.has_image_suffix(entry.name) for entry in entries if entry.is_file()):
            return True
        if depth + 1 < DEEPEST:
            todo += [(Path(entry.path), depth + 1) for entry in entries if entry.is_dir()]
    return False


def folders_in(folder: Path) -> list[str]:
    """The folders in it, sorted, without virtual environments."""
    folders = (entry.name for entry in entries_in(folder) if entry.is_dir())
    return sorted(name for name in folders if not (folder / name / "pyvenv.cfg").exists())


def entries_in(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder and not hidden; nothing where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not suffixes.is_hidden_part(entry.name) and not _is_loop(entry))
    except OSError:
        return


def _is_loop(entry: os.DirEntry[str]) -> bool:
    """Whether it is a link that leads nowhere but to itself, or to what may not be seen."""
    try:
        entry.is_dir()
    except OSError:
        return True
    return False
