"""Finds and hashes files, reads exactly the bytes that were hashed, and accounts for every path."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from imgcls.data import shards, suffixes
from imgcls.data.places import containers, files, forms, urls
from imgcls.data.places.base import Candidate, Sha256
from imgcls.data.suffixes import is_hidden
from imgcls.errors import ConfigError, Undecodable
from imgcls.messages import named, path_text
from imgcls.records.config import DatasetSpec
from imgcls.records.data import FileState, ImageRef, Listing, Place, Rejection
from imgcls.records.shards import Shard

_DIGITS = 16
"""Of the hash of a URL."""


def sha256(place: Place) -> str:
    """The hash of the bytes at a place. Raises :class:`Undecodable` where they cannot be read."""
    return files.sha256(place) if isinstance(place, Path) else hashlib.sha256(content(place)).hexdigest()


def state(place: Place) -> FileState | None:
    """What tells that the bytes at a place are likely the same as before; None where nothing does.

    Raises :class:`Undecodable`.
    """
    if isinstance(place, Path):
        status = files.status(place)
        return FileState(place.absolute(), status.st_size, status.st_mtime_ns, status.st_ino)
    if place.container.startswith(forms.PYTHON):
        return None
    container = Path("/", *_named(place.container)) if urls.is_remote(place.container) else Path(place.container)
    at = ":".join(map(str, (place.form, *place.at, place.name)))
    return FileState(container.absolute() / at, *containers.listed_state(place.container))


def _named(url: str) -> tuple[str, str]:
    """A URL without what is secret in it, and a hash of all of it: as it is kept on the disk."""
    return urls.shown(url), hashlib.sha256(url.encode()).hexdigest()[:_DIGITS]


def find(dataset: str, folder: Path, sha256: Sha256 = sha256, shard: Shard | None = None) -> Listing:
    """List a folder that holds one folder per class, with images anywhere below those.

    Linked folders are followed, loops are not. Files with the suffix of an image (:mod:`imgcls.data.suffixes`) are
    images or rejections; all others, and everything hidden (a leading dot), are counted as ignored. Paths come sorted.
    ``sha256`` hashes a file, or raises :class:`Undecodable`. ``shard``: list only its images, and hash no others.

    Raises :class:`ConfigError` where the folder is absent or holds no class folder.
    """
    classes = _class_folders(dataset, folder)
    candidates, ignored = _candidates(folder)
    listing = hashed(dataset, map(_labelled, candidates), ignored, sha256, shard)
    return replace(listing, empty_classes=tuple(sorted(classes - {str(image.label) for image in listing.images})))


def find_flat(dataset: str, folder: Path, sha256: Sha256 = sha256) -> Listing:
    """List a folder whose images have no labels, anywhere below it: otherwise as :func:`find`."""
    return hashed(dataset, *_candidates(folder), sha256)


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
            candidates.append(Candidate(path_text(relative), file, None, files.from_system(fault) if fault else None))
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
    for root, folders, names in os.walk(folder, onerror=faults.append, followlinks=True):
        ancestors = above.pop(root)
        paths.update((Path(root, name), None) for name in names)
        paths.update((Path(root, name), None) for name in folders if suffixes.has_image_suffix(name))
        real = {name: os.path.realpath(os.path.join(root, name)) for name in folders}  # noqa: PTH118 - os.walk's own
        folders[:] = [name for name in folders if real[name] not in ancestors]
        above |= {os.path.join(root, name): ancestors | {real[name]} for name in folders}  # noqa: PTH118 - spelling
    return paths | {Path(fault.filename): fault for fault in faults}


def _labelled(candidate: Candidate) -> Candidate:
    label, *below = PurePosixPath(candidate.path).parts
    if below or candidate.fault or (isinstance(candidate.place, Path) and candidate.place.is_dir()):
        return candidate._replace(label=label)
    fault = Undecodable("unlabelled", "it lies next to the class folders: move it into the folder of its class")
    return candidate._replace(fault=fault)


def find_members(dataset: DatasetSpec, sha256: Sha256, shard: Shard | None = None) -> Listing:
    """List a dataset of one of :data:`imgcls.data.places.forms.FORMS`: paths come sorted. Raises ConfigError.

    ``shard``: list only its images.
    """
    try:
        contents = forms.contents(dataset)
    except ConfigError as error:
        raise ConfigError(f"dataset {dataset.name!r}: {error}") from error
    candidates = sorted(contents.candidates, key=lambda candidate: candidate.path)
    classes = contents.classes.union(candidate.label for candidate in candidates if candidate.label is not None)
    listing = hashed(dataset.name, candidates, contents.ignored, sha256, shard)
    empty = classes - {str(image.label) for image in listing.images}
    return replace(listing, notes=tuple(contents.notes), empty_classes=tuple(sorted(empty)))


def hashed(
    dataset: str,
    candidates: Iterable[Candidate],
    ignored: Mapping[str, int],
    sha256: Sha256,
    shard: Shard | None = None,
) -> Listing:
    """The listing of candidates: an image for each file that can be hashed, a rejection for any other.

    ``ignored``: the number of ignored paths by suffix. ``shard``: what is in another one is only counted.
    """
    images: list[ImageRef] = []
    rejections: list[Rejection] = []
    elsewhere = Counter[str]()
    for path, place, label, fault, columns, group in candidates:
        if not shards.has(shard, path):
            elsewhere.update([label] if label is not None and fault is None else [])
            continue
        try:
            if reason := fault or suffixes.refusal(place if isinstance(place, Path) else place.name):
                raise reason
            images.append(ImageRef(path, place, sha256(place), label, dict(columns), group))
        except Undecodable as error:
            rejections.append(Rejection(dataset, path, error.reason, error.detail))
    counted = shards.ignored(shard, ignored)
    return Listing(
        tuple(images),
        tuple(rejections),
        sum(counted.values()),
        dict(sorted(counted.items())),
        elsewhere=dict(sorted(elsewhere.items())),
    )


def read(ref: ImageRef) -> bytes:
    """The bytes that were hashed when the image was listed.

    Raises :class:`Undecodable` where they are gone, cannot be read, or have changed (``changed``).
    """
    data = content(ref.place)
    now = hashlib.sha256(data).hexdigest()
    if now != ref.sha256:
        raise Undecodable("changed", f"it was listed with sha256 {ref.sha256}, and now has {now}")
    return data


def content(place: Place) -> bytes:
    """The bytes at a place. Raises :class:`Undecodable` where they cannot be read."""
    try:
        return files.content(place) if isinstance(place, Path) else forms.read(place)
    except MemoryError as fault:
        raise Undecodable("out_of_memory", "the file does not fit into memory") from fault
