"""Finds and hashes files, reads exactly the bytes that were hashed, and accounts for every path."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from imgcls.data import suffixes
from imgcls.data.suffixes import is_hidden
from imgcls.errors import ConfigError, Undecodable
from imgcls.messages import named, path_text
from imgcls.records.data import ImageRef, Listing, Rejection


def sha256(file: Path) -> str:
    """The hash of a file's bytes. Raises :class:`Undecodable` where it cannot be read."""
    with _regular_file(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def status(file: Path) -> os.stat_result:
    """The status of a file that has bytes. Raises :class:`Undecodable` for anything else."""
    try:
        status = file.stat()
    except OSError as fault:
        raise _from_system(fault) from fault
    if not stat.S_ISREG(status.st_mode):
        raise Undecodable("not_regular", f"not a file, its mode is {stat.filemode(status.st_mode)}")
    if not status.st_size:
        raise Undecodable("empty", "it has 0 bytes")
    return status


class Candidate(NamedTuple):
    """A path that should be an image; ``fault``: why it is already known not to be one. The rest is ImageRef's."""

    path: str
    file: Path
    label: str | None
    fault: Undecodable | None = None
    columns: Mapping[str, str] = MappingProxyType({})
    group: str | None = None


def find(dataset: str, folder: Path, sha256: Callable[[Path], str] = sha256) -> Listing:
    """List a folder that holds one folder per class, with images anywhere below those.

    Linked folders are followed, loops are not. Files with the suffix of an image (:mod:`imgcls.data.suffixes`) are
    images or rejections; all others, and everything hidden (a leading dot), are counted as ignored. Paths come sorted.
    ``sha256`` hashes a file, or raises :class:`Undecodable`.

    Raises :class:`ConfigError` where the folder is absent or holds no class folder.
    """
    classes = _class_folders(dataset, folder)
    candidates, ignored = _candidates(folder)
    listing = hashed(dataset, map(_labelled, candidates), ignored, sha256)
    return replace(listing, empty_classes=tuple(sorted(classes - {str(image.label) for image in listing.images})))


def find_unlabelled(dataset: str, paths: Sequence[Path]) -> Listing:
    """List files that were named one by one, whatever their extension, and images anywhere below folders.

    Labels are ``None``; paths are as given, in the order given, each once. A note counts what is ignored in folders.
    """
    candidates: dict[str, Candidate] = {}
    ignored = Counter[str]()
    for given in paths:
        shown = path_text(given)
        if not given.is_dir():
            candidates.setdefault(shown, Candidate(shown, given, None))
            continue
        below, ignored_below = _candidates(given)
        ignored.update(ignored_below)
        for candidate in below:
            path = (PurePosixPath(shown) / candidate.path).as_posix()
            candidates.setdefault(path, candidate._replace(path=path))
    listing = hashed(dataset, candidates.values(), ignored, sha256)
    return replace(listing, notes=_ignored(listing))


def _ignored(listing: Listing) -> tuple[str, ...]:
    """A sentence on what was ignored, for a run that has no table of files."""
    if not listing.ignored:
        return ()
    by_suffix = [f"{suffix or 'no suffix'} {count}" for suffix, count in listing.ignored_suffixes.items()]
    return (f"files in folders that are not images by their suffix were ignored: {named(by_suffix)}",)


def _class_folders(dataset: str, folder: Path) -> set[str]:
    """The labels of all folders in the folder. Raises ConfigError where there is none."""
    expected = "expected a folder that holds one folder of images per class"
    try:
        names = [child.name for child in folder.iterdir() if child.is_dir() and not is_hidden(PurePath(child.name))]
    except OSError as fault:
        raise ConfigError(f"dataset {dataset!r}: {folder}: {fault.strerror}; {expected}") from fault
    if not names:
        raise ConfigError(f"dataset {dataset!r}: {folder} has no folder in it; {expected}")
    return {path_text(PurePath(name)) for name in names}


def _candidates(folder: Path) -> tuple[list[Candidate], Mapping[str, int]]:
    """The paths below a folder that should be images, sorted, and the number of other paths by suffix."""
    candidates: list[Candidate] = []
    ignored: list[PurePath] = []
    for file, fault in _walk(folder).items():
        relative = file.relative_to(folder)
        if not is_hidden(relative) and (fault or suffixes.has_image_suffix(file)):
            candidates.append(Candidate(path_text(relative), file, None, _from_system(fault) if fault else None))
        else:
            ignored.append(relative)
    return sorted(candidates, key=lambda candidate: candidate.path), suffixes.by_suffix(ignored)


def _walk(folder: Path) -> Mapping[Path, OSError | None]:
    """Every path below a folder except ordinary folders, with the error where it could not be listed.

    Folders that are named like an image are among them.
    """
    paths: dict[Path, OSError | None] = {}
    faults: list[OSError] = []
    above = {os.fspath(folder): frozenset({os.path.realpath(folder)})}
    for root, folders, files in os.walk(folder, onerror=faults.append, followlinks=True):
        ancestors = above.pop(root)
        paths.update((Path(root, name), None) for name in files)
        paths.update((Path(root, name), None) for name in folders if suffixes.has_image_suffix(name))
        real = {name: os.path.realpath(os.path.join(root, name)) for name in folders}  # noqa: PTH118 - os.walk's own
        folders[:] = [name for name in folders if real[name] not in ancestors]
        above |= {os.path.join(root, name): ancestors | {real[name]} for name in folders}  # noqa: PTH118 - spelling
    return paths | {Path(fault.filename): fault for fault in faults}


def _labelled(candidate: Candidate) -> Candidate:
    label, *below = PurePosixPath(candidate.path).parts
    if below or candidate.fault or candidate.file.is_dir():
        return candidate._replace(label=label)
    fault = Undecodable("unlabelled", "it lies next to the class folders: move it into the folder of its class")
    return candidate._replace(fault=fault)


def hashed(
    dataset: str, candidates: Iterable[Candidate], ignored: Mapping[str, int], sha256: Callable[[Path], str]
) -> Listing:
    """The listing of candidates: an image for each file that can be hashed, a rejection for any other.

    ``ignored``: the number of ignored paths by suffix.
    """
    images: list[ImageRef] = []
    rejections: list[Rejection] = []
    for path, file, label, fault, columns, group in candidates:
        try:
            if reason := fault or suffixes.refusal(file):
                raise reason
            images.append(ImageRef(path, file, sha256(file), label, dict(columns), group))
        except Undecodable as error:
            rejections.append(Rejection(dataset, path, error.reason, error.detail))
    return Listing(tuple(images), tuple(rejections), sum(ignored.values()), dict(sorted(ignored.items())))


def read(ref: ImageRef) -> bytes:
    """The bytes that were hashed when the file was listed.

    Raises :class:`Undecodable` where they are gone, cannot be read, or have changed (``changed``).
    """
    try:
        with _regular_file(ref.file) as file:
            data = file.read()
    except MemoryError as fault:
        raise Undecodable("out_of_memory", "the file does not fit into memory") from fault
    now = hashlib.sha256(data).hexdigest()
    if now != ref.sha256:
        raise Undecodable("changed", f"it was listed with sha256 {ref.sha256}, and now has {now}")
    return data


@contextmanager
def _regular_file(file: Path) -> Iterator[io.BufferedReader]:
    """Open a file that has bytes; any error of the system, until it is closed, is Undecodable."""
    status(file)  # first: to open a pipe is to wait for its writer
    try:
        with file.open("rb") as opened:
            yield opened
    except OSError as fault:
        raise _from_system(fault) from fault


def _from_system(fault: OSError) -> Undecodable:
    detail = fault.strerror or str(fault)
    if isinstance(fault, (FileNotFoundError, NotADirectoryError)):
        return Undecodable("missing", detail)
    return Undecodable("permission" if isinstance(fault, PermissionError) else "unreadable", detail)
