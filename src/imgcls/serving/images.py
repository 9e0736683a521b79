"""Images that tell preprocessings apart: each is unusual in one way in which programs differ.

Made of photographs of the dataset where there is one, since real content separates the filters of a resize; otherwise
of a texture. The same every time.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache, partial
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

Resized = Callable[[tuple[int, int]], Image.Image]
"""A source at this (w, h)."""


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
    side = max(spec.resize if isinstance(spec.resize, int) else min(spec.resize), *spec.crop)
    return _of(photographs, side) if photographs else _of_texture(side)


@lru_cache(maxsize=4)
def _of_texture(side: int) -> tuple[CheckImage, ...]:
    return _of([_texture()], side)


def _of(sources: Sequence[Image.Image], side: int) -> tuple[CheckImage, ...]:
    """The kinds take turns with the sources."""
    resized = [cache(partial(_sized, source)) for source in sources]
    pairs = ((kind, make(resized[number % len(resized)])) for number, (kind, make) in enumerate(_kinds(side)))
    return tuple(CheckImage(f"{kind}{_suffix(data)}".replace(" ", "-"), kind, data) for kind, data in pairs)


def _suffix(data: bytes) -> str:
    return CheckImage("", "", data).suffix


def _kinds(side: int) -> Iterator[tuple[str, Callable[[Resized], bytes]]]:
    """The kinds, and what makes an image of each; ``side``: the shorter one after the network's resize."""
    wide, tall = (round(2.03 * side), round(1.27 * side)), (round(1.21 * side), round(1.87 * side))
    odd = (round(1.47 * side) | 1, round(1.13 * side) | 1)
    yield "wide", lambda resized: _jpeg(resized(wide))
    yield "tall", lambda resized: _jpeg(resized(tall))
    yield "odd sides", lambda resized: _jpeg(resized(odd))
    yield "large", lambda resized: _jpeg(resized((round(3.1 * side), round(2.4 * side))))
    yield "subsampled colour", lambda resized: _jpeg(_coloured(resized(wide)), subsampling=2)
    for orientation in (2, 3, 5, 6, 8):
        yield f"Exif orientation {orientation}", partial(_turned, size=wide, orientation=orientation)
    yield "grey JPEG", lambda resized: _jpeg(resized(tall).convert("L"))
    yield "CMYK JPEG", lambda resized: _jpeg(resized(wide).convert("CMYK"))
    yield "progressive JPEG", lambda resized: _jpeg(resized(wide), progressive=True)
    yield "embedded colour profile", lambda resized: _jpeg(resized(wide), icc_profile=icc.wide_gamut())
    yield "PNG with alpha", lambda resized: _png(_transparent(resized(odd)))
    yield "palette PNG with alpha", lambda resized: _png(_transparent(resized(odd)).quantize(64))
    yield "16 bit PNG", lambda resized: _png(_deep(resized(tall)))
    yield "tiny", lambda resized: _png(resized((max(2, round(0.31 * side)), max(2, round(0.23 * side)))))
    yield "huge", lambda resized: _jpeg(resized((HUGE, max(HUGE // LONGEST, side))))


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


def _turned(resized: Resized, size: tuple[int, int], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return _jpeg(resized(size), exif=exif)


def _transparent(image: Image.Image) -> Image.Image:
    """With an alpha from none at the left to all at the right."""
    alpha = np.linspace(255, 0, image.width).round().astype(np.uint8)
    transparent = image.copy()
    transparent.putalpha(Image.fromarray(np.broadcast_to(alpha, (image.height, image.width)).copy()))
    return transparent


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
