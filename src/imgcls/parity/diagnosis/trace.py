"""What a network computes step by step, whichever runtime runs it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

VALUES = 2048  # docs/decisions.md#which-layer
"""The number of values by which an image's tensor is recognised; shares of whole tensors would not fit into memory."""


SIX = 6.0
"""Where ReLU6 ends."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step: its output for n images, and what is known of how it was computed.

    ``key``: what :meth:`Tracer.output` finds it by. ``values``: (n, k), up to :data:`VALUES` of each image's output, at
    positions that depend only on ``shape``, that of one image. ``largest``: its largest absolute value, inf where it is
    not finite. ``weight`` and ``bias``: of a convolution or a linear layer, in float32. ``integers``: whether its
    weight is quantised, and ``per_tensor``: with a single scale. ``clipped``: of a quantisation, the share of values
    that it cannot hold.
    """

    key: Any
    name: str
    kind: str
    values: Array
    shape: tuple[int, ...]
    largest: float
    weight: Array | None = None
    bias: Array | None = None
    integers: bool = False
    per_tensor: bool = False
    clipped: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Tracer(Protocol):
    """A network in a file whose intermediate outputs can be seen."""

    precision: str
    """float32, float16, bfloat16 or int8: the narrowest type of its weights."""

    batch_size: int | None
    """The number of images that it takes, where it does not take any number."""

    def operations(self, batch: Array) -> tuple[Operation, ...]:
        """Its steps in the order in which they are computed, for a float32 batch (n, channels, h, w)."""

    def output(self, key: Any) -> Array:
        """The whole output of one step for the batch that was traced last, float32."""


def operation(key: Any, name: str, kind: str, output: Array, **details: Any) -> Operation:
    """A step with this output (n, …)."""
    finite = bool(np.isfinite(output).all())
    largest = float(np.abs(output).max(initial=0)) if finite else math.inf
    return Operation(key, name, kind, values(output), output.shape[1:], largest, **details)


def is_step(output: Array, images: int) -> bool:
    """Whether this is what a step makes of so many images: floating-point values, some for each."""
    return output.dtype.kind == "f" and output.ndim >= 2 and len(output) == images and output.size > 0


def share_outside(output: Array, low: float | Array, high: float | Array, step: float | Array) -> float:
    """The share of values that are outside of what a quantisation holds, with limits for all or for each channel.

    ``step``: of its integers. A range that begins at 0 has a ReLU in it, one from 0 to 6 a ReLU6: what these cut off is
    not counted.
    """
    is_relu = np.abs(np.add(low, step)) < step
    is_relu6 = is_relu & (np.abs(np.subtract(high, step) - SIX) < step)
    below, above = output < np.where(is_relu, -np.inf, low), output > np.where(is_relu6, np.inf, high)
    return float(np.mean(below | above))


def values(output: Array) -> Array:
    """Up to :data:`VALUES` values of each image, (n, k), in float32."""
    flat = output.reshape(len(output), -1)
    if flat.shape[1] > VALUES:
        flat = flat[:, np.random.default_rng(0).integers(0, flat.shape[1], VALUES)]
    return np.asarray(flat, np.float32).copy()


def error(output: Array, reference: Array) -> float:
    """The distance of two outputs' values in standard deviations of the reference's; inf where it is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        difference = np.asarray(output, np.float64) - reference
    if not np.isfinite(difference).all():
        return math.inf
    spread = float(np.std(np.asarray(reference, np.float64)))
    return float(np.sqrt(np.mean(difference**2))) / spread if spread > 0 else (0.0 if not difference.any() else 1.0)
