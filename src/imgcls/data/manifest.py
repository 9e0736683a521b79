"""Lists the images that a manifest names, wherever its paths begin and however they are spelled."""

from __future__ import annotations

import functools
import os
from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from pathlib import Path, PurePath, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from imgcls import messages
from imgcls.data import listing as listings
from imgcls.data import manifest_table, suffixes
from imgcls.data.manifest_forms import Fault
from imgcls.data.manifest_table import ManifestTable, Row
from imgcls.data.places.base import Candidate, Sha256
from imgcls.errors import ConfigError
from imgcls.records import blocks
from imgcls.records.data import Listing
from imgcls.records.shards import Shard

ROWS_TRIED = 100  # docs/decisions.md#where-paths-of-a-manifest-begin
"""Rows that are looked for in the folders next to a manifest."""

_Spelled = tuple[str, int, str, dict[str, str], str | None]
"""A row in blocks: the path of its file, relative to the manifest; its line, label, columns and group."""


class _Faults:
    """What is wrong with a manifest: the first faults in the order of their lines, and the number of all."""

    def __init__(self) -> None:
        self._first: list[Fault] = []
        self.count = 0

    def add(self, fault: Fault) -> None:
        self.count += 1
        insort(self._first, fault)
        del self._first[messages.SENTENCES :]

    def __str__(self) -> str:
        return messages.sentences([f"line {fault.line}: {fault.why}" for fault in self._first], self.count)


class _Completion(NamedTuple):
    """What stands before and behind the paths of a manifest where their files are called so."""

    folder: str = ""
    suffix: str = ""


def find(
    dataset: str,
    file: Path,
    sha256: Sha256 = listings.sha256,
    columns: Mapping[str, str] = MappingProxyType({}),
    shard: Shard | None = None,
) -> Listing:
    """List the images of a manifest: ``.csv``, ``.tsv``, ``.txt`` or ``.jsonl``, as docs/configuration.md has them.

    Rows name images whatever their extension; paths are absolute, or relative to the file or to one of the folders
    next to it, and may lack their suffix. Paths come sorted. ``columns``: the names of the columns for ``path``,
    ``label`` and ``group``, by these.
    ``sha256`` hashes a file, or raises :class:`Undecodable`. What was guessed is among the notes. ``shard``: list only
    its images.

    Raises :class:`ConfigError` for a file that cannot be read, for columns that are missing or ambiguous, and, with
    all of their lines, for rows that are cut short, have a field too many, no path or no label, or a path twice.
    """
    try:
        table = manifest_table.read(file, columns)
        spelling = _Spelling(file.parent, _completion(file, table))
    except ConfigError as error:
        raise ConfigError(f"dataset {dataset!r}: {error}") from error
    faults = _Faults()
    rows = blocks.Blocks(_sorted(table, spelling, faults))
    if faults.count:
        raise ConfigError(f"dataset {dataset!r}: {file}, {faults}")
    candidates = (
        Candidate(messages.path_text(PurePosixPath(path)), file.parent / path, label, columns=others, group=group)
        for path, _, label, others, group in rows
    )
    listing = listings.hashed(dataset, candidates, {}, sha256, shard)
    notes = [*table.notes, *spelling.notes()]
    if {rejection.reason for rejection in listing.rejections} == {"missing"} and not listing.images:
        notes.append(f"none of its paths is that of a file: they are looked for from {file.parent} on")
    return replace(listing, notes=tuple(f"{file.name}: {note}" for note in notes))


def _sorted(table: ManifestTable, spelling: _Spelling, faults: _Faults) -> Iterator[_Spelled]:
    """The rows by their paths, each path once; adds what is wrong with lines to the faults."""
    path_before = None
    for row in blocks.in_order(_spelled(table, spelling, faults), itemgetter(0)):
        path, line, *_ = row
        if path == path_before:
            faults.add(Fault(line, f"{path} is listed twice; keep one row"))
        else:
            yield row
        path_before = path


