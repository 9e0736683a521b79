"""The upper rows of a JPEG, by Pillow, as decoding all of it gives them: docs/decisions.md#upper-rows.

A baseline JPEG states its height and then holds its rows from top to bottom, so that with a smaller height in its
header the decoder stops early. What a JPEG of the forms of :mod:`imgcls.preprocessing.jpeg` is rejected for shows
before its first row or after its last, so that the verdict stays the same.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image

from imgcls.preprocessing import formats, jpeg, pixels
from imgcls.preprocessing.geometry import Reduced
from imgcls.preprocessing.jpeg import Header
from imgcls.preprocessing.undecodable import FAULTS

_EXAMPLE = (53, 37)  # odd, and more than two blocks of 16 rows
_ROWS = (1, 16, 31, 32, 47)
_EXAMPLES = (("L", None), ("RGB", "4:4:4"), ("RGB", "4:2:2"), ("RGB", "4:2:0"))


def decode(
    data: bytes, rows: Callable[[tuple[int, int]], int], exif: Literal["ignore", "apply"] = "ignore"
) -> Reduced | None:
    """At least the upper ``rows`` of an image's size (h, w), RGB, as a file's bytes have them.

    None for whatever is to be decoded as a whole: other formats and forms of JPEG, images that Exif turns, those of
    more pixels than Pillow warns of, all that does not decode, and everything where :func:`is_proven` is false.
    """
    header = jpeg.header(data)
    if header is None or _is_large(header) or not is_proven():
        return None
    try:
        remarks = () if header.is_plain else _remarks(data, exif)
        return None if remarks is None else Reduced(_decoded(data, header, rows(header.size)), 1, header.size, remarks)
    except FAULTS:  # of which decoding the whole has the words
        return None


@functools.cache
def is_proven() -> bool:
    """Whether the upper rows of JPEGs of every form are those of the whole images, by the Pillow of this process."""
    try:
        return all(_is_exact(_example(mode, subsampling)) for mode, subsampling in _EXAMPLES)
    except FAULTS:
        return False


def _decoded(data: bytes, header: Header, rows: int) -> Image.Image:
    height = header.rows_decoded(rows)
    shortened = data if height == header.size[0] else jpeg.with_height(data, header, height)
    image = Image.new(header.mode, (header.size[1], height), None)
    image.frombytes(shortened, "jpeg", (header.mode, ""))
    return image if header.mode == "RGB" else image.convert("RGB")


def _is_large(header: Header) -> bool:
    most = Image.MAX_IMAGE_PIXELS
    return most is not None and header.size[0] * header.size[1] > most


def _remarks(data: bytes, exif: Literal["ignore", "apply"]) -> tuple[str, ...] | None:
    """What is said of a JPEG that holds more than its image; None for one that is to be decoded as a whole."""
    image = Image.open(io.BytesIO(data), formats=formats.names())
    if exif == "apply":
        image.getexif()  # which raises what rejects the whole image: it cannot be turned
    is_turned = pixels.orientation(image) != 1
    if image.format != "JPEG" or (is_turned and exif == "apply"):
        return None
    return (pixels.IGNORED_ORIENTATION,) if is_turned else ()


def _is_exact(data: bytes) -> bool:
    header, whole = jpeg.header(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    if header is None:
        return False
    upper = ((rows, np.asarray(_decoded(data, header, rows))) for rows in _ROWS)
    return all(np.array_equal(some[:rows], whole[:rows]) for rows, some in upper)


def _example(mode: str, subsampling: str | None) -> bytes:
    buffer, shape = io.BytesIO(), _EXAMPLE if mode == "L" else (*_EXAMPLE, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", **({"subsampling": subsampling} if subsampling else {}))
    return buffer.getvalue()
