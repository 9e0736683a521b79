"""What Pillow raises on a file that it does not decode, as a reason of one word and a sentence."""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import IO

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from imgcls import lfs
from imgcls.errors import Reason, Undecodable
from imgcls.preprocessing import formats, stderr

# Everything that Pillow 13 raises on damaged files; MemoryError and DecompressionBombError are its refusals.
# Warnings are not among them: they mean that quiet_pillow was forgotten.
FAULTS = (
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

_TIFF = re.compile(rb"(?:II[*+]\0|MM\0[*+])")

_JPEG_XL = re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")

_WEBP = re.compile(rb"RIFF....WEBP", re.DOTALL)

_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)\b", re.IGNORECASE)

_AVIF_BRANDS = frozenset({b"avif", b"avis"})

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})

_PIXELS = re.compile(r"\((\d+) pixels\)")


def error(fault: Exception, data: bytes, printed: Sequence[str] = ()) -> Undecodable:
    """The error for a file's bytes on which Pillow raised ``fault`` and C libraries printed these lines."""
    if lfs.is_pointer(data):
        return Undecodable("lfs_pointer", lfs.IMAGE)
    if isinstance(fault, UnidentifiedImageError):
        return _unidentified(data)
    if isinstance(fault, Image.DecompressionBombError):
        return Undecodable("too_large", _too_large(str(fault)))
    detail = "; ".join([str(fault) or type(fault).__name__, *stderr.abridged(printed)])
    return Undecodable(_reason(fault, detail), detail)


def _reason(fault: Exception, detail: str) -> Reason:
    by_type = [reason for kind, reason in _BY_TYPE if isinstance(fault, kind)]
    by_text = [reason for pattern, reason in _BY_TEXT if pattern.search(detail)]
    return [*by_type, *by_text, "corrupt"][0]


def _too_large(text: str) -> str:
    """How many pixels there are, and how to read them; ``text``: Pillow's, which names their number."""
    limit = Image.MAX_IMAGE_PIXELS
    pixels = _PIXELS.search(text)
    if not pixels or not limit:
        return text
    return (
        f"it has {int(pixels[1]):,} pixels, more than the {2 * limit:,} that are read; if it is to be trusted, write "
        f"max_megapixels = {math.ceil(int(pixels[1]) / 1e6)} into the table of its dataset"
    )


def _unidentified(data: bytes) -> Undecodable:
    """A file in which Pillow recognises no image: what it is, where its first bytes say so."""
    brands = _brands(data)
    if brands & _AVIF_BRANDS and not formats.has("avif"):
        return _unsupported("an AVIF image, which this Pillow does not decode: pip install 'pillow>=11.3'")
    if brands & _HEIF_BRANDS and not brands & _AVIF_BRANDS:
        return _unread_heif(data)
    if _JPEG_XL.match(data):
        return _unsupported("a JPEG XL image, which is not read: convert it to JPEG or PNG, for instance with djxl")
    if _WEBP.match(data) and not formats.has("webp"):
        return _unsupported("a WebP image, which this Pillow was built without: pip install --force-reinstall pillow")
    if _TIFF.match(data) and "unknown pixel mode" in _refusal(TiffImagePlugin.TiffImageFile, data):
        return _unsupported(
            "a TIFF image whose kind of pixels Pillow does not read (as floating point values in several channels): "
            "save it as grey, RGB or RGBA with 8 or 16 bits per channel"
        )
    return Undecodable("not_an_image", _no_image(data))


def _no_image(data: bytes) -> str:
    if _WEB_PAGE.match(data):
        return "it is a web page, as servers send where they have no image: download it again"
    begin = f"begin {data[:8].hex(' ')}" if data else "are none"
    return f"Pillow recognises no image in these {len(data)} bytes, which {begin}"


def _unsupported(what: str) -> Undecodable:
    return Undecodable("unsupported", f"it is {what}")


def _brands(data: bytes) -> frozenset[bytes]:
    """The brands in the first box of an ISO base media file (ISO/IEC 14496-12, section 4.3)."""
    if data[4:8] != b"ftyp":
        return frozenset()
    box = data[: min(int.from_bytes(data[:4]), 256)]
    return frozenset(box[start : start + 4] for start in (8, *range(16, len(box), 4)))


def _unread_heif(data: bytes) -> Undecodable:
    if not formats.heif():
        return _unsupported("an HEIC image, and pillow-heif is not installed: pip install 'imgcls[heif]'")
    opener, _ = Image.OPEN["HEIF"]
    text = _refusal(opener, data)
    return Undecodable(_reason(SyntaxError(text), text), f"it is an HEIC image that pillow-heif does not read: {text}")


def _refusal(opener: Callable[[IO[bytes], str | bytes], Image.Image], data: bytes) -> str:
    """What a format's plugin states of a file that it does not open."""
    try:
        opener(io.BytesIO(data), "")
    except FAULTS as fault:
        return str(fault)
    return ""
