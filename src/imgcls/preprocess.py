"""Decoded pixels become a network's input, bit for bit as torchvision's and timm's evaluation transforms make it.

Both libraries resize the whole picture, then cut out the middle; for a picture of 1 x 20000 pixels that takes
gigabytes. Here only what the crop shows is computed. Pillow's resize is two passes, one along each side, with a
rounding to 8 bits between them, so that what nobody will see can be left out between the two without changing any
other pixel. Where even that is too large, the same integer arithmetic runs in NumPy for the crop alone.

:func:`crop_fast` cuts out the same place, and its pixels are nearly the same: for models that ask for it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from imgcls.errors import ConfigError
from imgcls.records import InputSpec, Interpolation

if TYPE_CHECKING:  # torch takes seconds to import
    import torch

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_STRIP = 1 << 21  # pixels of the picture that Pillow copies at once; each strip costs one computation of the filter
_BLOCK = 1 << 18  # pixels, or positions, that NumPy works on at once
_PILLOW_MAJOR = int(PIL.__version__.partition(".")[0])
_PRECISION_BITS = 32 - 8 - 2  # Pillow's fixed point: 8 bits of result, 2 of headroom


def crop(spec: InputSpec, image: Image.Image) -> Pixels:
    """Resize ``image`` and take its middle, padding where it is smaller.

    ``image``: mode RGB, of any size. Memory beyond the picture itself grows with the crop, not with the resized
    picture. Returns a new C-contiguous array of ``(*spec.crop, 3)``. Raises :class:`ConfigError` where
    ``spec.resize`` does not suit ``spec.crop_mode``.
    """
    x, y = _sides(spec, (image.height, image.width))
    return _padded(spec, x, y, _resized(image, x, y, spec.interpolation))


class Reduced(NamedTuple):
    """A picture of ``size`` (h, w), of which ``image`` (RGB) shows every ``by`` x ``by`` pixels as one.

    Where ``by`` does not divide a side, ``image``'s last pixels reach beyond it.
    """

    image: Image.Image
    by: int
    size: tuple[int, int]


def crop_fast(spec: InputSpec, picture: Reduced) -> Pixels:
    """Like :func:`crop`, at the same place, but with filters that are rounded otherwise.

    A bilinear or bicubic value of a picture that was not reduced is nearly always the exact one, else off by one or
    two. Raises :class:`ConfigError` as :func:`crop` does.
    """
    x, y = _sides(spec, picture.size)
    resized = _resized_by_torch if _torch_is_frugal(picture, x, y, spec.interpolation) else _resized_by_box
    return _padded(spec, x, y, resized(picture, x, y, spec.interpolation))


def _padded(spec: InputSpec, x: _Side, y: _Side, shown: Pixels) -> Pixels:
    rows, columns = crop_window(y.target, spec.crop[0]), crop_window(x.target, spec.crop[1])
    top, left = y.wanted.start - rows.start, x.wanted.start - columns.start
    canvas = np.zeros((*spec.crop, 3), np.uint8)
    if spec.crop_mode == "border":
        canvas[:] = [round(255 * value) for value in spec.mean]
    canvas[top : top + len(y.wanted), left : left + len(x.wanted)] = shown
    return canvas


def normalize(spec: InputSpec, crops: Pixels, device: str = "cpu") -> torch.Tensor:
    """Scale ``crops``, uint8 (n, h, w, 3), to [0, 1], subtract ``spec.mean`` and divide by ``spec.std``.

    Returns a float32 tensor (n, 3, h, w), the same bits as torchvision's ``ToTensor`` and ``Normalize``: contiguous on
    the CPU; on a CUDA device, which is sent the bytes, channels last and perhaps not computed yet.
    """
    import torch

    if device != "cpu":
        return _normalized(spec, torch.from_numpy(crops).pin_memory().to(device, non_blocking=True))
    mean, std = (np.array(triple, np.float32).reshape(3, 1, 1) for triple in (spec.mean, spec.std))
    batch = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32)
    with np.errstate(over="ignore"):  # a tiny std makes infinite inputs, and the network's answer tells
        for number, pixels in enumerate(crops):  # one at a time stays in the cache
            batch[number] = pixels.transpose(2, 0, 1)
            batch[number] /= np.float32(255)
            batch[number] -= mean
            batch[number] /= std
    return torch.from_numpy(batch)


def _normalized(spec: InputSpec, crops: torch.Tensor) -> torch.Tensor:
    most, mean, std = _constants(spec, crops.device)
    return crops.permute(0, 3, 1, 2).float().div_(most).sub_(mean).div_(std)


@functools.cache
def _constants(spec: InputSpec, device: torch.device) -> tuple[torch.Tensor, ...]:
    """255, the mean and the standard deviation as tensors of the device: by a plain 255 CUDA does not divide, it
    multiplies by 1 / 255, and rounds otherwise.

    Sent once, because whoever sends numbers waits for all that the device is doing.
    """
    import torch

    triples = ((255.0,) * 3, spec.mean, spec.std)
    return tuple(torch.tensor(triple, dtype=torch.float32, device=device).view(3, 1, 1) for triple in triples)


def fingerprint(batch: torch.Tensor) -> npt.NDArray[np.float32]:
    """float32 (n, 3, h, w) -> (n, 12): the mean of each channel over each quarter, to tell tensors apart by.

    Quarters share the middle row or column where a side is odd, as those of torch's ``adaptive_avg_pool2d``, which on a
    GPU adds up a quarter's values one after the other and is off in the fourth digit.
    """
    rows, columns = ((slice(0, -(-side // 2)), slice(side // 2, side)) for side in batch.shape[2:])
    quarters = [batch[:, :, row, column] for row in rows for column in columns]
    means = _numpys_means(quarters) if batch.device.type == "cpu" else _torchs_means(quarters)
    return np.stack(means, axis=2).reshape(len(batch), -1)


def _numpys_means(quarters: Sequence[torch.Tensor]) -> list[npt.NDArray[np.float32]]:
    return [quarter.numpy().mean(axis=(2, 3)) for quarter in quarters]


def _torchs_means(quarters: Sequence[torch.Tensor]) -> list[npt.NDArray[np.float32]]:
    import torch

    return list(torch.stack([quarter.mean(dim=(2, 3)) for quarter in quarters]).cpu().numpy())


# Geometry.


def resized_size(spec: InputSpec, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (h, w) that a picture of ``size`` (h, w) is resized to, in pixels.

    Rounding is torchvision's (``Resize``) for an integer and timm's (``ResizeKeepRatio``) for proportions that are
    kept within or around (h, w). timm fails on pictures so thin that nothing would be left; they keep one pixel.
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


class _Side(NamedTuple):
    """A side of ``source`` pixels, resized to ``target`` pixels, of which ``wanted`` are wanted."""

    source: int
    target: int
    wanted: range

    def needed(self, interpolation: Interpolation) -> range:
        """Return the source positions that ``wanted`` is made from, and one or two more."""
        scale = self.source / self.target
        reach = _SUPPORT[interpolation] * max(scale, 1.0) + 1
        first, last = (self.wanted.start + 0.5) * scale, (self.wanted.stop - 0.5) * scale
        return range(max(0, int(first - reach)), min(self.source, int(last + reach) + 1))

    def span(self) -> range:
        """Return positions around ``wanted`` that Pillow resizes alone to the pixels that they have in the whole side.

        For positions [start, stop), given as a box [a, b) with a = start * source / target and b likewise, filter i
        has the scale (b - a) / (stop - start) and the centre a + (i + 0.5) * scale; a, b and b - a are float32, all
        else is double (precompute_coeffs in libImaging/Resample.c). Where these three are exact, the scale is the
        double next to source / target, as for the whole side. Centres are the same then if start is 0, and else if
        they are exact, too. With source / target = m / (odd * 2 ** k) in lowest terms, a position's corner is exact
        if odd divides it and source * 2 ** k needs no more than float32's 24 bits; centres are, if odd is 1.
        """
        parts = self.target // math.gcd(self.source, self.target)
        power = parts & -parts
        odd = parts // power
        if self.source * power > 1 << 24:
            return range(self.target)
        return range(self.wanted.start if odd == 1 else 0, -(-self.wanted.stop // odd) * odd)

    def corners(self, span: range) -> tuple[float, float]:
        """Return where ``span`` begins and ends on the source."""
        return span.start * self.source / self.target, span.stop * self.source / self.target


def _sides(spec: InputSpec, size: tuple[int, int]) -> tuple[_Side, _Side]:
    """Return the sides x and y of a picture of ``size`` (h, w)."""
    height, width = resized_size(spec, size)
    rows, columns = crop_window(height, spec.crop[0]), crop_window(width, spec.crop[1])
    y = _Side(size[0], height, range(max(0, rows.start), min(height, rows.stop)))
    x = _Side(size[1], width, range(max(0, columns.start), min(width, columns.stop)))
    return x, y


# Resizing, first along one side, then along the other.


def _resized(image: Image.Image, x: _Side, y: _Side, interpolation: Interpolation) -> Pixels:
    vertical_first = _is_vertical_first(x, y)
    first, second = (y, x) if vertical_first else (x, y)
    if not _pillow_is_frugal(first, second):
        return _resized_by_numpy(image, first, second, vertical_first, interpolation)
    if interpolation == "nearest":
        resized = image.resize((x.target, y.target), Image.Resampling.NEAREST)
        return np.asarray(resized.crop((x.wanted.start, y.wanted.start, x.wanted.stop, y.wanted.stop)))
    return _resized_by_pillow(image, first, second, vertical_first, interpolation)


def _is_vertical_first(x: _Side, y: _Side) -> bool:
    """Whether Pillow begins with the columns: since 13.0, if that removes over twice as many pixels from a side."""
    return _PILLOW_MAJOR >= 13 and y.source > y.target and y.source - y.target > 2 * (x.source - x.target)


def _pillow_is_frugal(first: _Side, second: _Side) -> bool:
    """Whether what Pillow makes on the way is no larger than the picture itself or sixteen times the crop."""
    held = len(second.wanted) * first.target + len(first.wanted) * (second.source + second.target)
    return held <= max(first.source * second.source, 16 * len(first.wanted) * len(second.wanted))


def _resized_by_pillow(
    image: Image.Image, first: _Side, second: _Side, vertical_first: bool, interpolation: Interpolation
) -> Pixels:
    """Resize strips along ``first`` onto a picture that keeps all of ``second``, on which its pass depends."""

    def xy(along: int, across: int) -> tuple[int, int]:
        return (across, along) if vertical_first else (along, across)

    resampling, width = Image.Resampling[interpolation.upper()], len(first.wanted)
    halfway, needed = Image.new("RGB", xy(width, second.source)), second.needed(interpolation)
    left = first.span().start - first.wanted.start
    step = max(1, _STRIP // max(first.source, first.target))
    for start in range(needed.start, needed.stop, step):
        stop = min(start + step, needed.stop)
        strip = image.crop((*xy(0, start), *xy(first.source, stop)))
        halfway.paste(_one_pass(strip, first, vertical_first, resampling), xy(left, start))
    resized, skipped = np.asarray(_one_pass(halfway, second, not vertical_first, resampling)), second.span().start
    shown = slice(second.wanted.start - skipped, second.wanted.stop - skipped)
    return resized[:, shown] if vertical_first else resized[shown]


def _one_pass(image: Image.Image, side: _Side, vertical: bool, resampling: Image.Resampling) -> Image.Image:
    """Resize ``side`` of ``image``, of which ``side.span()`` comes out, and leave the other as it is."""
    span, (start, stop) = side.span(), side.corners(side.span())
    if vertical:
        return image.resize((image.width, len(span)), resampling, (0, start, image.width, stop))
    return image.resize((len(span), image.height), resampling, (start, 0, stop, image.height))


# Nearly the same.


def _torch_is_frugal(picture: Reduced, x: _Side, y: _Side, interpolation: Interpolation) -> bool:
    """Whether torch has vector code for this, and what it makes is no larger than the picture or 16 times the crop.

    Its other code for bytes is no faster than Pillow's, and starts a team of OpenMP for every thread that calls it.
    """
    import torch

    image = picture.image
    held = x.wanted.stop * max(y.wanted.stop, image.height)
    return (
        interpolation in {"bilinear", "bicubic"}
        and torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}
        and held <= max(image.width * image.height, 16 * len(x.wanted) * len(y.wanted))
    )


def _resized_by_torch(picture: Reduced, x: _Side, y: _Side, interpolation: Interpolation) -> Pixels:
    """Resize what lies above and left of the crop, too: torch can leave out what comes after, not what comes before."""
    import torch

    resize = getattr(torch.ops.aten, f"_upsample_{interpolation}2d_aa")
    rows = y.needed(interpolation).stop // picture.by + 1
    pixels = torch.from_numpy(np.array(picture.image)[:rows]).permute(2, 0, 1)[np.newaxis]
    size = [_outputs(y, pixels.shape[2]), _outputs(x, pixels.shape[3])]
    scales = [picture.by * side.target / side.source for side in (y, x)]
    resized = resize(pixels, size, False, *scales)[0].permute(1, 2, 0)
    shown = resized[y.wanted.start : y.wanted.stop, x.wanted.start : x.wanted.stop]
    return np.asarray(shown.numpy())


def _outputs(side: _Side, inputs: int) -> int:
    """Choose how many positions of ``side`` torch is asked for: if as many as it is given, it would not resize."""
    return min(side.target, side.wanted.stop + 1) if side.wanted.stop == inputs else side.wanted.stop


def _resized_by_box(picture: Reduced, x: _Side, y: _Side, interpolation: Interpolation) -> Pixels:
    """Pillow knows the corners of the crop to float32's 24 bits."""
    (left, right), (top, bottom) = x.corners(x.wanted), y.corners(y.wanted)
    box = (left / picture.by, top / picture.by, right / picture.by, bottom / picture.by)
    size = len(x.wanted), len(y.wanted)
    return np.asarray(picture.image.resize(size, Image.Resampling[interpolation.upper()], box))


