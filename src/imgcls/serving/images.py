"""Images that tell preprocessings apart: each is unusual in one way in which programs differ.

Made of photographs of the dataset where there is one, since real content separates the filters of a resize; otherwise
of a texture. The same every time.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

from imgcls.data import listing
from imgcls.errors import Undecodable
from imgcls.messages import named
from imgcls.preprocessing import decode
from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef
from imgcls.serving import icc

DATASET_IMAGES = 32  # docs/decisions.md#images-of-a-serving-check
"""How many images of the dataset are tried, too."""

HUGE = 8000
"""The longer side of the huge image, in pixels."""

LONGEST = 16  # docs/decisions.md#images-of-a-serving-check
"""How many times as long as wide an image of the dataset may be."""

NOISE = 6.0  # docs/decisions.md#images-of-a-serving-check
"""The standard deviation of the grain on enlarged photographs, in levels of 8 bits."""

OF_DATASET = "image of the dataset"

SEARCHED = ("wide", "tall", "odd sides", "large", "subsampled colour")
"""The kinds on which nothing is unusual but their size, by which culprits after decoding are found."""


class CheckImage(NamedTuple):
    """One image. ``kind``: what is particular about it; ``label``: its folder, where it is one of the dataset."""

    path: str
    kind: str
    data: bytes
    label: str | None = None

    @property
    def suffix(self) -> str:
        """What the names of files of this format end with."""
        return ".png" if self.data.startswith(b"\x89PNG") else ".jpg"


class ChosenImages(NamedTuple):
    """``notes``: what was left out, a sentence each."""

    images: tuple[CheckImage, ...]
    notes: tuple[str, ...] = ()


def chosen(spec: InputSpec, images: Sequence[ImageRef] = ()) -> ChosenImages:
    """The made images for this input, and up to :data:`DATASET_IMAGES` of the dataset, evenly over its list."""
    step = max(1, len(images) // DATASET_IMAGES)
    own, left_out = list[CheckImage](), list[str]()
    for image in images[::step][:DATASET_IMAGES]:
        try:
            own.append(_of_dataset(image))
        except Undecodable as error:
            left_out.append(f"{image.path} ({error.detail})")
    notes = (f"images of the dataset that are not tried: {named(left_out, 3)}",) if left_out else ()
    photographs = [decode.decode(image.data) for image in own[:2]]
    return ChosenImages((*made(spec, photographs), *own), notes)


def _of_dataset(image: ImageRef) -> CheckImage:
    """Raises Undecodable where it cannot be tried."""
    data = listing.read(image)
    sides = decode.decode(data).size
    if max(sides) > LONGEST * min(sides):
        raise Undecodable("unsupported", f"it is more than {LONGEST} times as long as wide")
    return CheckImage(image.path, OF_DATASET, data, image.label)


def made(spec: InputSpec, photographs: Sequence[Image.Image] = ()) -> tuple[CheckImage, ...]:
    """An image of each kind; their sizes depend on what the network's input is resized to."""
    sources = list(photographs) or [_texture()]
    side = spec.resize if isinstance(spec.resize, int) else min(spec.resize)
    kinds = _kinds(max(side, *spec.crop))
    pairs = ((kind, make(sources[number % len(sources)])) for number, (kind, make) in enumerate(kinds))
    return tuple(CheckImage(f"{kind}{_suffix(data)}".replace(" ", "-"), kind, data) for kind, data in pairs)


def _suffix(data: bytes) -> str:
    return CheckImage("", "", data).suffix


def _kinds(side: int) -> Iterator[tuple[str, Callable[[Image.Image], bytes]]]:
    """The kinds, and what makes an image of each; ``side``: the shorter one after the network's resize."""
    wide, tall = (round(2.03 * side), round(1.27 * side)), (round(1.21 * side), round(1.87 * side))
    odd = (round(1.47 * side) | 1, round(1.13 * side) | 1)
    yield "wide", lambda source: _jpeg(_sized(source, wide))
    yield "tall", lambda source: _jpeg(_sized(source, tall))
    yield "odd sides", lambda source: _jpeg(_sized(source, odd))
    yield "large", lambda source: _jpeg(_sized(source, (round(3.1 * side), round(2.4 * side))))
    yield "subsampled colour", lambda source: _jpeg(_coloured(_sized(source, wide)), subsampling=2)
    for orientation in (2, 3, 5, 6, 8):
        yield f"Exif orientation {orientation}", partial(_turned, size=wide, orientation=orientation)
    yield "grey JPEG", lambda source: _jpeg(_sized(source, tall).convert("L"))
    yield "CMYK JPEG", lambda source: _jpeg(_sized(source, wide).convert("CMYK"))
    yield "progressive JPEG", lambda source: _jpeg(_sized(source, wide), progressive=True)
    yield "embedded colour profile", lambda source: _jpeg(_sized(source, wide), icc_profile=icc.wide_gamut())
    yield "PNG with alpha", lambda source: _png(_transparent(_sized(source, odd)))
    yield "palette PNG with alpha", lambda source: _png(_transparent(_sized(source, odd)).quantize(64))
    yield "16 bit PNG", lambda source: _png(_deep(_sized(source, tall)))
    yield "tiny", lambda source: _png(_sized(source, (max(2, round(0.31 * side)), max(2, round(0.23 * side)))))
    yield "huge", lambda source: _jpeg(_sized(source, (HUGE, max(HUGE // LONGEST, side))))


@cache
def _texture() -> Image.Image:
    """Coloured noise of all scales with edges, as photographs have them."""
    size, generator = 768, np.random.default_rng(17)
    total = np.zeros((size, size, 3))
    for octave in range(2, 9):
        coarse = generator.normal(0, 2.0 ** (7 - octave) + 2, (1 << octave, 1 << octave, 3))
        total += coarse.repeat(size // (1 << octave) + 1, 0).repeat(size // (1 << octave) + 1, 1)[:size, :size]
    return Image.fromarray((128 + total).clip(0, 255).astype(np.uint8))


def _sized(source: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a photograph at this (w, h), with a grain that enlarging would leave out."""
    fitted = np.asarray(ImageOps.fit(source.convert("RGB"), size, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(size).normal(0, NOISE, fitted.shape)
    return Image.fromarray((fitted + grain).round().clip(0, 255).astype(np.uint8))


def _coloured(image: Image.Image) -> Image.Image:
    """With edges between colours of the same brightness, of which subsampling leaves half."""
    values = np.array(image, np.int16)
    rows, columns = np.indices(values.shape[:2])
    stripes = np.where((rows // 7 + columns // 5) % 2, 40, -40)
    values += np.stack([stripes, -stripes // 2, -stripes], axis=2).astype(np.int16)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _turned(source: Image.Image, size: tuple[int, int], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return _jpeg(_sized(source, size), exif=exif)


def _transparent(image: Image.Image) -> Image.Image:
    """With an alpha from none at the left to all at the right."""
    alpha = np.linspace(255, 0, image.width).round().astype(np.uint8)
    image.putalpha(Image.fromarray(np.broadcast_to(alpha, (image.height, image.width)).copy()))
    return image


def _deep(image: Image.Image) -> Image.Image:
    """Grey values that fill 16 bits."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _jpeg(image: Image.Image, **options: object) -> bytes:
    return _saved(image, "JPEG", **{"quality": 95, "subsampling": 0, **options})


def _png(image: Image.Image) -> bytes:
    return _saved(image, "PNG")


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()