def _spelled(table: ManifestTable, spelling: _Spelling, faults: _Faults) -> Iterator[_Spelled]:
    for line in table.stated():
        if isinstance(line, Fault):
            faults.add(line)
        else:
            yield spelling.path_of(line), line.line, line.label, dict(line.columns), line.group


def names_images_in(file: Path, folder: Path) -> bool:
    """Whether this is a manifest that names an image which lies directly in the folder."""
    try:
        table = manifest_table.read(file, {})
        spelling = _Spelling(file.parent, _completion(file, table))
    except ConfigError:
        return False
    files = (file.parent / spelling.path_of(row) for row in table.rows())
    return any(path.parent.resolve() == folder.resolve() and path.is_file() for path in files)


class _Spelling:
    """How the paths of a manifest become those of their files on this machine, relative to its folder."""

    def __init__(self, folder: Path, completion: _Completion) -> None:
        self._folder = folder
        self._completion = completion
        self._backslashes = 0

    def path_of(self, row: Row) -> str:
        written = _completed(row.path, self._completion)
        path = _existing(self._folder, written) or written
        self._backslashes += path != written
        return path

    def notes(self) -> Iterator[str]:
        """What was guessed for the paths that were spelled so far, a sentence each."""
        if self._completion.folder:
            yield f"its paths begin in the folder {self._completion.folder} next to it"
        if self._completion.suffix:
            yield f"its paths without the suffix of an image are read with {self._completion.suffix}"
        if self._backslashes:
            yield f"{self._backslashes} of its paths are written with \\ and read with /, as their files are called"


def _completion(manifest: Path, table: ManifestTable) -> _Completion:
    """What the paths lack, where none exists from the manifest's own folder on: the folder next to it, the suffix.

    Raises ConfigError where there are several.
    """
    folder = manifest.parent
    if any(_existing(folder, row.path) for row in table.rows()):
        return _Completion()
    names, suffixes_in = ["", *_folders_in(folder)], functools.cache(_suffixes_in)
    for row in islice(table.rows(), ROWS_TRIED):
        ways = [_Completion(name) for name in names if _existing(folder, f"{name}/{row.path}" if name else row.path)]
        if not ways and not suffixes.has_image_suffix(row.path):
            files = {name: folder / name / row.path for name in names}
            ways = [
                _Completion(n, suffix) for n, f in files.items() for suffix in suffixes_in(f.parent).get(f.name, ())
            ]
        if len(ways) > 1:
            files_of = " or ".join(_completed(row.path, way) for way in ways)
            raise ConfigError(f"{manifest}: {row.path} may be {files_of}: write paths of this form")
        if ways:
            return ways[0]
    return _Completion()


def _completed(path: str, completion: _Completion) -> str:
    suffix = "" if suffixes.has_image_suffix(path) else completion.suffix
    return PurePosixPath(completion.folder, path).as_posix() + suffix


def _suffixes_in(folder: Path) -> Mapping[str, list[str]]:
    """The suffixes of the images in a folder, by the rest of their names."""
    by_stem: dict[str, list[str]] = {}
    for name in sorted(_names_in(folder)):
        if suffixes.has_image_suffix(name):
            by_stem.setdefault(PurePath(name).stem, []).append(PurePath(name).suffix)
    return by_stem


def _folders_in(folder: Path) -> list[str]:
    names = (name for name in _names_in(folder) if not suffixes.is_hidden(PurePath(name)))
    return sorted(name for name in names if os.path.isdir(folder / name))  # noqa: PTH112 - pathlib's raises errors


def _names_in(folder: Path) -> list[str]:
    try:
        return [child.name for child in folder.iterdir()]
    except (OSError, ValueError):  # a folder may be entered and not listed; a row may hold anything
        return []


def _existing(folder: Path, path: str) -> str | None:
    """The path as written or with ``/`` in the place of each backslash: the first for which there is a file."""
    for spelling in (path, path.replace("\\", "/")) if "\\" in path else (path,):
        # os.path's: that of pathlib raises an error for names that are too long
        if os.path.exists(folder / spelling):  # noqa: PTH110
            return PurePosixPath(spelling).as_posix()
    return None
