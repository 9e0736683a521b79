"""Members of an archive that were files of a folder with a folder per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from imgcls.data import image_folders, splits, suffixes
from imgcls.data.places import base, urls
from imgcls.data.places.base import Candidate, Contents
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.blocks import Blocks
from imgcls.records.data import Member

EntryRow = tuple[str, tuple[int, ...], bool, tuple[str, str] | None, str | None, bytes | None]

_DEPTH = 3
"""Folders of a path by which roots, classes and splits are told apart."""


class Entry(NamedTuple):
    """A member that is not a folder, as :func:`entry` makes it.

    ``is_image``: whether it is listed by its name, as an image or as a rejection; ``fault``: why its bytes are not
    those of an image. ``sha256``: of its bytes; ``label``: the bytes themselves where they are a label; None where they
    were not read yet.
    """

    member: Member
    is_image: bool
    fault: Undecodable | None = None
    sha256: str | None = None
    label: bytes | None = None

    @property
    def row(self) -> EntryRow:
        """All of it except form and container, as plain values."""
        why = (self.fault.reason, self.fault.detail) if self.fault else None
        return self.member.name, self.member.at, self.is_image, why, self.sha256, self.label


def entry(member: Member, fault: Undecodable | None = None) -> Entry:
    """A member, none of whose bytes was read."""
    is_image = suffixes.has_image_suffix(member.name) and not any(map(_is_hidden, member.name.split("/")))
    return Entry(member, is_image, fault)


def _is_hidden(part: str) -> bool:
    return part not in {".", ".."} and suffixes.is_hidden_part(part)


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one container, among the rows of several; iterated as often as needed."""

    form: str
    container: str
    rows: Blocks[EntryRow]
    start: int
    stop: int

    def __iter__(self) -> Iterator[Entry]:
        for name, at, is_image, why, sha256, label in self.rows.part(self.start, self.stop):
            fault = Undecodable(*why) if why else None  # type: ignore[arg-type]  # a reason, as it was packed
            yield Entry(Member(self.form, self.container, name, at), is_image, fault, sha256, label)


@dataclass(slots=True)
class _Folders:
    """The folders of members, by their names: those of images, and all. ``first``: of the images."""

    of_images: set[str] = field(default_factory=set)
    of_all: set[str] = field(default_factory=set)
    first: Member | None = None
    ignored: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        folder = entry.member.name.rpartition("/")[0]
        self.of_all.add(folder)
        if entry.is_image:
            self.first = self.first or entry.member
            self.of_images.add(folder)
        else:
            self.ignored.update(suffixes.by_suffix([PurePosixPath(entry.member.name)]))

    def above_images(self) -> set[tuple[str, ...]]:
        """The first folders of the paths of images."""
        return {PurePosixPath(folder).parts[:_DEPTH] for folder in self.of_images}

    def first_of_all(self) -> Iterator[tuple[str, ...]]:
        """The first folders of all paths that are not hidden."""
        paths = map(PurePosixPath, self.of_all)
        return (path.parts[:_DEPTH] for path in paths if not (suffixes.is_hidden(path) or path.is_absolute()))


def contents(
    members: Mapping[str, Iterable[Entry]], columns: Mapping[str, str], folders: Iterable[str] = ()
) -> Contents:
    """Images by the first folder of their paths, without a folder that they all lie in. Raises ConfigError.

    ``members``: of each container, by what precedes its paths; iterated twice. ``folders``: the folders in all of them,
    by their names.
    """
    if columns:
        raise ConfigError("columns are those of a manifest, of samples or of Parquet, and these are folders of classes")
    of_members = _Folders()
    for of_one in members.values():
        for entry in of_one:
            of_members.add(entry)
    of_members.of_all.update(folders)
    root, notes = _root(of_members)
    _require_classes(of_members, root)
    candidates = (
        _candidate(entry, root, prefix) for prefix, of_one in members.items() for entry in of_one if entry.is_image
    )
    return Contents(candidates, of_members.ignored, notes, _classes(of_members, root))


def _classes(folders: _Folders, root: str) -> frozenset[str]:
    """The labels of all folders directly in the root."""
    below = (parts[bool(root) :] for parts in folders.first_of_all() if not root or parts[:1] == (root,))
    return frozenset(base.shown(PurePosixPath(parts[0])) for parts in below if parts)


def _root(folders: _Folders) -> tuple[str, Sequence[str]]:
    """The folder above all class folders, which an archive of a folder has, and a note that it was left out."""
    above = folders.above_images()
    roots = {parts[0] for parts in above if parts}
    if len(roots) != 1 or not all(len(parts) > 1 for parts in above):
        return "", ()
    root = roots.pop()
    return root, (f"its paths begin in the folder {root} of the archive",)


def _require_classes(folders: _Folders, root: str) -> None:
    """Raise ConfigError where the first folders of the images are splits, or one that holds the class folders."""
    if folders.first is None:
        return
    container = "the folder" if folders.first.form == "url" else urls.shown(folders.first.container)
    paths = [parts[bool(root) :] for parts in folders.above_images()]
    with_folders = {path[0] for path in paths if len(path) > 1}
    names = splits.among({path[0] for path in paths if path}, with_folders.__contains__)
    if names:
        raise ConfigError(f"{splits.sentence(container, names)}: make a dataset of each by itself")
    if inner := _above_classes(paths):
        raise ConfigError(f"{image_folders.sentence(container, inner)}: make a dataset of that folder by itself")


def _above_classes(paths: Sequence[tuple[str, ...]]) -> str | None:
    """As :func:`imgcls.data.image_folders.of_classes` has it, by the first folders of the images."""
    names = {path[0] if len(path) > 1 else "" for path in paths}
    inner = names.pop() if len(names) == 1 else ""
    return inner if inner.lower() in image_folders.USUAL and len({path[1] for path in paths}) > 1 else None


def _candidate(entry: Entry, root: str, prefix: str) -> Candidate:
    try:
        path = base.member_path(entry.member.name)
    except Undecodable as outside:
        return Candidate(prefix + entry.member.name, entry.member, None, outside)
    text = base.shown(path)
    text = text[len(base.shown(PurePosixPath(root))) + 1 :] if root else text
    label, in_folder, _ = text.partition("/")
    fault = entry.fault
    if not in_folder:
        fault = Undecodable("unlabelled", "it lies next to the class folders of the archive, not in one")
    return Candidate(prefix + text, entry.member, label if in_folder else None, fault, sha256=entry.sha256)
