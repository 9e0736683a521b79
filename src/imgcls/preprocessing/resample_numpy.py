"""Pillow's resize in NumPy, the same integer arithmetic, for only what a crop shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.preprocessing import geometry
from imgcls.preprocessing.geometry import SUPPORT, Pixels, Side
from imgcls.records.config import Interpolation

Floats = npt.NDArray[np.float64]


_BLOCK = 1 << 18  # docs/decisions.md#strips-and-blocks
"""Pixels, or positions, that NumPy works on at once."""

PRECISION_BITS = 32 - 8 - 2  # docs/decisions.md#pillows-passes
"""Pillow's fixed point: 8 bits of result, 2 of headroom."""


class Taps(NamedTuple):
    """For each of n wanted positions its k ``source`` positions and their ``weight``: both (n, k)."""

    source: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int32]


def resize(image: Image.Image, first: Side, second: Side, vertical_first: bool, interpolation: Interpolation) -> Pixels:
    """The wanted pixels, uint8 (h, w, channels), of an RGB or grey image, to the bit as Pillow resizes all of it."""
    along, across = first.needed(interpolation), second.needed(interpolation)
    columns, rows = (across, along) if vertical_first else (along, across)
    pixels = geometry.pixels(image.crop((columns.start, rows.start, columns.stop, rows.stop)))
    axes = (0, 1, 2) if vertical_first else (1, 0, 2)
    shown = _two_passes(pixels.transpose(axes), taps(first, interpolation), taps(second, interpolation))
    return shown.transpose(axes)


def _two_passes(pixels: Pixels, first: Taps, second: Taps) -> Pixels:
    """Resize (a, b, channels) along its first axis, block by block, and then along its second."""
    step = max(1, _BLOCK // pixels.shape[1])
    blocks = (Taps(first.source[i : i + step], first.weight[i : i + step]) for i in range(0, len(first.source), step))
    return np.concatenate(
        [_weighted(_weighted(pixels, block).transpose(1, 0, 2), second).transpose(1, 0, 2) for block in blocks]
    )


def _weighted(pixels: Pixels, block: Taps) -> Pixels:
    """One pass along the first axis: (source, m, channels) -> (n, m, channels)."""
    total = np.full((len(block.source), *pixels.shape[1:]), 1 << (PRECISION_BITS - 1), np.int32)
    for source, weight in zip(block.source.T, block.weight.T, strict=True):
        total += pixels[source] * weight[:, np.newaxis, np.newaxis]
    total >>= PRECISION_BITS
    return total.clip(0, 255).astype(np.uint8)


def taps(side: Side, interpolation: Interpolation) -> Taps:
    """Taps of the wanted positions; their source positions count from the first that is needed."""
    origin = side.needed(interpolation).start
    if interpolation == "nearest":
        source = _nearest(side)[:, np.newaxis]
        return Taps(source - origin, np.full(source.shape, 1 << PRECISION_BITS, np.int32))
    scale = side.source / side.target
    stretch = max(scale, 1.0)
    reach = SUPPORT[interpolation] * stretch
    centre = (np.arange(side.wanted.start, side.wanted.stop) + 0.5) * scale
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + reach + 0.5).astype(np.int64), side.source)
    source = first[:, np.newaxis] + np.arange((stop - first).max())
    weight = _KERNEL[interpolation]((source - centre[:, np.newaxis] + 0.5) * (1.0 / stretch))
    weight[source >= stop[:, np.newaxis]] = 0.0
    return Taps(np.minimum(source, side.source - 1) - origin, _fixed_point(weight))


def _fixed_point(weight: Floats) -> npt.NDArray[np.int32]:
    """Make each row's sum 1 in Pillow's fixed point."""
    weight = weight / np.add.accumulate(weight, axis=1)[:, -1:]  # one by one, as Pillow adds them; np.sum adds pairs
    return np.trunc(weight * (1 << PRECISION_BITS) + np.copysign(0.5, weight)).astype(np.int32)


def _nearest(side: Side) -> npt.NDArray[np.int64]:
    """Add the step up from the very first position, since Pillow's rounding errors add up too."""
    step = side.source / side.target
    position = step * 0.5
    for start in range(0, side.wanted.start, _BLOCK):
        position = _steps(position, step, min(_BLOCK, side.wanted.start - start))[-1]
    return _steps(position, step, len(side.wanted) - 1).astype(np.int64)


def _steps(position: float, step: float, count: int) -> Floats:
    return np.add.accumulate(np.concatenate([[position], np.full(count, step)]))


def _bilinear(x: Floats) -> Floats:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _bicubic(x: Floats) -> Floats:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: Floats) -> Floats:
    return np.where((x >= -3.0) & (x < 3.0), _sinc(x) * _sinc(x / 3), 0.0)


def _sinc(x: Floats) -> Floats:
    angle = np.where(x == 0.0, 1.0, x * math.pi)
    return np.where(x == 0.0, 1.0, _sin(angle) / angle)


def _sin(x: Floats) -> Floats:
    """The C library's, as in Pillow: NumPy's differs in the last bit."""
    return np.fromiter(map(math.sin, x.reshape(-1).tolist()), np.float64, x.size).reshape(x.shape)


_KERNEL: dict[Interpolation, Callable[[Floats], Floats]] = {
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
}
