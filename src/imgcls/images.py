"""Finds and hashes files, decodes exactly the bytes that were hashed, and accounts for every path.

A path that gives no pixels has one of these reasons:

- from the file system: ``missing``, ``permission``, ``not_regular`` (a folder, pipe, socket or device),
  ``empty`` (0 bytes), ``unreadable`` (any other error of the system), ``changed`` (since it was listed);
- from its place: ``unlabelled`` (in the root of a data set, where no folder names its class);
- from Pillow: ``not_an_image``, ``truncated``, ``corrupt``, ``unsupported`` (a variant that this build of
  Pillow does not decode), ``too_large`` (over twice ``PIL.Image.MAX_IMAGE_PIXELS``), ``out_of_memory``.
"""

from __future__ import annotations

import csv
import errno
import functools
import hashlib
import io
import logging
import os
import re
import stat
import struct
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, Literal, NamedTuple

import PIL
from PIL import Image, ImageOps, UnidentifiedImageError, features

from imgcls.errors import ConfigError, MachineError
from imgcls.records import ImageRef, Listing, Rejection

Reason = Literal[
    "missing",
    "permission",
    "not_regular",
    "empty",
    "unreadable",
    "changed",
    "unlabelled",
    "not_an_image",
    "truncated",
    "corrupt",
    "unsupported",
    "too_large",
    "out_of_memory",
]

EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .gif .mpo".split()  # noqa: SIM905 - one line, not twelve
)


class Undecodable(Exception):
    """A file that gives no pixels: ``reason`` is one of this module's words, ``detail`` says more."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


# Listing.


class _Candidate(NamedTuple):
    """A path that is to be an image; ``fault``: it is already known not to be one."""

    path: str
    file: Path
    label: str | None
    fault: Undecodable | None = None


def find(dataset: str, folder: Path) -> Listing:
    """List a folder that holds one folder per class, with images anywhere below those.

    Linked folders are followed, loops are not. Names of :data:`EXTENSIONS` (in any case) are images; any
    other name, and everything hidden (a leading dot), is counted as ignored. Paths come sorted.

    Raises :class:`ConfigError` where the folder is absent or holds no class folder.
    """
    _require_class_folder(dataset, folder)
    candidates, ignored = _candidates(folder)
    return _listing(dataset, map(_labelled, candidates), ignored)


def find_manifest(dataset: str, csv_file: Path) -> Listing:
    """List a UTF-8 ``.csv`` file with the columns ``path`` (relative to the file) and ``label``.

    Rows name images whatever their extension; other columns are left alone. Paths come sorted.

    Raises :class:`ConfigError` for a file that cannot be read, columns that are missing, and, by line, for a row
    that is cut short, has a field too many, an empty path or label, or a path that was listed before.
    """
    rows: dict[str, _Candidate] = {}
    for line, row in _manifest_rows(dataset, csv_file):
        path = PurePosixPath(row["path"]).as_posix()
        if path in rows:
            raise ConfigError(f"data set {dataset!r}: {csv_file}, line {line}: {path} is listed twice; keep one row")
        rows[path] = _Candidate(path, csv_file.parent / path, row["label"])
    return _listing(dataset, (rows[path] for path in sorted(rows)), ignored=0)


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
    return _listing(dataset, candidates.values(), ignored)


def same_bytes_under_two_labels(listing: Listing) -> None:
    """Raise :class:`ConfigError` where one picture is listed under two labels: no answer could be right."""
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
        raise ConfigError(f"data set {dataset!r}: {folder}: {fault.strerror}; {expected}") from fault
    if not has_one:
        raise ConfigError(f"data set {dataset!r}: {folder} has no folder in it; {expected}")


def _candidates(folder: Path) -> tuple[list[_Candidate], int]:
    """What is to be an image below a folder, sorted by relative path, and how many other paths there are."""
    everything = _walk(folder)
    kept: list[_Candidate] = []
    for file, fault in everything.items():
        relative = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and (fault or _named_like_an_image(file)):
            kept.append(_Candidate(_text(relative), file, None, _from_system(fault) if fault else None))
    return sorted(kept, key=lambda candidate: candidate.path), len(everything) - len(kept)


def _walk(folder: Path) -> Mapping[Path, OSError | None]:
    """Every path below a folder but the ordinary folders.

    Folders that are named like an image are among them, and those that could not be listed, with the reason.
    """
    found: dict[Path, OSError | None] = {}
    faults: list[OSError] = []
    above = {os.fspath(folder): frozenset({os.path.realpath(folder)})}
    for root, folders, files in os.walk(folder, onerror=faults.append, followlinks=True):
        ancestors = above.pop(root)
        found.update((Path(root, name), None) for name in files)
        found.update((Path(root, name), None) for name in folders if _named_like_an_image(name))
        real = {name: os.path.realpath(os.path.join(root, name)) for name in folders}  # noqa: PTH118 - os.walk's own
        folders[:] = [name for name in folders if real[name] not in ancestors]
        above |= {os.path.join(root, name): ancestors | {real[name]} for name in folders}  # noqa: PTH118 - spelling
    return found | {Path(fault.filename): fault for fault in faults}


def _named_like_an_image(name: str | Path) -> bool:
    return PurePath(name).suffix.lower() in EXTENSIONS


def _labelled(candidate: _Candidate) -> _Candidate:
    label, *below = PurePosixPath(candidate.path).parts
    if below or candidate.fault or candidate.file.is_dir():
        return candidate._replace(label=label)
    fault = Undecodable("unlabelled", "it lies beside the class folders: move it into the folder of its class")
    return candidate._replace(fault=fault)


def _listing(dataset: str, candidates: Iterable[_Candidate], ignored: int) -> Listing:
    images: list[ImageRef] = []
    rejections: list[Rejection] = []
    for path, file, label, fault in candidates:
        try:
            if fault:
                raise fault
            images.append(ImageRef(path, file, _sha256(file), label))
        except Undecodable as reason:
            rejections.append(Rejection(dataset, path, reason.reason, reason.detail))
    return Listing(tuple(images), tuple(rejections), ignored)


def _text(path: PurePath) -> str:
    """A path as it is shown and stored: with ``/``, and with bytes that are no UTF-8 spelled out."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _manifest_rows(dataset: str, csv_file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    where = f"data set {dataset!r}: {csv_file}"
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


