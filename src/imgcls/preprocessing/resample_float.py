"""Pillow's resize as products of matrices in float32, to the bit: docs/decisions.md#passes-as-products."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.preprocessing import geometry, resample_numpy
from imgcls.preprocessing.geometry import Pixels, Side
from imgcls.preprocessing.resample_numpy import PRECISION_BITS, Taps
from imgcls.records.config import Interpolation

_Planes = npt.NDArray[np.uint8]
"""(channels, h, w); in a pass (channels, positions across, positions along)."""

_Places = npt.NDArray[np.int64]

_INTERPOLATIONS = frozenset({"bicubic", "lanczos"})  # docs/decisions.md#passes-as-products

_LARGEST = 1 << 21  # docs/decisions.md#passes-as-products
"""Pixels of an image that are needed."""

_LONGEST = 1 << 12  # docs/decisions.md#passes-as-products
"""Pixels of a side that are needed."""

_EXAMPLE, _RESIZED = (267, 353), (127, 191)  # (h, w), of which every Pillow resizes the rows first

_WINDOW = 16
"""Positions that one product makes."""

_PRODUCT = 1 << 18  # docs/decisions.md#passes-as-products
"""Multiplications in one product, up to which OpenBLAS starts no threads."""


class _Windows(NamedTuple):
    """Of the positions that are needed, those from ``start`` + j * ``step`` on make the j-th 16 of the wanted ones.

    ``taps``: the integer weights of the wanted ones; ``weight``: the same as float32 (windows, positions, 16);
    ``margin``: more than any sum of products in float32 is off.
    """

    taps: Taps
    start: int
    step: int
    weight: npt.NDArray[np.float32]
    margin: float


def is_faster(first: Side, second: Side, interpolation: Interpolation) -> bool:
    """Whether products make this sooner than Pillow does: an image that is made smaller, and is not too large."""
    needed = [len(side.needed(interpolation)) for side in (first, second)]
    is_small = math.prod(needed) <= _LARGEST and max(needed) <= _LONGEST
    is_smaller = all(side.target <= side.source for side in (first, second))
    return interpolation in _INTERPOLATIONS and is_smaller and is_small and is_proven(interpolation)


@functools.cache
def is_proven(interpolation: Interpolation) -> bool:
    """Whether products give the pixels of the Pillow of this process, on an example of 24,000 pixels."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, _EXAMPLE, np.uint8))
    y, x = (Side(source, target, range(target)) for source, target in zip(_EXAMPLE, _RESIZED, strict=True))
    expected = np.asarray(noise.resize(_RESIZED[::-1], Image.Resampling[interpolation.upper()]))
    return np.array_equal(resize(noise, x, y, False, interpolation)[:, :, 0], expected)


def resize(image: Image.Image, first: Side, second: Side, vertical_first: bool, interpolation: Interpolation) -> Pixels:
    """The wanted pixels, uint8 (h, w, channels), of an RGB or grey image, to the bit as Pillow resizes all of it."""
    along, across = first.needed(interpolation), second.needed(interpolation)
    columns, rows = (across, along) if vertical_first else (along, across)
    planes = geometry.planes(image.crop((columns.start, rows.start, columns.stop, rows.stop))).transpose(2, 0, 1)
    for side, is_vertical in ((first, vertical_first), (second, not vertical_first)):
        planes = _pass(planes, _windows(side, interpolation), is_vertical)
    return planes.transpose(1, 2, 0)


def _pass(planes: _Planes, windows: _Windows, is_vertical: bool) -> _Planes:
    """One side resized; a sum that is within the margin of where it rounds otherwise is computed again in integers."""
    axes = (0, 2, 1) if is_vertical else (0, 1, 2)
    planes = planes.transpose(axes)
    channels, across, _ = planes.shape
    made = len(windows.weight) * _WINDOW
    bounds = np.empty((2, channels, made, across) if is_vertical else (2, channels, across, made), np.uint8)
    lower, upper = (bound.transpose(axes) for bound in bounds)
    _round(planes, windows, lower, upper)
    place = np.unravel_index(_different(*bounds), bounds[0].shape)
    channel, row, position = (place[axis] for axis in axes)
    lower[channel, row, position] = _exact(planes, windows.taps, channel, row, position)
    return lower[:, :, : len(windows.taps.source)].transpose(axes)


