"""The same pixels in another file: what is written here is decoded to the same values, bit for bit."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from typing import Literal

from PIL import ExifTags, Image

from imgcls.contracts import jpeg_reader, jpeg_writer
from imgcls.contracts.jpeg_reader import Unsupported
from imgcls.preprocessing import decode

MAX_BYTES = 1_000_000  # docs/decisions.md#rewritten-jpegs
"""The largest JPEG whose coefficients are coded again."""

_APP0, _APP1, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_METADATA = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs"})
_PNG_ORIENTATION = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})

Exif = Literal["ignore", "apply"]
Encoder = Callable[[bytes, Exif], bytes]
"""From a file's bytes to those of another. Raises Unsupported."""


def as_png(data: bytes, exif: Exif) -> bytes:
    """A PNG of the decoded pixels, turned upright where ``exif`` is ``apply``."""
    file, image = io.BytesIO(), decode.decode(data, exif)
    pixels_only = Image.frombytes(image.mode, image.size, image.tobytes())
    pixels_only.save(file, "PNG", compress_level=1)
    return file.getvalue()


def without_metadata(data: bytes, exif: Exif) -> bytes:
    """A JPEG or PNG without comments, colour profiles, XMP and Exif, but for an orientation that counts."""
    if data.startswith(_PNG):
        return _bare_png(data, exif)
    if data.startswith(b"\xff\xd8"):
        return _bare_jpeg(data, exif)
    raise Unsupported("it is neither a JPEG nor a PNG")


def _bare_jpeg(data: bytes, exif: Exif) -> bytes:
    """JFIF's and Adobe's segments stay: they state how the components become colours."""
    pieces, orientation = [b"\xff\xd8"], _orientation(data) if exif == "apply" else 1
    is_written = orientation == 1
    for marker, content, end in jpeg_reader.segments(data):
        start = end - len(content) - 4
        if marker == 0xDA:
            return b"".join([*pieces, data[start:]])
        if marker != _APP0 and not is_written:  # Exif comes before all but JFIF
            pieces.append(_exif(orientation))
            is_written = True
        is_metadata = (_APP0 < marker <= _APP15 and marker != _APP14) or marker == _COM
        if not is_metadata:
            pieces.append(data[start:end])
    raise Unsupported("it has no image")


def _orientation(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    return value if value in range(1, 9) else 1


def _exif(orientation: int) -> bytes:
    """An Exif segment with an orientation and nothing else."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    content = exif.tobytes()
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2) + content


def _bare_png(data: bytes, exif: Exif) -> bytes:
    pieces, at = [_PNG], len(_PNG)
    has_orientation = exif == "apply" and _orientation(data) != 1
    dropped = _PNG_METADATA - _PNG_ORIENTATION if has_orientation else _PNG_METADATA
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if data[at + 4 : at + 8] not in dropped:
            pieces.append(data[at:end])
        at = end
    return b"".join(pieces)


def recoded(data: bytes, _exif: Exif) -> bytes:
    """A baseline JPEG as a progressive one, and the other way round: the same coefficients in other scans."""
    if len(data) > MAX_BYTES:
        raise Unsupported(f"it has more than {MAX_BYTES} bytes")
    jpeg = jpeg_reader.read(data)
    return jpeg_writer.write(jpeg, progressive=not jpeg.is_progressive)


ENCODERS: Mapping[str, Encoder] = {
    "as PNG": as_png,
    "without metadata": without_metadata,
    "rewritten from baseline to progressive or back": recoded,
}
"""Lossless re-encodings by what they make of an image."""
