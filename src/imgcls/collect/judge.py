"""Whether the bytes of a response are an image that is worth keeping: decoded as everywhere, and large enough."""

from __future__ import annotations

import hashlib
import io
from typing import NamedTuple

from PIL import Image

from imgcls.collect.refusal import Refused
from imgcls.errors import Undecodable
from imgcls.inspection import perceptual
from imgcls.inspection.perceptual import ImageHash
from imgcls.preprocessing import decode, formats

_SUFFIXES = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif",
    "AVIF": ".avif", "HEIF": ".heic",
}  # fmt: skip


class Judged(NamedTuple):
    """An image that decodes. ``suffix``: by its content."""

    sha256: str
    suffix: str
    look: ImageHash


def judge(data: bytes, min_side: int) -> Judged:
    """Decode bytes, with the verdict of :mod:`imgcls.preprocessing.decode`; the shorter side has ``min_side`` pixels.

    Threads may judge at once, inside one ``decode.quiet_pillow``. Raises Refused.
    """
    if not data:
        raise Refused("empty", "it has 0 bytes")
    try:
        image = decode.decode(data)
    except Undecodable as error:
        raise Refused(error.reason, error.detail) from error
    if min(image.size) < min_side:
        width, height = image.size
        raise Refused("too_small", f"it has {width} x {height} pixels, and its shorter side should have {min_side}")
    return Judged(hashlib.sha256(data).hexdigest(), _suffix(data), perceptual.image_hash(image))


def _suffix(data: bytes) -> str:
    """The usual suffix of the format that the bytes are in. Raises Refused for one that nobody puts photographs in."""
    with Image.open(io.BytesIO(data), formats=formats.names()) as image:
        name = image.format or ""
    if name not in _SUFFIXES:
        raise Refused("unsupported", f"it is in the format {name}: save it as JPEG, PNG or TIFF")
    return _SUFFIXES[name]
