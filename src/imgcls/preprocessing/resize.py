"""Resizes what a crop shows of an image: by Pillow in strips, by NumPy where that takes too much, fast by torch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import PIL
from PIL import Image

from imgcls.preprocessing import geometry, resample_float, resample_numpy
from imgcls.preprocessing.geometry import Pixels, Reduced, Side
from imgcls.records.config import Interpolation

Box = tuple[float, float, float, float]

_InArrays = Callable[[Image.Image, Side, Side, bool, Interpolation], Pixels]

N = TypeVar("N", int, float)

_STRIP = 1 << 21  # docs/decisions.md#strips-and-blocks
"""Pixels of the image that Pillow copies at once; each strip costs one computation of the filter."""

_HELD_PER_PIXEL = 16  # docs/decisions.md#strips-and-blocks
"""The largest intermediate result, in crops."""

_PILLOW_MAJOR = int(PIL.__version__.partition(".")[0])  # docs/decisions.md#pillows-passes


def resize(image: Image.Image, x: Side, y: Side, interpolation: Interpolation) -> Pixels:
    """The wanted pixels, uint8 (h, w, channels), of an RGB or grey image, to the bit as Pillow resizes all of it.

    ``image`` may end after the rows that are needed of ``y``: below it is as good as black.
    """
    return _way(x, y, interpolation)(image)


@functools.lru_cache(maxsize=256)  # docs/decisions.md#passes-by-size
def _way(x: Side, y: Side, interpolation: Interpolation) -> Callable[[Image.Image], Pixels]:
    """What resizes images of one size: Pillow, or its arithmetic in NumPy where that holds less or is faster."""
    vertical_first = _is_vertical_first(x, y)
    first, second = (y, x) if vertical_first else (x, y)
    arrays: _InArrays | None = None
    if not _pillow_is_frugal(first, second):
        arrays = resample_numpy.resize
    elif interpolation == "nearest":
        return _nearest(x, y)
    elif resample_float.is_faster(first, second, interpolation):
        arrays = resample_float.resize
    if arrays:
        return lambda image: arrays(image, first, second, vertical_first, interpolation)
    passes, resampling = _passes(first, second, vertical_first, interpolation), Image.Resampling[interpolation.upper()]
    return partial(_in_passes, passes=passes, resampling=resampling)


def _in_passes(image: Image.Image, passes: _Passes, resampling: Image.Resampling) -> Pixels:
    resized = _halfway(image, passes, resampling).resize(passes.size, resampling, passes.box)
    return geometry.planes(_cut(resized, passes.shown))


class _Strip(NamedTuple):
    """``taken`` of an image is resized along one side to ``size``, from a ``box`` of it."""

    taken: tuple[int, int, int, int]
    size: tuple[int, int]
    box: Box


class _Passes(NamedTuple):
    """The way from an image to what is wanted of it; boxes are (left, top, right, bottom), sizes (w, h).

    ``strips``: of the first pass; ``kept``: what the second is given of it, from the first strip's corner;
    ``size``, ``box``: of the second pass; ``shown``: what is wanted of it.
    """

    strips: tuple[_Strip, ...]
    kept: tuple[int, int, int, int]
    size: tuple[int, int]
    box: Box
    shown: tuple[int, int, int, int]


def _passes(first: Side, second: Side, is_vertical: bool, interpolation: Interpolation) -> _Passes:
    """Both passes as Pillow makes them, of which ``is_vertical`` says how the first goes."""
    needed, given, span = second.needed(interpolation), second.given(interpolation), second.span()
    width = len(first.wanted)
    step = max(1, _STRIP // max(first.source, first.target))
    return _Passes(
        strips=tuple(
            _strip(first, range(start, min(start + step, needed.stop)), is_vertical, interpolation)
            for start in range(needed.start, needed.stop, step)
        ),
        kept=_box(is_vertical, _shown(first), (given.start - needed.start, given.stop - needed.start)),
        size=(len(span), width) if is_vertical else (width, len(span)),
        box=_box(is_vertical, (0, width), second.corners(span, given.start)),
        shown=_box(is_vertical, (0, width), _shown(second)),
    )


def _strip(side: Side, across: range, is_vertical: bool, interpolation: Interpolation) -> _Strip:
    given, span = side.given(interpolation), side.span()
    return _Strip(
        taken=_box(is_vertical, (given.start, given.stop), (across.start, across.stop)),
        size=(len(across), len(span)) if is_vertical else (len(span), len(across)),
        box=_box(is_vertical, side.corners(span, given.start), (0, len(across))),
    )


def _box(is_vertical: bool, along: tuple[N, N], across: tuple[N, N]) -> tuple[N, N, N, N]:
    x, y = (across, along) if is_vertical else (along, across)
    return x[0], y[0], x[1], y[1]


def _shown(side: Side) -> tuple[int, int]:
    """Where what is wanted begins and ends in the span that is computed."""
    start = side.span().start
    return side.wanted.start - start, side.wanted.stop - start


def _is_vertical_first(x: Side, y: Side) -> bool:
    """Whether Pillow begins with the columns: since 13.0, if that removes over twice as many pixels from a side."""
    return _PILLOW_MAJOR >= 13 and y.source > y.target and y.source - y.target > 2 * (x.source - x.target)


def _pillow_is_frugal(first: Side, second: Side) -> bool:
    """Whether Pillow's intermediate results are no larger than the image itself or sixteen times the crop."""
    held = len(second.wanted) * first.target + len(first.wanted) * (second.source + second.target)
    return held <= max(first.source * second.source, _HELD_PER_PIXEL * len(first.wanted) * len(second.wanted))