# Reading.


def read(ref: ImageRef) -> bytes:
    """The bytes that were hashed when the file was listed.

    Raises :class:`Undecodable` where they are gone, cannot be read, or are others by now (``changed``).
    """
    try:
        with _regular_file(ref.file) as file:
            data = file.read()
    except MemoryError as fault:
        raise Undecodable("out_of_memory", "the file does not fit into memory") from fault
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != ref.sha256:
        raise Undecodable("changed", f"it was listed with sha256 {ref.sha256}, and now has {sha256}")
    return data


def _sha256(file: Path) -> str:
    with _regular_file(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _regular_file(file: Path) -> Iterator[io.BufferedReader]:
    """Open a file that has bytes; whatever the system says against it, until it is closed, is Undecodable."""
    try:
        status = file.stat()  # first: to open a pipe is to wait for its writer
        if not stat.S_ISREG(status.st_mode):
            raise Undecodable("not_regular", f"not a file, its mode is {stat.filemode(status.st_mode)}")
        if not status.st_size:
            raise Undecodable("empty", "it has 0 bytes")
        with file.open("rb") as opened:
            yield opened
    except OSError as fault:
        raise _from_system(fault) from fault


def _from_system(fault: OSError) -> Undecodable:
    detail = fault.strerror or str(fault)
    if isinstance(fault, (FileNotFoundError, NotADirectoryError)):
        return Undecodable("missing", detail)
    return Undecodable("permission" if isinstance(fault, PermissionError) else "unreadable", detail)


# Decoding.


# Everything that Pillow 13 raises on damaged files; MemoryError and DecompressionBombError are its refusals.
# Warnings are not among them: they mean that quiet_pillow was forgotten.
_FAULTS = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_BY_TYPE: tuple[tuple[type[Exception], Reason], ...] = (
    (MemoryError, "out_of_memory"),
    (Image.DecompressionBombError, "too_large"),
    (UnidentifiedImageError, "not_an_image"),
    (NotImplementedError, "unsupported"),
    (EOFError, "truncated"),
)
_BY_TEXT: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"out of memory", re.IGNORECASE), "out_of_memory"),
    (re.compile(r"truncated|unexpected end|not enough|expected to read", re.IGNORECASE), "truncated"),
    (re.compile(r"unsupported|not (supported|available|configured)|cannot find loader", re.IGNORECASE), "unsupported"),
)

# EPS starts Ghostscript, a program of its own; IPTC opens whatever image it holds, an EPS too.
_NEVER = frozenset({"EPS", "IPTC"})

# The decoders of these print nothing, so they run side by side; only libtiff is known to print.
_SILENT = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP", re.DOTALL)
# "TIFFFillStrip: Read error on strip 0.", "tempfile.tif: ...": a function's name with two capitals,
# unlike "INFO: ..." and "ValueError: ..."
_LIBTIFF_LINE = re.compile(
    rb"^(?:tempfile\.tif|(?!\w+(?:Error|Exception|Warning):)(?=\w*[a-z])\w*[A-Z]\w*[A-Z]\w*): .*\.\n", re.MULTILINE
)
_SHOWN_LINES = 4
_FD2 = threading.Lock()  # file descriptor 2 belongs to the whole process


