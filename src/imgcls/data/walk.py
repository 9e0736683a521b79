"""Every path below a folder, in order, with the names of one folder of each level in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from imgcls.data import suffixes
from imgcls.messages import path_text

_INSIDE = "/"
"""Behind a folder's name, where what is in it belongs among the names."""


class _Folder(NamedTuple):
    """A folder that was listed. ``real``: its own path without links, and those of the folders that it is in.

    ``names``: sorted, those of ``folders`` twice: themselves, and with ``/`` behind them.
    """

    path: str
    real: frozenset[str]
    names: list[str]
    folders: frozenset[str]


def below(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """Every path below a folder except ordinary folders, with the error where it could not be listed.

    Folders that are named like an image are among them. Linked folders are followed, loops are not. Paths come sorted
    as :func:`imgcls.messages.path_text` has them.
    """
    try:
        levels = [_inside(_listed(os.fspath(folder), os.path.realpath(folder), frozenset()))]
    except OSError as fault:
        yield folder, fault
        return
    while levels:
        path = next(levels[-1], None)
        if path is None:
            levels.pop()
        elif isinstance(path, _Folder):
            levels.append(_inside(path))
        else:
            yield path


def _inside(folder: _Folder) -> Iterator[_Folder | tuple[Path, OSError | None]]:
    """What is directly in a folder; folders that can be listed, where what is in them belongs."""
    listed: dict[str, _Folder] = {}
    for name in folder.names:
        path, fault = os.path.join(folder.path, name), None  # noqa: PTH118 - of many files
        if name.endswith(_INSIDE):
            if name in listed:
                yield listed.pop(name)
            continue
        if name in folder.folders:
            try:
                real = os.path.realpath(path)
                if real not in folder.real:
                    listed[name + _INSIDE] = _listed(path, real, folder.real)
            except OSError as error:
                fault = error
        if fault or name not in folder.folders or suffixes.has_image_suffix(name):
            yield Path(path), fault


def _listed(path: str, real: str, above: frozenset[str]) -> _Folder:
    """Raises OSError."""
    names, folders = list[str](), list[str]()
    with os.scandir(path) as entries:
        for entry in entries:
            (folders if _is_folder(entry) else names).append(entry.name)
    names += [*folders, *(name + _INSIDE for name in folders)]
    names.sort(key=_text)
    return _Folder(path, above | {real}, names, frozenset(folders))


def _text(name: str) -> str:
    """A name as paths have it; so sorted, with ``/`` behind folders, names make whole paths that are sorted."""
    if name.isascii() and "\\" not in name:
        return name  # as most are
    return path_text(PurePath(name)) + _INSIDE * name.endswith(_INSIDE)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
