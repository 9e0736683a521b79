"""From a file's bytes to RGB pixels, by Pillow, whatever the bytes are.

:func:`decode` gives the pixels, :func:`decode_fast` fewer of them where a network is shown fewer.

What C libraries print while they decode belongs to the image that made them print it.
"""

from __future__ import annotations

import errno
import functools
import io
import logging
import os
import re
import struct
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import BinaryIO, Literal

import PIL
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError, features

from imgcls.errors import MachineError, Reason, Undecodable
from imgcls.preprocessing import geometry
from imgcls.preprocessing.geometry import Reduced
from imgcls.records.config import InputSpec

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

_SCALED = frozenset({"JPEG", "MPO"})  # formats that can be decoded smaller than they are

_LYING = (5, 6, 7, 8)  # Exif orientations whose sides swap

# EPS starts Ghostscript, a program of its own; IPTC opens any image that it holds, an EPS too.
# docs/decisions.md#formats
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

    ``apply`` turns the image upright by its Exif orientation first. Every format of Pillow is tried but EPS and IPTC.
    Threads may decode at once, inside one :func:`quiet_pillow`.

    Raises :class:`Undecodable`, with what the C libraries printed; :class:`MachineError` where there is no
    temporary file to catch that.
    """
    with _undecodable(data):
        return _loaded(_opened(data), exif)


def decode_fast(data: bytes, exif: Literal["ignore", "apply"], specs: Sequence[InputSpec]) -> list[Reduced]:
    """Like :func:`decode`, an image for each of ``specs``: a JPEG much larger than what a spec resizes it to is
    decoded at 1/2, 1/4 or 1/8, once for all specs that this suits.

    A pixel is then about the mean of those that it stands for. No side becomes shorter than the spec resizes it to,
    and nothing is reduced for a spec that takes nearest pixels, since there would be other ones.
    Raises what :func:`decode` raises, and :class:`ConfigError` as :func:`geometry.resized_size` does.
    """
    images: dict[int, Reduced] = {}
    with _undecodable(data):
        image = _opened(data)
        if image.format not in _SCALED:
            upright = _loaded(image, exif)
            return [Reduced(upright, 1, (upright.height, upright.width))] * len(specs)
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1) if exif == "apply" else 1
        size = image.size if orientation in _LYING else (image.height, image.width)
        reductions = [_reduction(size, spec, whole=orientation != 1) for spec in specs]
        for by in dict.fromkeys(reductions):
            scaled = _opened(data) if images else image
            scaled.draft(None, (scaled.width // by, scaled.height // by))
            images[by] = Reduced(_loaded(scaled, exif), by, size)
    return [images[by] for by in reductions]


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings and log lines from changing what decodes, even where warnings are errors.

    Nor does ``LOAD_TRUNCATED_IMAGES`` change it, which some training script may have set: half an image is rejected.
    To be held by the main thread around a whole pass: all this belongs to the process, so that a
    thread that changed it for one image would change it for all.
    """
    logger, handler = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(handler)  # without any handler, Python prints errors to stderr
    loads_truncated, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = loads_truncated
        logger.removeHandler(handler)


def decoder() -> str:
    """What decodes, for a store's key: ``pillow 13.0.0 (libjpeg_turbo 3.2.0, ...)``."""
    libraries = ("libjpeg_turbo", "jpg", "jpg_2000", "zlib", "webp", "libtiff")
    versions = ", ".join(f"{name} {features.version(name)}" for name in libraries)
    return f"pillow {PIL.__version__} ({versions})"


def most_pixels() -> int | None:
    """The most pixels that Pillow lets an image have, a setting of the whole process; None: any number."""
    return Image.MAX_IMAGE_PIXELS and 2 * Image.MAX_IMAGE_PIXELS


@functools.cache
def _formats() -> tuple[str, ...]:
    # All are loaded before the first is tried: Pillow loads them while it looks, and two threads that do so
    # at once can miss one.
    Image.preinit()
    Image.init()
    return tuple(name for name in Image.ID if name not in _NEVER)


@contextmanager
def _undecodable(data: bytes) -> Iterator[None]:
    """Anything that Pillow raises in this context becomes :class:`Undecodable`."""
    printed: list[str] = []
    try:
        with nullcontext() if _SILENT.match(data) else _caught_stderr(printed):
            yield
    except _FAULTS as fault:
        detail = "; ".join([_message(fault, data), *_abridged(printed)])
        raise Undecodable(_reason(fault, detail), detail) from fault


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=_formats())


def _loaded(image: Image.Image, exif: Literal["ignore", "apply"]) -> Image.Image:
    if exif == "apply":
        ImageOps.exif_transpose(image, in_place=True)
    image.load()
    # Other formats may keep their file and its other frames; a loaded JPEG is but its pixels, and needs no copy.
    return image if image.format == "JPEG" and image.mode == "RGB" else image.convert("RGB")


def _reduction(size: tuple[int, int], spec: InputSpec, whole: bool) -> int:
    """The number of pixels of a side of ``size`` (h, w) that become one; ``whole``: none may be left over.

    What is left over lies at the right and at the bottom, until an Exif orientation turns it to where a crop would
    have to begin with a fraction of a pixel.
    """
    height, width = geometry.resized_size(spec, size)
    if spec.interpolation == "nearest":
        return 1
    for by in (8, 4, 2):  # docs/decisions.md#fast-decoding
        enough = by * height <= size[0] and by * width <= size[1]
        if enough and not (whole and (size[0] % by or size[1] % by)):
            return by
    return 1


def _message(fault: Exception, data: bytes) -> str:
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
    """Append what libtiff prints on file descriptor 2 to ``printed``, also where decoding fails.

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
