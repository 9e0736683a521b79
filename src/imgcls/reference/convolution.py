"""Convolution without bias, of an odd kernel padded by half its width, forward and backward.

Maps are (channels, images, height, width). An output has ceil(height / stride) rows, columns alike. Convolutional
networks compute the cross-correlation (Dumoulin and Visin 2016, https://arxiv.org/abs/1603.07285, chapter 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imgcls.reference.arrays import Array, by_channel, namespace, product


def convolution(x: Array, weight: Array, stride: int = 1) -> Array:
    """Every output channel sees every input channel.

    x: (in, n, h, w) · weight: (out, in, k, k) · returns (out, n, ceil(h / stride), ceil(w / stride)).
    """
    xp = namespace(x)
    out, _, kernel, _ = weight.shape
    n, height, width = size(x, stride)
    columns = _columns(x, kernel, stride)
    return xp.reshape(product(xp.reshape(weight, (out, -1)), columns), (out, n, height, width))


def convolution_backward(grad: Array, x: Array, weight: Array, stride: int = 1) -> tuple[Array, Array]:
    """The gradients of x and of weight from ``grad``, that of what :func:`convolution` returned."""
    return input_gradient(grad, x, weight, stride), weight_gradient(grad, x, weight, stride)


def input_gradient(grad: Array, x: Array, weight: Array, stride: int = 1) -> Array:
    """The gradient of x: what each output was made from gets its part back."""
    xp = namespace(x)
    out, channels, kernel, _ = weight.shape
    columns = product(xp.matrix_transpose(xp.reshape(weight, (out, -1))), xp.reshape(grad, (out, -1)))
    if kernel == stride == 1:
        return xp.reshape(columns, x.shape)
    columns = xp.reshape(columns, (channels, kernel * kernel, *grad.shape[1:]))
    padded = xp.zeros(_padded_shape(x, kernel), dtype=x.dtype)
    for tap, window in enumerate(windows(padded, kernel, stride, grad.shape)):
        window += columns[:, tap, ...]  # noqa: PLW2901 - a view: this adds to ``padded``
    return inner(padded, x, kernel)


def weight_gradient(grad: Array, x: Array, weight: Array, stride: int = 1) -> Array:
    """The gradient of weight: each output's gradient times what it was made from, summed over images and pixels."""
    xp = namespace(x)
    out, _, kernel, _ = weight.shape
    columns = _columns(x, kernel, stride)
    return xp.reshape(product(xp.reshape(grad, (out, -1)), xp.matrix_transpose(columns)), weight.shape)


# The one matrix product: every output pixel has a column of what it is made from.


def _columns(x: Array, kernel: int, stride: int) -> Array:
    """(in, n, h, w) to (in x k x k, n x rows x columns)."""
    xp = namespace(x)
    if kernel == stride == 1:
        return xp.reshape(x, (x.shape[0], -1))
    return xp.reshape(by_channel(partial(_met, kernel, stride), x), (x.shape[0] * kernel * kernel, -1))


def _met(kernel: int, stride: int, x: Array) -> Array:
    """What each tap of a kernel meets: (c, n, h, w) to (c, k x k, n, rows, columns)."""
    met = windows(pad(x, kernel), kernel, stride, (x.shape[0], *size(x, stride)))
    return namespace(x).stack(list(met), axis=1)


def windows(padded: Array, kernel: int, stride: int, shape: tuple[int, ...]) -> Iterator[Array]:
    """For each tap of a kernel, row by row, what it meets at all outputs: views of (c, n, rows, columns)."""
    rows, columns = shape[2:]
    for top in range(kernel):
        for left in range(kernel):
            below, right = top + stride * (rows - 1) + 1, left + stride * (columns - 1) + 1
            yield padded[:, :, top:below:stride, left:right:stride]


def size(x: Array, stride: int) -> tuple[int, int, int]:
    """Images, rows and columns of an output."""
    _, n, height, width = x.shape
    return n, -(-height // stride), -(-width // stride)


def _padded_shape(x: Array, kernel: int, stride: int = 1) -> tuple[int, ...]:
    """Room for half a kernel on each side, and for whole steps of the stride."""
    channels, n, *sides = x.shape
    return (channels, n, *(stride * (-(-side // stride) + (kernel - 1) // stride) for side in sides))


def pad(x: Array, kernel: int, stride: int = 1) -> Array:
    """``x`` with zeros around it: half a kernel on each side, and more at the end where the stride needs it."""
    padded = namespace(x).zeros(_padded_shape(x, kernel, stride), dtype=x.dtype)
    inner(padded, x, kernel)[...] = x
    return padded


def inner(padded: Array, x: Array, kernel: int) -> Array:
    """Where ``x`` lies in ``padded``: a view."""
    first = kernel // 2
    return padded[:, :, first : first + x.shape[2], first : first + x.shape[3]]
