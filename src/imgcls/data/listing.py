"""Finds and hashes files, reads exactly the bytes that were hashed, and accounts for every path."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePath, PurePosixPath

from imgcls.data import shards, suffixes, walk
from imgcls.data.places import base, containers, files, forms, remote_folder, urls
from imgcls.data.places.base import Candidate, Sha256
from imgcls.data.suffixes import is_hidden
from imgcls.errors import ConfigError, Undecodable
from imgcls.messages import named, path_text
from imgcls.records.config import DatasetSpec
from imgcls.records.data import FileState, ImageRef, Images, Listing, Place, Rejection
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
    stated = remote_folder.listed_state(place) if place.form == "url" else containers.listed_state(place.container)
    if stated is None or stated.version is None:
        return None
    container = Path("/", *_named(place.container)) if urls.is_remote(place.container) else Path(place.container)
    at = ":".join(map(str, (place.form, *(() if place.form == "url" else place.at), place.name)))
    return FileState(container.absolute() / at, stated.size, stated.mtime_ns, stated.version)


def unhashed(place: Place) -> str:
    """What stands for the hash of bytes that are not read: another one for every place."""
    return hashlib.sha256(str(place).encode(errors="surrogatepass")).hexdigest()


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
    ignored = Counter[str]()
    listing = hashed(dataset, map(_labelled, _candidates(folder, ignored)), ignored, sha256, shard)
    return replace(listing, empty_classes=tuple(sorted(classes.difference(map(str, listing.images.labels)))))


def find_flat(dataset: str, folder: Path, sha256: Sha256 = sha256) -> Listing:
    """List a folder whose images have no labels, anywhere below it: otherwise as :func:`find`."""
    ignored = Counter[str]()
    return hashed(dataset, _candidates(folder, ignored), ignored, sha256)


def find_unlabelled(dataset: str, paths: Sequence[Path]) -> Listing:
    """List files that were named one by one, whatever their extension, and images anywhere below folders.

    Labels are ``None``; paths are as given, in the order given, each once. A note counts what is ignored in folders.
    """
    ignored = Counter[str]()
    candidates = chain.from_iterable(_named_by_hand(given, ignored) for given in paths)
    listing = hashed(dataset, base.each_once(candidates), ignored, sha256)
    return replace(listing, notes=_ignored(listing))


def _named_by_hand(given: Path, ignored: Counter[str]) -> Iterator[Candidate]:
    """A file, or the images below a folder; other files there are added to ``ignored``."""
    shown = path_text(given)
    if not given.is_dir():
        yield Candidate(shown, given, None)
        return
    for candidate in _candidates(given, ignored):
        yield candidate._replace(path=(PurePosixPath(shown) / candidate.path).as_posix())


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


def _candidates(folder: Path, ignored: Counter[str]) -> Iterator[Candidate]:
    """The paths below a folder that should be images, sorted; others are added to ``ignored``, by suffix."""
    for file, fault in walk.below(folder):
        relative = file.relative_to(folder)
        if not is_hidden(relative) and (fault or suffixes.has_image_suffix(file)):
            yield Candidate(path_text(relative), file, None, files.from_system(fault) if fault else None)
        else:
            ignored.update(suffixes.by_suffix([relative]))


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
        contents = forms.contents(dataset, None if shard else sha256)
    except ConfigError as error:
        raise ConfigError(f"dataset {dataset.name!r}: {error}") from error
    classes = set(contents.classes)
    candidates = base.once(_with_hashes(contents.candidates, sha256, shard))
    listing = _listing(dataset.name, _noting_labels(candidates, classes), contents.ignored, shard)
    empty = classes.difference(map(str, listing.images.labels))
    return replace(listing, notes=tuple(contents.notes), empty_classes=tuple(sorted(empty)))


def _noting_labels(candidates: Iterable[Candidate], classes: set[str]) -> Iterator[Candidate]:
    for candidate in candidates:
        if candidate.label is not None:
            classes.add(candidate.label)
        yield candidate


def hashed(
    dataset: str,
    candidates: Iterable[Candidate],
    ignored: Mapping[str, int],
    sha256: Sha256,
    shard: Shard | None = None,
) -> Listing:
    """The listing of candidates: an image for each file that can be hashed, a rejection for any other.

    ``ignored``: the number of ignored paths by suffix, which is complete once the candidates are consumed. ``shard``:
    what is in another one is only counted.
    """
    return _listing(dataset, _with_hashes(candidates, sha256, shard), ignored, shard)


def _with_hashes(candidates: Iterable[Candidate], sha256: Sha256, shard: Shard | None) -> Iterator[Candidate]:
    """The candidates, those of the shard with the hash of their bytes or the fault that keeps them from being read."""
    for candidate in candidates:
        place = candidate.place
        if not shards.has(shard, candidate.path):
            yield candidate
            continue
        try:
            if reason := candidate.fault or suffixes.refusal(place if isinstance(place, Path) else place.name):
                raise reason
            yield candidate._replace(sha256=candidate.sha256 or sha256(place))
        except Undecodable as error:
            yield candidate._replace(fault=error)


def _listing(dataset: str, candidates: Iterable[Candidate], ignored: Mapping[str, int], shard: Shard | None) -> Listing:
    """The listing of candidates that have a hash or a fault, apart from those of other shards."""
    rejections = list[Rejection]()
    elsewhere = Counter[str]()
    paths = shards.Paths()
    images = Images(_images(dataset, paths.noting(candidates, shard), rejections, elsewhere, shard))
    counted = shards.ignored(shard, ignored)
    return Listing(
        images,
        tuple(rejections),
        sum(counted.values()),
        dict(sorted(counted.items())),
        elsewhere=dict(sorted(elsewhere.items())),
        all_paths=str(paths) if shard else None,
    )


def _images(
    dataset: str,
    candidates: Iterable[Candidate],
    rejections: list[Rejection],
    elsewhere: Counter[str],
    shard: Shard | None,
) -> Iterator[ImageRef]:
    """The images among candidates; what is not one is added to the rejections, or to the labels of other shards."""
    for path, place, label, fault, columns, group, sha256 in candidates:
        if not shards.has(shard, path):
            elsewhere.update([label] if label is not None and fault is None else [])
        elif fault:
            rejections.append(Rejection(dataset, path, fault.reason, fault.detail))
        elif sha256:
            yield ImageRef(path, place, sha256, label, dict(columns), group)


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