# The same in NumPy, after libImaging/Resample.c and, for nearest, ImagingScaleAffine in libImaging/Geometry.c.


class _Taps(NamedTuple):
    """For each of n wanted positions its k ``source`` positions and their ``weight``: both (n, k)."""

    source: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int32]


def _resized_by_numpy(
    image: Image.Image, first: _Side, second: _Side, vertical_first: bool, interpolation: Interpolation
) -> Pixels:
    along, across = first.needed(interpolation), second.needed(interpolation)
    columns, rows = (across, along) if vertical_first else (along, across)
    pixels = np.asarray(image.crop((columns.start, rows.start, columns.stop, rows.stop)))
    axes = (0, 1, 2) if vertical_first else (1, 0, 2)
    shown = _two_passes(pixels.transpose(axes), _taps(first, interpolation), _taps(second, interpolation))
    return shown.transpose(axes)


def _two_passes(pixels: Pixels, first: _Taps, second: _Taps) -> Pixels:
    """Resize (a, b, 3) along its first axis, block by block, and then along its second."""
    step = max(1, _BLOCK // pixels.shape[1])
    blocks = (_Taps(first.source[i : i + step], first.weight[i : i + step]) for i in range(0, len(first.source), step))
    return np.concatenate(
        [_weighted(_weighted(pixels, taps).transpose(1, 0, 2), second).transpose(1, 0, 2) for taps in blocks]
    )


def _weighted(pixels: Pixels, taps: _Taps) -> Pixels:
    """One pass along the first axis: (source, m, 3) -> (n, m, 3)."""
    total = np.full((len(taps.source), *pixels.shape[1:]), 1 << (_PRECISION_BITS - 1), np.int32)
    for source, weight in zip(taps.source.T, taps.weight.T, strict=True):
        total += pixels[source] * weight[:, np.newaxis, np.newaxis]
    total >>= _PRECISION_BITS
    return total.clip(0, 255).astype(np.uint8)


def _taps(side: _Side, interpolation: Interpolation) -> _Taps:
    """Taps of the wanted positions; their source positions count from the first that is needed."""
    origin = side.needed(interpolation).start
    if interpolation == "nearest":
        source = _nearest(side)[:, np.newaxis]
        return _Taps(source - origin, np.full(source.shape, 1 << _PRECISION_BITS, np.int32))
    scale = side.source / side.target
    stretch = max(scale, 1.0)
    reach = _SUPPORT[interpolation] * stretch
    centre = (np.arange(side.wanted.start, side.wanted.stop) + 0.5) * scale
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + reach + 0.5).astype(np.int64), side.source)
    source = first[:, np.newaxis] + np.arange((stop - first).max())
    weight = _KERNEL[interpolation]((source - centre[:, np.newaxis] + 0.5) * (1.0 / stretch))
    weight[source >= stop[:, np.newaxis]] = 0.0
    return _Taps(np.minimum(source, side.source - 1) - origin, _fixed_point(weight))


def _fixed_point(weight: Floats) -> npt.NDArray[np.int32]:
    """Make each row's sum 1 in Pillow's fixed point."""
    weight = weight / np.add.accumulate(weight, axis=1)[:, -1:]  # one by one, as Pillow adds them; np.sum adds pairs
    return np.trunc(weight * (1 << _PRECISION_BITS) + np.copysign(0.5, weight)).astype(np.int32)


def _nearest(side: _Side) -> npt.NDArray[np.int64]:
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


_sin = np.vectorize(math.sin, otypes=[np.float64])  # the C library's, as in Pillow: NumPy's differs in the last bit
_SUPPORT: dict[Interpolation, float] = {"nearest": 0.0, "bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}
_KERNEL: dict[Interpolation, Callable[[Floats], Floats]] = {
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
}
