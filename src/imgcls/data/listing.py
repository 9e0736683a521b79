"""Finds and hashes files, reads exactly the bytes that were hashed, and accounts for every path."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from imgcls.errors import ConfigError, Undecodable
from imgcls.records.data import ImageRef, Listing, Rejection

EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .gif .mpo".split()  # noqa: SIM905 - one line, not twelve
)


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


class _Candidate(NamedTuple):
    """A path that should be an image; ``fault``: why it is already known not to be one."""

    path: str
    file: Path
    label: str | None
    fault: Undecodable | None = None


def find(dataset: str, folder: Path, sha256: Callable[[Path], str] = sha256) -> Listing:
    """List a folder that holds one folder per class, with images anywhere below those.

    Linked folders are followed, loops are not. Names of :data:`EXTENSIONS` (in any case) are images; any
    other name, and everything hidden (a leading dot), is counted as ignored. Paths come sorted.
    ``sha256`` hashes a file, or raises :class:`Undecodable`.

    Raises :class:`ConfigError` where the folder is absent or holds no class folder.
    """
    _require_class_folder(dataset, folder)
    candidates, ignored = _candidates(folder)
    return _listing(dataset, map(_labelled, candidates), ignored, sha256)


def find_manifest(dataset: str, csv_file: Path, sha256: Callable[[Path], str] = sha256) -> Listing:
    """List a UTF-8 ``.csv`` file with the columns ``path`` (relative to the file) and ``label``.

    Rows name images whatever their extension; other columns are ignored. Paths come sorted.
    ``sha256`` is as for :func:`find`.

    Raises :class:`ConfigError` for a file that cannot be read, columns that are missing, and, by line, for a row
    that is cut short, has a field too many, an empty path or label, or a path that is listed twice.
    """
    rows: dict[str, _Candidate] = {}
    for line, row in _manifest_rows(dataset, csv_file):
        path = PurePosixPath(row["path"]).as_posix()
        if path in rows:
            raise ConfigError(f"dataset {dataset!r}: {csv_file}, line {line}: {path} is listed twice; keep one row")
        rows[path] = _Candidate(path, csv_file.parent / path, row["label"])
    return _listing(dataset, (rows[path] for path in sorted(rows)), 0, sha256)


def find_unlabelled(dataset: str, paths: Sequence[Path]) -> Listing:
    """List files that were named one by one, whatever their extension, and images anywhere below folders.

    Labels are ``None``; paths are as given, in the order given, each once.
    """
    candidates: dict[str, _Candidate] = {}
    ignored = 0
    for given in paths:
        shown = _text(given)
        if not given.is_dir():
            candidates.setdefault(shown, _Candidate(shown, given, None))
            continue
        below, ignored_below = _candidates(given)
        ignored += ignored_below
        for candidate in below:
            path = (PurePosixPath(shown) / candidate.path).as_posix()
            candidates.setdefault(path, candidate._replace(path=path))
    return _listing(dataset, candidates.values(), ignored, sha256)


def require_one_label_per_image(listing: Listing) -> None:
    """Raise :class:`ConfigError` where the same bytes are listed under two labels: no prediction could be right."""
    first_of: dict[str, ImageRef] = {}
    for image in listing.images:
        first = first_of.setdefault(image.sha256, image)
        if first.label != image.label:
            raise ConfigError(
                f"the same bytes have two labels: {first.path} is {first.label!r} and {image.path} is {image.label!r}; "
                "remove one of the two files"
            )


def _require_class_folder(dataset: str, folder: Path) -> None:
    expected = "expected a folder that holds one folder of images per class"
    try:
        has_one = any(child.is_dir() and not child.name.startswith(".") for child in folder.iterdir())
    except OSError as fault:
        raise ConfigError(f"dataset {dataset!r}: {folder}: {fault.strerror}; {expected}") from fault
    if not has_one:
        raise ConfigError(f"dataset {dataset!r}: {folder} has no folder in it; {expected}")


def _candidates(folder: Path) -> tuple[list[_Candidate], int]:
    """The paths below a folder that should be images, sorted, and the number of other paths."""
    everything = _walk(folder)
    candidates: list[_Candidate] = []
    for file, fault in everything.items():
        relative = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and (fault or _named_like_an_image(file)):
            candidates.append(_Candidate(_text(relative), file, None, _from_system(fault) if fault else None))
    return sorted(candidates, key=lambda candidate: candidate.path), len(everything) - len(candidates)


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
        paths.update((Path(root, name), None) for name in folders if _named_like_an_image(name))
        real = {name: os.path.realpath(os.path.join(root, name)) for name in folders}  # noqa: PTH118 - os.walk's own
        folders[:] = [name for name in folders if real[name] not in ancestors]
        above |= {os.path.join(root, name): ancestors | {real[name]} for name in folders}  # noqa: PTH118 - spelling
    return paths | {Path(fault.filename): fault for fault in faults}


def _named_like_an_image(name: str | Path) -> bool:
    return PurePath(name).suffix.lower() in EXTENSIONS


def _labelled(candidate: _Candidate) -> _Candidate:
    label, *below = PurePosixPath(candidate.path).parts
    if below or candidate.fault or candidate.file.is_dir():
        return candidate._replace(label=label)
    fault = Undecodable("unlabelled", "it lies next to the class folders: move it into the folder of its class")
    return candidate._replace(fault=fault)


def _listing(dataset: str, candidates: Iterable[_Candidate], ignored: int, sha256: Callable[[Path], str]) -> Listing:
    images: list[ImageRef] = []
    rejections: list[Rejection] = []
    for path, file, label, fault in candidates:
        try:
            if fault:
                raise fault
            images.append(ImageRef(path, file, sha256(file), label))
        except Undecodable as reason:
            rejections.append(Rejection(dataset, path, reason.reason, reason.detail))
    return Listing(tuple(images), tuple(rejections), ignored)


def _text(path: PurePath) -> str:
    """A path as it is shown and stored: with ``/``, and with bytes that are not UTF-8 spelled out."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _manifest_rows(dataset: str, csv_file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    where = f"dataset {dataset!r}: {csv_file}"
    try:
        with csv_file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            columns = list(reader.fieldnames or ())
            if not {"path", "label"} <= set(columns):
                raise ConfigError(f"{where}: expected the columns path and label, found {columns}")
            for row in reader:
                _require_whole_row(f"{where}, line {reader.line_num}", row, columns)
                yield reader.line_num, row
    except OSError as fault:
        raise ConfigError(f"{where}: {fault.strerror}; expected a .csv file with the columns path,label") from fault
    except (UnicodeDecodeError, csv.Error) as fault:
        raise ConfigError(f"{where}: not a UTF-8 .csv file: {fault}") from fault


def _require_whole_row(where: str, row: Mapping[str | None, object], columns: Sequence[str]) -> None:
    if None in row or None in row.values():
        raise ConfigError(f"{where}: expected the {len(columns)} fields {columns}; quote a field that holds a comma")
    if not row["path"] or not row["label"] or "\0" in str(row["path"]):
        raise ConfigError(f"{where}: expected a path and a label, found {row['path']!r} and {row['label']!r}")


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
