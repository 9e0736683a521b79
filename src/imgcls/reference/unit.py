"""A convolution, its batch norm and perhaps a SiLU: the unit that EfficientNet repeats, there and back.

torchvision's ``Conv2dNormActivation``, whose modules are 0, 1 and 2. Norm and activation are one pass over the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, NamedTuple

from imgcls.errors import ModelError
from imgcls.reference import convolution, depthwise, layers
from imgcls.reference.architecture import Architecture
from imgcls.reference.arrays import Array, by_channel, images_first
from imgcls.reference.state import Tree, at

Watch = Callable[[str, Array], object]
"""Told each step's name and its result."""


@dataclass(frozen=True, slots=True)
class Pass:
    """How one pass is made, and what it leaves behind.

    ``kept``: by name, what is kept of the steps that leave something out at random (:mod:`imgcls.reference.masks`).
    ``saved``: what the way back will need, by name; None where there is none.
    ``statistics``: in training, the running statistics after this batch, by name.
    """

    architecture: Architecture
    training: bool = False
    kept: Mapping[str, Array] = field(default_factory=dict)
    saved: dict[str, Any] | None = None
    watch: Watch | None = None
    statistics: dict[str, Array] = field(default_factory=dict)

    def save(self, name: str, *arrays: Array) -> None:
        """Keep for the way back."""
        if self.saved is not None:
            self.saved[name] = arrays

    def take(self, name: str) -> Any:
        """What was saved, and let go of its memory. Raises ModelError where there is no way back."""
        if not self.saved or name not in self.saved:
            raise ModelError(f"no way back through {name}: the forward pass was made without `saved`, or is used up")
        return self.saved.pop(name)

    def saw(self, name: str, step: Array) -> None:
        """Show a step."""
        if self.watch:
            self.watch(name, step)


class Unit(NamedTuple):
    """Where a unit is, and what it does."""

    name: str
    stride: int = 1
    is_depthwise: bool = False
    is_activated: bool = True


def forward(unit: Unit, weights: Tree, x: Array, way: Pass) -> Array:
    """(in, n, h, w) to (out, n, rows, columns). Raises ModelError where training sees one value per channel."""
    own = at(weights, unit.name)
    norm = own["1"]
    convolve = depthwise.depthwise if unit.is_depthwise else convolution.convolution
    z = convolve(x, own["0"]["weight"], unit.stride)
    way.saw(f"{unit.name}.0", images_first(z))
    if way.training:
        mean, variance = by_channel(layers.statistics, z)
        _remember(unit, norm, z, mean, variance, way)
    else:
        mean, variance = norm["running_mean"], norm["running_var"]
    normalise = partial(_normalised, unit, way)
    *normalised, y = by_channel(normalise, z, norm["weight"], norm["bias"], mean, variance)
    for step in normalised:
        way.saw(f"{unit.name}.1", images_first(step))
    way.saw(f"{unit.name}.{1 + unit.is_activated}", images_first(y))
    way.save(unit.name, x, z, mean, variance)
    return y


def backward(unit: Unit, weights: Tree, grad: Array, way: Pass) -> tuple[Array, dict[str, Array]]:
    """The gradient of x, and those of the unit's parameters by name."""
    x, z, mean, variance = way.take(unit.name)
    own = at(weights, unit.name)
    way.saw(f"{unit.name}.{1 + unit.is_activated}", images_first(grad))
    denormalise = partial(_normalised_backward, unit, way)
    norm = own["1"]
    dz, dweight, dbias, *between = by_channel(denormalise, grad, z, norm["weight"], norm["bias"], mean, variance)
    for step in between:
        way.saw(f"{unit.name}.1", images_first(step))
    way.saw(f"{unit.name}.0", images_first(dz))
    convolve_backward = depthwise.depthwise_backward if unit.is_depthwise else convolution.convolution_backward
    dx, dfilters = convolve_backward(dz, x, own["0"]["weight"], unit.stride)
    return dx, {
        f"{unit.name}.0.weight": dfilters,
        f"{unit.name}.1.weight": dweight,
        f"{unit.name}.1.bias": dbias,
    }


def _normalised(
    unit: Unit, way: Pass, x: Array, weight: Array, bias: Array, mean: Array, variance: Array
) -> tuple[Array, ...]:
    """The normalised map, if somebody watches, and what becomes of it."""
    y = layers.batch_norm(x, weight, bias, mean, variance, way.architecture.eps)
    if not unit.is_activated:
        return (y,)
    return (y, layers.silu(y)) if way.watch else (layers.silu(y),)


def _normalised_backward(
    unit: Unit, way: Pass, grad: Array, x: Array, weight: Array, bias: Array, mean: Array, variance: Array
) -> tuple[Array, ...]:
    """The gradients of x, weight and bias, and that of the normalised map, if somebody watches and it is another."""
    eps = way.architecture.eps
    shown: tuple[Array, ...] = ()
    if unit.is_activated:
        grad = layers.silu_backward(grad, layers.batch_norm(x, weight, bias, mean, variance, eps))
        shown = (grad,) if way.watch else ()
    undo = layers.batch_norm_training_backward if way.training else layers.batch_norm_inference_backward
    return (*undo(grad, x, weight, mean, variance, eps), *shown)


def _remember(unit: Unit, norm: Tree, x: Array, mean: Array, variance: Array, way: Pass) -> None:
    """The running statistics after this batch; PyTorch's running variance is the unbiased one."""
    count, momentum = prod(x.shape[1:]), way.architecture.momentum
    if count == 1:
        raise ModelError(
            f"{unit.name}.1 cannot be trained with one value per channel, got {tuple(images_first(x).shape)}: "
            "give more than one picture, or larger ones"
        )
    way.statistics[f"{unit.name}.1.running_mean"] = layers.running(norm["running_mean"], mean, momentum)
    unbiased = variance * (count / (count - 1))
    way.statistics[f"{unit.name}.1.running_var"] = layers.running(norm["running_var"], unbiased, momentum)
    way.statistics[f"{unit.name}.1.num_batches_tracked"] = norm["num_batches_tracked"] + 1