def _round(planes: _Planes, windows: _Windows, lower: _Planes, upper: _Planes) -> None:
    """Write what the sums become if they are off by the margin to either side: lower and upper."""
    _, across, along = planes.shape
    count, positions, _ = windows.weight.shape
    length = max(along, windows.start + (count - 1) * windows.step + positions)
    given, sums = _like(lower, across, length), _like(lower, across, count * _WINDOW)
    given[:, along:] = 0
    view = np.lib.stride_tricks.sliding_window_view(given, positions, axis=1)
    view = view[:, windows.start :: windows.step][:, :count].transpose(1, 0, 2)
    product = sums.reshape(across, count, _WINDOW).transpose(1, 0, 2)
    step = max(1, _PRODUCT // (positions * _WINDOW))
    for plane, low, high in zip(planes, lower, upper, strict=True):
        np.add(plane, np.float32(0.5 - windows.margin), out=given[:, :along])
        for start in range(0, across, step):
            rows = slice(start, start + step)
            np.matmul(view[:, rows], windows.weight, out=product[:, rows])
        np.clip(sums, 0, 255, out=sums)
        np.copyto(low, sums, casting="unsafe")
        sums += np.float32(2 * windows.margin)
        np.copyto(high, sums, casting="unsafe")


def _like(planes: _Planes, across: int, along: int) -> npt.NDArray[np.float32]:
    """An array of float32 whose positions lie in memory in the order of those of ``planes``."""
    is_turned = planes.strides[1] < planes.strides[2]
    return np.empty((along, across), np.float32).T if is_turned else np.empty((across, along), np.float32)


def _different(lower: _Planes, upper: _Planes) -> _Places:
    """The places where two C-contiguous arrays of a multiple of eight bytes differ, eight at a time."""
    low, high = lower.reshape(-1), upper.reshape(-1)
    eights = np.flatnonzero(low.view(np.uint64) != high.view(np.uint64))
    places = (eights[:, np.newaxis] * 8 + np.arange(8)).reshape(-1)
    different: _Places = places[low[places] != high[places]]
    return different


def _exact(planes: _Planes, taps: Taps, channel: _Places, row: _Places, position: _Places) -> npt.NDArray[np.int32]:
    pixels = planes[channel[:, np.newaxis], row[:, np.newaxis], taps.source[position]]
    total = (pixels * taps.weight[position]).sum(axis=1, dtype=np.int32) + (1 << (PRECISION_BITS - 1))
    exact: npt.NDArray[np.int32] = (total >> PRECISION_BITS).clip(0, 255)
    return exact


@functools.lru_cache(maxsize=128)  # docs/decisions.md#passes-as-products
def _windows(side: Side, interpolation: Interpolation) -> _Windows:
    taps = resample_numpy.taps(side, interpolation)
    wanted, reach = taps.source.shape
    begins = taps.source[::_WINDOW, 0]
    start, number = int(begins[0]), np.arange(1, len(begins))
    step = int(((begins[1:] - start) // number).min(initial=taps.source.max() + 1))
    window, column = np.divmod(np.arange(wanted), _WINDOW)
    offset = taps.source - (start + step * window)[:, np.newaxis]
    shape = len(begins), int(offset.max()) + 1, _WINDOW
    places = (window[:, np.newaxis] * shape[1] + offset) * _WINDOW + column[:, np.newaxis]
    weight = np.bincount(places.reshape(-1), taps.weight.reshape(-1), math.prod(shape)).reshape(shape)
    most = np.abs(taps.weight).sum(axis=1).max() * 2.0**-PRECISION_BITS
    margin = 2.0 ** math.ceil(math.log2((reach + 2) * 256 * 2.0**-24 * most))
    return _Windows(taps, start, step, (weight * 2.0**-PRECISION_BITS).astype(np.float32), margin)
