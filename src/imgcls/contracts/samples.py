"""Images as the bytes of their files: those of a dataset, and synthetic ones where it has too few."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from imgcls import messages
from imgcls.data import listing
from imgcls.errors import Undecodable
from imgcls.preprocessing import decode
from imgcls.records.data import ImageRef

PATCHES = 12
"""The number of patches of colour along the shorter side of a synthetic image."""


class Sample(NamedTuple):
    """One image; ``data``: the bytes of its file."""

    name: str
    data: bytes


class Samples(NamedTuple):
    """Images, and in words what they are."""

    items: tuple[Sample, ...]
    what: str


def of(images: Sequence[ImageRef], count: int, exif: Literal["ignore", "apply"], size: tuple[int, int]) -> Samples:
    """So many images: the first that decode, and then synthetic ones, a little larger than ``size`` (h, w)."""
    real = tuple(islice(_decodable(images, exif), count))
    made = tuple(synthetic(number, size) for number in range(count - len(real)))
    return Samples(real + made, _what(len(real), len(made)))


def _what(real: int, made: int) -> str:
    if not made:
        return messages.counted(real, "image")
    synthetic = messages.counted(made, "synthetic image")
    return f"{messages.counted(real, 'image')} and {synthetic}" if real else synthetic


def _decodable(images: Sequence[ImageRef], exif: Literal["ignore", "apply"]) -> Iterator[Sample]:
    for image in images:
        try:
            data = listing.read(image)
            decode.decode(data, exif)
        except Undecodable:
            continue
        yield Sample(image.path, data)


def synthetic(number: int, size: tuple[int, int]) -> Sample:
    """A JPEG of smooth patches of colour with a little noise, by its number."""
    drawn = np.random.default_rng(number)
    height, width = (side * 8 // 7 + 8 for side in size)
    width = width * 5 // 4
    patches = Image.fromarray(drawn.integers(0, 256, (PATCHES, PATCHES * 5 // 4, 3), np.uint8))
    smooth = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    pixels = (smooth + drawn.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return Sample(f"synthetic image {number}", file.getvalue())
