"""Resizes what a crop shows of an image: by Pillow in strips, by NumPy where that takes too much, fast by torch."""

from __future__ import annotations

import math

import numpy as np
import PIL
from PIL import Image

from imgcls.preprocessing import geometry, resample_numpy
from imgcls.preprocessing.geometry import Pixels, Reduced, Side
from imgcls.records.config import Interpolation

_STRIP = 1 << 21  # docs/decisions.md#strips-and-blocks
"""Pixels of the image that Pillow copies at once; each strip costs one computation of the filter."""

_HELD_PER_PIXEL = 16  # docs/decisions.md#strips-and-blocks
"""The largest intermediate result, in crops."""

_PILLOW_MAJOR = int(PIL.__version__.partition(".")[0])  # docs/decisions.md#pillows-passes


def resize(image: Image.Image, x: Side, y: Side, interpolation: Interpolation) -> Pixels:
    """The wanted pixels, uint8 (h, w, channels), of an RGB or grey image, to the bit as Pillow resizes all of it.

    ``image`` may end after the rows that are needed of ``y``: below it is as good as black.
    """
    vertical_first = _is_vertical_first(x, y)
    first, second = (y, x) if vertical_first else (x, y)
    if not _pillow_is_frugal(first, second):
        return resample_numpy.resize(image, first, second, vertical_first, interpolation)
    if interpolation == "nearest":
        whole = image if image.height == y.source else image.crop((0, 0, x.source, y.source))
        resized = whole.resize((x.target, y.target), Image.Resampling.NEAREST)
        return geometry.planes(resized.crop((x.wanted.start, y.wanted.start, x.wanted.stop, y.wanted.stop)))
    return _resized_by_pillow(image, first, second, vertical_first, interpolation)


def _is_vertical_first(x: Side, y: Side) -> bool:
    """Whether Pillow begins with the columns: since 13.0, if that removes over twice as many pixels from a side."""
    return _PILLOW_MAJOR >= 13 and y.source > y.target and y.source - y.target > 2 * (x.source - x.target)


def _pillow_is_frugal(first: Side, second: Side) -> bool:
    """Whether Pillow's intermediate results are no larger than the image itself or sixteen times the crop."""
    held = len(second.wanted) * first.target + len(first.wanted) * (second.source + second.target)
    return held <= max(first.source * second.source, _HELD_PER_PIXEL * len(first.wanted) * len(second.wanted))


def _resized_by_pillow(
    image: Image.Image, first: Side, second: Side, vertical_first: bool, interpolation: Interpolation
) -> Pixels:
    """Resize along ``first`` what is needed of ``second``, and then along ``second``."""
    resampling, needed = Image.Resampling[interpolation.upper()], second.needed(interpolation)
    if not vertical_first and len(needed) * max(first.source, first.target) <= _STRIP:
        halfway = _rows_resized(image, first, second, needed, resampling)
    else:
        halfway = _strips_resized(image, first, second, vertical_first, needed, resampling)
    resized = _one_pass(halfway, second, not vertical_first, resampling)
    start = second.wanted.start - second.span().start
    stop = start + len(second.wanted)
    width, height = resized.size
    return geometry.planes(resized.crop((start, 0, stop, height) if vertical_first else (0, start, width, stop)))


def _rows_resized(image: Image.Image, x: Side, y: Side, rows: range, resampling: Image.Resampling) -> Image.Image:
    """Resize these rows at once; others are black, below them only those that the box of the second pass reaches."""
    resized = _one_pass(image.crop((0, rows.start, x.source, rows.stop)), x, False, resampling)
    left, (_, bottom) = x.wanted.start - x.span().start, y.corners(y.span())
    return resized.crop(
        (left, -rows.start, left + len(x.wanted), max(rows.stop, math.ceil(bottom)) - rows.start),
    )


def _strips_resized(
    image: Image.Image,
    first: Side,
    second: Side,
    vertical_first: bool,
    needed: range,
    resampling: Image.Resampling,
) -> Image.Image:
    """Resize strips along ``first`` onto an image that keeps all of ``second``, on which its pass depends."""

    def xy(along: int, across: int) -> tuple[int, int]:
        return (across, along) if vertical_first else (along, across)

    halfway = Image.new(image.mode, xy(len(first.wanted), second.source))
    left = first.span().start - first.wanted.start
    step = max(1, _STRIP // max(first.source, first.target))
    for start in range(needed.start, needed.stop, step):
        stop = min(start + step, needed.stop)
        strip = image.crop((*xy(0, start), *xy(first.source, stop)))
        halfway.paste(_one_pass(strip, first, vertical_first, resampling), xy(left, start))
    return halfway


def _one_pass(image: Image.Image, side: Side, vertical: bool, resampling: Image.Resampling) -> Image.Image:
    """Resize ``side`` of ``image``, of which ``side.span()`` comes out, and leave the other as it is."""
    span, (start, stop) = side.span(), side.corners(side.span())
    if vertical:
        return image.resize((image.width, len(span)), resampling, (0, start, image.width, stop))
    return image.resize((len(span), image.height), resampling, (start, 0, stop, image.height))


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
