"""Members of an archive that were files of a folder with a folder per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from imgcls.data import splits, suffixes
from imgcls.data.places import base, urls
from imgcls.data.places.base import Candidate, Contents
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.data import Member


class Entry(NamedTuple):
    """A member that is not a folder; ``fault``: why its bytes are not those of an image."""

    member: Member
    fault: Undecodable | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is listed by its name, as an image or as a rejection."""
        path = PurePosixPath(self.member.name)
        inside = PurePosixPath(*(part for part in path.parts if part != ".."))
        return suffixes.has_image_suffix(path) and not suffixes.is_hidden(inside)


def contents(
    members: Mapping[str, Sequence[Entry]], columns: Mapping[str, str], folders: Sequence[str] = ()
) -> Contents:
    """Images by the first folder of their paths, without a folder that they all lie in. Raises ConfigError.

    ``members``: of each container, by what precedes its paths. ``folders``: the folders in all of them, by their names.
    """
    if columns:
        raise ConfigError("columns are those of a manifest, of samples or of Parquet, and these are folders of classes")
    entries = [entry for of_one in members.values() for entry in of_one]
    images = [entry for entry in entries if entry.is_image]
    root, notes = _root(images)
    _require_classes(images, root)
    listed = [(prefix, entry) for prefix, of_one in members.items() for entry in of_one if entry.is_image]
    candidates = base.once([_candidate(entry, root, prefix) for prefix, entry in listed])
    ignored = [PurePosixPath(entry.member.name) for entry in entries if not entry.is_image]
    paths = [*map(PurePosixPath, folders), *(PurePosixPath(entry.member.name).parent for entry in entries)]
    return Contents(candidates, suffixes.by_suffix(ignored), notes, _classes(paths, root))


def _classes(folders: Sequence[PurePosixPath], root: str) -> frozenset[str]:
    """The labels of all folders directly in the root."""
    inside = (path.parts for path in folders if not (suffixes.is_hidden(path) or path.is_absolute()))
    below = (parts[bool(root) :] for parts in inside if not root or parts[:1] == (root,))
    return frozenset(base.shown(PurePosixPath(parts[0])) for parts in below if parts)


def _root(images: Sequence[Entry]) -> tuple[str, Sequence[str]]:
    """The folder above all class folders, which an archive of a folder has, and a note that it was left out."""
    parts = [PurePosixPath(entry.member.name).parts for entry in images]
    roots = {path[0] for path in parts if path}
    if len(roots) != 1 or not all(len(path) > 2 for path in parts):
        return "", ()
    root = roots.pop()
    return root, (f"its paths begin in the folder {root} of the archive",)


def _require_classes(images: Sequence[Entry], root: str) -> None:
    """Raise ConfigError where the first folders of the images are splits."""
    paths = [PurePosixPath(entry.member.name).parts[bool(root) :] for entry in images]
    with_folders = {path[0] for path in paths if len(path) > 2}
    names = splits.among({path[0] for path in paths if len(path) > 1}, with_folders.__contains__)
    if names:
        container = urls.shown(images[0].member.container) if images[0].member.at else "the folder"
        what = "which are not classes" if len(names) > 1 else "which is not a class"
        raise ConfigError(f"{container} holds {' and '.join(names)}, {what}: make a dataset of each by itself")


def _candidate(entry: Entry, root: str, prefix: str) -> Candidate:
    try:
        path = base.member_path(entry.member.name)
    except Undecodable as outside:
        return Candidate(prefix + entry.member.name, entry.member, None, outside)
    path = path.relative_to(root) if root else path
    label, *below = path.parts
    fault = entry.fault
    if not below:
        fault = Undecodable("unlabelled", "it lies next to the class folders of the archive, not in one")
    text = prefix + base.shown(path)
    return Candidate(text, entry.member, base.shown(PurePosixPath(label)) if below else None, fault)