def decode(data: bytes, exif: Literal["ignore", "apply"] = "ignore") -> Image.Image:
    """The RGB pixels of a file's bytes, as ``Image.open(...).convert("RGB")`` gives them: torchvision's and timm's way.

    ``apply`` turns the picture upright by its Exif orientation first. Every format of Pillow is tried but EPS and IPTC.
    Threads may decode at once, inside one :func:`quiet_pillow`.

    Raises :class:`Undecodable`, with what the C libraries printed; :class:`MachineError` where there is no
    temporary file to catch that.
    """
    printed: list[str] = []
    try:
        with nullcontext() if _SILENT.match(data) else _caught_stderr(printed):
            image: Image.Image = Image.open(io.BytesIO(data), formats=_formats())
            upright = ImageOps.exif_transpose(image) if exif == "apply" else image
            return upright.convert("RGB")
    except _FAULTS as fault:
        detail = "; ".join([_said(fault, data), *_abridged(printed)])
        raise Undecodable(_reason(fault, detail), detail) from fault


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings and log lines from changing what decodes, even where warnings are errors.

    To be held by the main thread around a whole pass: Python's filters belong to the process, so that a
    thread that changed them for one picture would change them for all.
    """
    logger, handler = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(handler)  # without any handler, Python prints errors to stderr
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        logger.removeHandler(handler)


def decoder() -> str:
    """What decodes, for a store's key: ``pillow 13.0.0 (libjpeg_turbo 3.2.0, ...)``."""
    libraries = ("libjpeg_turbo", "jpg", "jpg_2000", "zlib", "webp", "libtiff")
    versions = ", ".join(f"{name} {features.version(name)}" for name in libraries)
    return f"pillow {PIL.__version__} ({versions})"


@functools.cache
def _formats() -> tuple[str, ...]:
    # All are loaded before the first is tried: Pillow loads them while it looks, and two threads that do so
    # at once can miss one.
    Image.preinit()
    Image.init()
    return tuple(name for name in Image.ID if name not in _NEVER)


def _said(fault: Exception, data: bytes) -> str:
    if isinstance(fault, UnidentifiedImageError):  # Pillow names the address of our buffer
        return f"Pillow recognises no image in these {len(data)} bytes, which begin {data[:8].hex(' ')}"
    return str(fault) or type(fault).__name__


def _reason(fault: Exception, detail: str) -> Reason:
    by_type = [reason for kind, reason in _BY_TYPE if isinstance(fault, kind)]
    by_text = [reason for pattern, reason in _BY_TEXT if pattern.search(detail)]
    return [*by_type, *by_text, "corrupt"][0]


def _abridged(printed: Sequence[str]) -> list[str]:
    lines = list(dict.fromkeys(printed))
    more = len(lines) - _SHOWN_LINES
    return [*lines[:_SHOWN_LINES], f"and {more} more lines"] if more > 0 else lines


@contextmanager
def _caught_stderr(printed: list[str]) -> Iterator[None]:
    """Append what libtiff prints on file descriptor 2 to ``printed``, whatever comes of the decoding.

    Other threads print there too, a progress bar above all: what does not look like libtiff's is passed on,
    a moment late.
    """
    with _FD2:
        terminal = _duplicate_of_fd2()
        if terminal is None:
            yield
            return
        try:
            with _scratch_file() as scratch:
                os.dup2(scratch.fileno(), 2)
                try:
                    yield
                finally:
                    os.dup2(terminal, 2)
                    printed += _sorted_out(scratch, terminal)
        finally:
            os.close(terminal)


def _duplicate_of_fd2() -> int | None:
    """Another descriptor of what 2 is; ``None`` where 2 is closed, and nothing printed can be seen."""
    try:
        return os.dup(2)
    except OSError as fault:
        if fault.errno == errno.EBADF:
            return None
        raise MachineError(f"cannot duplicate file descriptor 2: {fault.strerror}; close some files") from fault


def _scratch_file() -> BinaryIO:
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError as fault:
        raise MachineError(f"no temporary file for what libtiff prints: {fault}; set TMPDIR to a folder") from fault


def _sorted_out(scratch: BinaryIO, terminal: int) -> list[str]:
    """The lines of libtiff; all else goes on to the terminal."""
    scratch.seek(0)
    caught = scratch.read()
    with suppress(OSError), open(terminal, "wb", closefd=False) as rest:  # a closed pipe would have lost it anyway
        rest.write(_LIBTIFF_LINE.sub(b"", caught))
    return [line.decode(errors="replace").strip() for line in _LIBTIFF_LINE.findall(caught)]