def _halfway(image: Image.Image, passes: _Passes, resampling: Image.Resampling) -> Image.Image:
    """The first pass, strip by strip; what it did not make of what is kept is black."""
    strips = (_cut(image, taken).resize(size, resampling, box) for taken, size, box in passes.strips)
    if len(passes.strips) == 1:
        return _cut(next(strips), passes.kept)
    left, top, right, bottom = passes.kept
    halfway = Image.new(image.mode, (right - left, bottom - top))
    corner = passes.strips[0].taken
    for strip, (taken, *_) in zip(strips, passes.strips, strict=True):
        halfway.paste(strip, (taken[0] - corner[0] - left, taken[1] - corner[1] - top))
    return halfway


def _cut(image: Image.Image, box: Box) -> Image.Image:
    """The box of an image, black where it reaches beyond it, without a copy where it is the whole image."""
    return image if box == (0, 0, *image.size) else image.crop(box)


def _nearest(x: Side, y: Side) -> Callable[[Image.Image], Pixels]:
    """Resize in one pass; Pillow adds up its step, and its rounding errors, which only exact centres do not have."""
    columns, rows = x.span(), y.span()
    (left, right), (top, bottom) = x.corners(columns), y.corners(rows)
    shown = _box(False, _shown(x), _shown(y))

    def resized(image: Image.Image) -> Pixels:
        if bottom > image.height:
            image = image.crop((0, 0, image.width, math.ceil(bottom)))
        some = image.resize((len(columns), len(rows)), Image.Resampling.NEAREST, (left, top, right, bottom))
        return geometry.planes(_cut(some, shown))

    return resized


def torch_is_faster(reduced: Reduced, x: Side, y: Side, interpolation: Interpolation) -> bool:
    """Whether torch has vector code for this, and its result is no larger than the image or 16 times the crop.

    Its other code for bytes is no faster than Pillow's, and starts a team of OpenMP for every thread that calls it:
    docs/decisions.md#fast-crops.
    """
    import torch

    image = reduced.image
    held = x.wanted.stop * max(y.wanted.stop, image.height)
    return (
        interpolation in {"bilinear", "bicubic"}
        and torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}
        and held <= max(image.width * image.height, _HELD_PER_PIXEL * len(x.wanted) * len(y.wanted))
    )


def resize_by_torch(reduced: Reduced, x: Side, y: Side, interpolation: Interpolation) -> Pixels:
    """Resize what lies above and left of the crop, too: torch can leave out what comes after, not what comes before."""
    import torch

    resize = getattr(torch.ops.aten, f"_upsample_{interpolation}2d_aa")
    rows = y.needed(interpolation).stop // reduced.by + 1
    pixels = torch.from_numpy(geometry.pixels(reduced.image)[:rows].copy()).permute(2, 0, 1)[np.newaxis]
    size = [_outputs(y, pixels.shape[2]), _outputs(x, pixels.shape[3])]
    scales = [reduced.by * side.target / side.source for side in (y, x)]
    resized = resize(pixels, size, False, *scales)[0].permute(1, 2, 0)
    shown = resized[y.wanted.start : y.wanted.stop, x.wanted.start : x.wanted.stop]
    return np.asarray(shown.numpy())


def _outputs(side: Side, inputs: int) -> int:
    """The number of positions of ``side`` to request of torch: given as many, it would not resize."""
    return min(side.target, side.wanted.stop + 1) if side.wanted.stop == inputs else side.wanted.stop


def resize_by_box(reduced: Reduced, x: Side, y: Side, interpolation: Interpolation) -> Pixels:
    """Resize a box by Pillow, which has its corners in float32, with 24 bits."""
    (left, right), (top, bottom) = x.corners(x.wanted), y.corners(y.wanted)
    box = (left / reduced.by, top / reduced.by, right / reduced.by, bottom / reduced.by)
    size = len(x.wanted), len(y.wanted)
    return geometry.pixels(reduced.image.resize(size, Image.Resampling[interpolation.upper()], box))
