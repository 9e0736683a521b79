"""One look at one file: its hash, its format, its size and what it looks like, from a single reading."""

from __future__ import annotations

import hashlib
import io
from pathlib import PurePath
from typing import Final, Literal, NamedTuple

import numpy as np
from PIL import Image

from imgcls.data import listing
from imgcls.errors import Undecodable
from imgcls.inspection import perceptual
from imgcls.inspection.perceptual import ImageHash
from imgcls.preprocessing import formats, pixels
from imgcls.preprocessing.decode import Decoding
from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef, Rejection

SMALLEST_SIDE: Final = 32  # docs/decisions.md#blank-and-tiny-images
"""Pixels of a side below which an image is tiny, and is compared by its bytes only."""

_DECODED_SIDE = 64  # docs/decisions.md#near-duplicates
REDUCED = InputSpec(_DECODED_SIDE, (_DECODED_SIDE, _DECODED_SIDE), "center", "bilinear", (0.0,) * 3, (1.0,) * 3)
"""What a JPEG is decoded for: its shorter side keeps 64 pixels or more."""

_SAME = {"MPO": "JPEG", "DIB": "BMP"}
"""Formats that are another one with more, or less, around it; their files are called alike."""


_TAIL, _SPREAD = 0.01, 8  # docs/decisions.md#blank-and-tiny-images
"""The part of the darkest and of the brightest pixels, and the levels of 255 that all others of a blank image span."""


class Look(NamedTuple):
    """What a file holds. ``size``: (h, w).

    ``is_blank``: whether it is nearly one colour. ``is_turned``: whether its Exif orientation was ignored.
    """

    image: ImageRef
    sha256: str
    format: str
    size: tuple[int, int]
    is_blank: bool
    is_turned: bool
    hash: ImageHash

    @property
    def is_tiny(self) -> bool:
        """Whether a side has too few pixels to be compared by its looks."""
        return min(self.size) < SMALLEST_SIDE

    @property
    def stated_format(self) -> str | None:
        """The format that the name states, where it is another one than that of the bytes; None otherwise."""
        stated = Image.registered_extensions().get(PurePath(self.image.path).suffix.lower())
        return None if stated is None or _SAME.get(stated, stated) == self.format else stated


def look(image: ImageRef, exif: Literal["ignore", "apply"]) -> Look | Rejection:
    """What a file holds, or why it cannot be scored, by the rules of scoring. JPEGs are decoded smaller than they are.

    Threads may look at once, inside one :func:`imgcls.preprocessing.decode.quiet_pillow`.
    """
    try:
        data = listing.content(image.place)
        decoded = Decoding(data, exif).fast(REDUCED)
    except Undecodable as error:
        return Rejection("", image.path, error.reason, error.detail)
    return Look(
        image=image,
        sha256=hashlib.sha256(data).hexdigest(),
        format=_format(data),
        size=decoded.size,
        is_blank=_is_blank(decoded.image),
        is_turned=pixels.IGNORED_ORIENTATION in decoded.remarks,
        hash=perceptual.image_hash(decoded.image),
    )


def _is_blank(image: Image.Image) -> bool:
    """Whether almost all pixels have nearly one value, in every channel."""
    counts = np.array(image.histogram()).reshape(-1, 256).cumsum(axis=1)
    darkest, brightest = ((counts < part * counts[:, -1:]).sum(axis=1) for part in (_TAIL, 1 - _TAIL))
    return bool((brightest - darkest).max() <= _SPREAD)


def _format(data: bytes) -> str:
    """Pillow's name of the format of bytes that it has decoded."""
    with Image.open(io.BytesIO(data), formats=formats.names()) as image:
        name = image.format or ""
    return _SAME.get(name, name)
