"""Where a crop lies: sizes, sides and windows, in positions of the resized and of the original image."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.errors import ConfigError
from imgcls.records.config import InputSpec, Interpolation

Pixels = npt.NDArray[np.uint8]

SUPPORT: dict[Interpolation, float] = {"nearest": 0.0, "bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}


class Reduced(NamedTuple):
    """An image of ``size`` (h, w), of which ``image`` (RGB or L) shows every ``by`` x ``by`` pixels as one.

    Rows that nothing is made of may be missing at its bottom. Where ``by`` does not divide a side, ``image``'s last
    pixels reach beyond it. ``remarks``: the rules that its pixels were converted by, see
    :mod:`imgcls.preprocessing.pixels`.
    """

    image: Image.Image
    by: int
    size: tuple[int, int]
    remarks: tuple[str, ...] = ()


def pixels(image: Image.Image) -> Pixels:
    """The values of an image of mode RGB or L, uint8 (h, w, channels)."""
    values = np.asarray(image)
    return values if values.ndim == 3 else values[:, :, np.newaxis]


def planes(image: Image.Image) -> Pixels:
    """The same values as :func:`pixels`, each channel apart in memory: docs/decisions.md#planes."""
    bands = image.getbands()
    packed = bytearray().join(image.tobytes("raw", band) for band in bands)
    return np.frombuffer(packed, np.uint8).reshape(len(bands), image.height, image.width).transpose(1, 2, 0)


def resized_size(spec: InputSpec, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (h, w) that an image of ``size`` (h, w) is resized to, in pixels.

    Rounding is torchvision's (``Resize``) for an integer and timm's (``ResizeKeepRatio``) for proportions that are
    kept within or around (h, w). timm fails on images so thin that nothing would be left; they keep one pixel.
    Raises :class:`ConfigError` where ``spec.resize`` does not suit ``spec.crop_mode``.
    """
    if isinstance(spec.resize, int):
        if spec.crop_mode != "center":
            raise ConfigError(
                f'crop_mode = "{spec.crop_mode}" needs resize = [h, w], got resize = {spec.resize}; '
                f"write resize = [{spec.resize}, {spec.resize}]"
            )
        return _shorter_side_to(spec.resize, size)
    if spec.crop_mode == "squash":
        return spec.resize
    ratios = [side / wanted for side, wanted in zip(size, spec.resize, strict=True)]
    ratio = max(ratios) if spec.crop_mode == "border" else min(ratios)
    return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))


def _shorter_side_to(wanted: int, size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    if width <= height:
        return int(wanted * height / width), wanted
    return wanted, int(wanted * width / height)


def crop_window(side: int, wanted: int) -> range:
    """Return the positions that the middle ``wanted`` pixels have along a ``side``; those outside of it are padding.

    An odd pixel too many is rounded half to even, an odd pixel too few is padded at the end, as torchvision does.
    """
    start = round((side - wanted) / 2) if side >= wanted else -((wanted - side) // 2)
    return range(start, start + wanted)


class Side(NamedTuple):
    """A side of ``source`` pixels, resized to ``target`` pixels, of which ``wanted`` are wanted."""

    source: int
    target: int
    wanted: range

    def needed(self, interpolation: Interpolation) -> range:
        """Return the source positions that ``wanted`` is made from, and one or two more."""
        scale = self.source / self.target
        reach = SUPPORT[interpolation] * max(scale, 1.0) + 1
        first, last = (self.wanted.start + 0.5) * scale, (self.wanted.stop - 0.5) * scale
        return range(max(0, int(first - reach)), min(self.source, int(last + reach) + 1))

    def span(self) -> range:
        """Return positions around ``wanted`` that Pillow, given only these, resizes to the pixels of the whole side.

        For positions [start, stop), given as a box [a, b) with a = start * source / target and b likewise, filter i
        has the scale (b - a) / (stop - start) and the centre a + (i + 0.5) * scale; a, b and b - a are float32, all
        else is double (precompute_coeffs in libImaging/Resample.c). Where these three are exact, the scale is the
        double next to source / target, as for the whole side. Centres are the same then if start is 0, and else if
        they are exact, too. With source / target = m / (odd * 2 ** k) in lowest terms, a position's corner is exact
        if odd divides it and source * 2 ** k needs no more than float32's 24 bits; centres are, if odd is 1.
        """
        odd, is_exact = self._division()
        if not is_exact:
            return range(self.target)
        return range(self.wanted.start if odd == 1 else 0, -(-self.wanted.stop // odd) * odd)

    def given(self, interpolation: Interpolation) -> range:
        """Return the source positions that Pillow, given only these, resizes to :meth:`span`.

        What lies before those that are needed can be missing where centres are exact, see :meth:`span`: they move by
        a whole number then, and filters stay as they are.
        """
        needed, (_, stop) = self.needed(interpolation), self.corners(self.span())
        return range(needed.start if self._division() == (1, True) else 0, max(needed.stop, math.ceil(stop)))

    def corners(self, span: range, origin: int = 0) -> tuple[float, float]:
        """Return where ``span`` begins and ends on the source, from its position ``origin`` on."""
        start, stop = (end * self.source / self.target - origin for end in (span.start, span.stop))
        return start, stop

    def _division(self) -> tuple[int, bool]:
        """``odd`` of :meth:`span`, and whether the corners that it divides are exact."""
        parts = self.target // math.gcd(self.source, self.target)
        power = parts & -parts
        return parts // power, self.source * power <= 1 << 24


@functools.lru_cache(maxsize=1024)  # docs/decisions.md#passes-by-size
def upper_rows(spec: InputSpec, size: tuple[int, int]) -> int:
    """Return how many upper rows of an image of ``size`` (h, w) its crop is made from.

    Raises :class:`ConfigError` as :func:`resized_size` does.
    """
    _, y = sides(spec, size)
    return y.needed(spec.interpolation).stop


@functools.lru_cache(maxsize=1024)  # docs/decisions.md#passes-by-size
def sides(spec: InputSpec, size: tuple[int, int]) -> tuple[Side, Side]:
    """Return the sides x and y of an image of ``size`` (h, w)."""
    height, width = resized_size(spec, size)
    rows, columns = crop_window(height, spec.crop[0]), crop_window(width, spec.crop[1])
    y = Side(size[0], height, range(max(0, rows.start), min(height, rows.stop)))
    x = Side(size[1], width, range(max(0, columns.start), min(width, columns.stop)))
    return x, y
