"""Depthwise convolution without bias, each channel by itself, forward and backward; small maps and large ones apart.

Maps are (channels, images, height, width), kernels odd and padded by half their width.
Chollet 2017, https://arxiv.org/abs/1610.02357.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from imgcls.reference.arrays import Array, by_channel, namespace, vecdot
from imgcls.reference.convolution import inner, pad, size, windows

PLACED = 1 << 14  # docs/decisions.md#depthwise-convolutions
"""A depthwise convolution is a matrix product where (pixels in) x (pixels out) is not more than this."""


def depthwise(x: Array, weight: Array, stride: int = 1) -> Array:
    """Each channel sees only itself.

    x: (c, n, h, w) · weight: (c, 1, k, k) · returns (c, n, ceil(h / stride), ceil(w / stride)).
    """
    forward = _placed if _is_small(x, stride) else _shifted
    y: Array = by_channel(partial(forward, stride), x, weight)
    return y


def depthwise_backward(grad: Array, x: Array, weight: Array, stride: int = 1) -> tuple[Array, Array]:
    """The gradients of x and of weight from ``grad``, that of what :func:`depthwise` returned."""
    backward = _placed_backward if _is_small(x, stride) else _shifted_backward
    gradients: tuple[Array, Array] = by_channel(partial(backward, stride), grad, x, weight)
    return gradients


# A depthwise convolution of large maps: one multiplication and one addition per tap, of the whole map shifted.
# In a map that keeps its padding between the rows, a shift along both axes is one along the memory; what is then
# computed between two rows belongs to no output. With a stride of 2, rows and columns of even and of odd number make
# four such maps, and each tap reads one of them.


class _Tap(NamedTuple):
    number: int
    phase: int
    shift: slice


def _taps(kernel: int, stride: int, width: int, length: int) -> list[_Tap]:
    """For each tap which map it reads, and where, to give the first ``length`` numbers of the output."""
    taps = []
    for number in range(kernel * kernel):
        top, left = divmod(number, kernel)
        start = top // stride * width + left // stride
        taps.append(_Tap(number, top % stride * stride + left % stride, slice(start, start + length)))
    return taps


def _phases(x: Array, kernel: int, stride: int) -> Array:
    """(c, n, h, w) to (stride x stride, c, n, rows, columns), padded."""
    xp = namespace(x)
    padded = pad(x, kernel, stride)
    c, n, height, width = padded.shape
    split = xp.reshape(padded, (c, n, height // stride, stride, width // stride, stride))
    return xp.reshape(
        xp.permute_dims(split, (3, 5, 0, 1, 2, 4)), (stride * stride, c, n, height // stride, width // stride)
    )


def _unphased(phases: Array, x: Array, kernel: int, stride: int) -> Array:
    """The inverse of :func:`_phases`: (stride x stride, c, n, rows, columns) to the shape of ``x``."""
    xp = namespace(phases)
    _, c, n, rows, columns = phases.shape
    split = xp.permute_dims(xp.reshape(phases, (stride, stride, c, n, rows, columns)), (2, 3, 4, 0, 5, 1))
    return inner(xp.reshape(split, (c, n, rows * stride, columns * stride)), x, kernel)


def _flat(phases: Array, kernel: int, stride: int) -> tuple[Array, list[_Tap]]:
    """Phases with their last three axes as one, and the taps that read them."""
    count, channels, n, rows, columns = phases.shape
    reach = (kernel - 1) // stride * (columns + 1)
    taps = _taps(kernel, stride, columns, n * rows * columns - reach)
    return namespace(phases).reshape(phases, (count, channels, n * rows * columns)), taps


def _shifted(stride: int, x: Array, weight: Array) -> Array:
    xp = namespace(x)
    _, height, width = size(x, stride)
    kernel = weight.shape[-1]
    phases = _phases(x, kernel, stride)
    flat, taps = _flat(phases, kernel, stride)
    weights = xp.reshape(weight, (weight.shape[0], -1, 1))
    y = xp.zeros(flat.shape[1:], dtype=x.dtype)
    total = y[:, : taps[0].shift.stop]
    for tap in taps:
        total += weights[:, tap.number, :] * flat[tap.phase, :, tap.shift]
    return xp.reshape(y, phases.shape[1:])[:, :, :height, :width]


def _shifted_backward(stride: int, grad: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    xp = namespace(x)
    kernel = weight.shape[-1]
    phases = _phases(x, kernel, stride)
    flat, taps = _flat(phases, kernel, stride)
    weights = xp.reshape(weight, (weight.shape[0], -1, 1))
    spread = xp.zeros(phases.shape[1:], dtype=x.dtype)  # zero between the rows, where no outputs lie
    spread[:, :, : grad.shape[2], : grad.shape[3]] = grad
    g = xp.reshape(spread, flat.shape[1:])[:, : taps[0].shift.stop]
    dflat, dweights = xp.zeros(flat.shape, dtype=x.dtype), []
    for tap in taps:
        dweights.append(vecdot(flat[tap.phase, :, tap.shift], g))
        returned = dflat[tap.phase, :, tap.shift]
        returned += weights[:, tap.number, :] * g
    dx = _unphased(xp.reshape(dflat, phases.shape), x, kernel, stride)
    return dx, xp.reshape(xp.stack(dweights, axis=1), weight.shape)


# A depthwise convolution of small maps: one matrix product per channel, (n, pixels in) @ (pixels in, pixels out).


def _is_small(x: Array, stride: int) -> bool:
    _, height, width = size(x, stride)
    return bool(x.shape[2] * x.shape[3] * height * width <= PLACED)


@cache
def _places(xp: Any, dtype: Any, kernel: int, stride: int, height: int, width: int) -> Array:
    """Which tap lies between which pixels: (k x k, pixels in x pixels out), 1 where it does and else 0."""
    pixels = np.arange(height * width).reshape(1, 1, height, width)
    source = [window.ravel() for window in windows(pad(pixels + 1, kernel), kernel, stride, (1, *size(pixels, stride)))]
    lies = np.stack(source)[:, np.newaxis, :] == pixels.reshape(1, -1, 1) + 1
    return xp.astype(xp.asarray(lies.reshape(kernel * kernel, -1)), dtype)


def _places_for(x: Array, weight: Array, stride: int) -> Array:
    return _places(namespace(x), x.dtype, weight.shape[-1], stride, x.shape[2], x.shape[3])


def _as_matrices(x: Array, weight: Array, places: Array) -> Array:
    """Each channel's kernel, laid out between the pixels in and the pixels out: (c, in, out)."""
    xp = namespace(x)
    placed = xp.reshape(weight, (weight.shape[0], -1)) @ places
    return xp.reshape(placed, (weight.shape[0], x.shape[2] * x.shape[3], -1))


def _placed(stride: int, x: Array, weight: Array) -> Array:
    xp = namespace(x)
    matrices = _as_matrices(x, weight, _places_for(x, weight, stride))
    y = xp.reshape(x, (*x.shape[:2], -1)) @ matrices
    return xp.reshape(y, (x.shape[0], *size(x, stride)))


def _placed_backward(stride: int, grad: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    xp = namespace(x)
    places = _places_for(x, weight, stride)
    matrices = _as_matrices(x, weight, places)
    g, flat = xp.reshape(grad, (*grad.shape[:2], -1)), xp.reshape(x, (*x.shape[:2], -1))
    dx = xp.reshape(g @ xp.matrix_transpose(matrices), x.shape)
    dmatrices = xp.matrix_transpose(flat) @ g
    dweight = xp.reshape(dmatrices, (x.shape[0], -1)) @ xp.matrix_transpose(places)
    return dx, xp.reshape(dweight, weight.shape)
