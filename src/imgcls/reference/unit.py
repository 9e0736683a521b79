"""A convolution, its batch norm and perhaps a SiLU: the unit that EfficientNet repeats, forward and backward.

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
"""Gets each step's name and its result."""


@dataclass(frozen=True, slots=True)
class PassContext:
    """The settings of one forward or backward pass, and what it leaves behind.

    ``masks``: by name, those of the steps that leave something out at random (:mod:`imgcls.reference.masks`).
    ``saved``: what the backward pass will need, by name; None where there is none.
    ``statistics``: in training, the running statistics after this batch, by name.
    """

    architecture: Architecture
    training: bool = False
    masks: Mapping[str, Array] = field(default_factory=dict)
    saved: dict[str, Any] | None = None
    watch: Watch | None = None
    statistics: dict[str, Array] = field(default_factory=dict)

    def save(self, name: str, *arrays: Array) -> None:
        """Keep for the backward pass."""
        if self.saved is not None:
            self.saved[name] = arrays

    def take(self, name: str) -> Any:
        """What was saved, and release its memory. Raises ModelError where nothing is saved."""
        if not self.saved or name not in self.saved:
            raise ModelError(
                f"no backward pass through {name}: the forward pass was made without `saved`, or is used up"
            )
        return self.saved.pop(name)

    def observe(self, name: str, step: Array) -> None:
        """Pass a step to ``watch``."""
        if self.watch:
            self.watch(name, step)


class Unit(NamedTuple):
    """The name of a unit, and what it does."""

    name: str
    stride: int = 1
    is_depthwise: bool = False
    is_activated: bool = True


def forward(unit: Unit, weights: Tree, x: Array, context: PassContext) -> Array:
    """(in, n, h, w) to (out, n, rows, columns). Raises ModelError where training sees one value per channel."""
    own = at(weights, unit.name)
    norm = own["1"]
    convolve = depthwise.depthwise if unit.is_depthwise else convolution.convolution
    z = convolve(x, own["0"]["weight"], unit.stride)
    context.observe(f"{unit.name}.0", images_first(z))
    if context.training:
        mean, variance = by_channel(layers.statistics, z)
        _remember(unit, norm, z, mean, variance, context)
    else:
        mean, variance = norm["running_mean"], norm["running_var"]
    normalise = partial(_normalised, unit, context)
    *normalised, y = by_channel(normalise, z, norm["weight"], norm["bias"], mean, variance)
    for step in normalised:
        context.observe(f"{unit.name}.1", images_first(step))
    context.observe(f"{unit.name}.{1 + unit.is_activated}", images_first(y))
    context.save(unit.name, x, z, mean, variance)
    return y


def backward(unit: Unit, weights: Tree, grad: Array, context: PassContext) -> tuple[Array, dict[str, Array]]:
    """The gradient of x, and those of the unit's parameters by name."""
    dz, x, gradients = _before_convolution(unit, weights, grad, context)
    filters = at(weights, unit.name)["0"]["weight"]
    convolve_backward = depthwise.depthwise_backward if unit.is_depthwise else convolution.convolution_backward
    dx, dfilters = convolve_backward(dz, x, filters, unit.stride)
    return dx, {f"{unit.name}.0.weight": dfilters, **gradients}


def parameters_backward(unit: Unit, weights: Tree, grad: Array, context: PassContext) -> dict[str, Array]:
    """The gradients of the parameters of a unit that is not depthwise, where nobody needs that of x."""
    dz, x, gradients = _before_convolution(unit, weights, grad, context)
    filters = at(weights, unit.name)["0"]["weight"]
    return {f"{unit.name}.0.weight": convolution.weight_gradient(dz, x, filters, unit.stride), **gradients}


def _before_convolution(
    unit: Unit, weights: Tree, grad: Array, context: PassContext
) -> tuple[Array, Array, dict[str, Array]]:
    """The gradient of what the convolution returned, what it was given, and the gradients of the norm's parameters."""
    x, z, mean, variance = context.take(unit.name)
    norm = at(weights, unit.name)["1"]
    context.observe(f"{unit.name}.{1 + unit.is_activated}", images_first(grad))
    denormalise = partial(_normalised_backward, unit, context)
    dz, dweight, dbias, *between = by_channel(denormalise, grad, z, norm["weight"], norm["bias"], mean, variance)
    for step in between:
        context.observe(f"{unit.name}.1", images_first(step))
    context.observe(f"{unit.name}.0", images_first(dz))
    return dz, x, {f"{unit.name}.1.weight": dweight, f"{unit.name}.1.bias": dbias}


def _normalised(
    unit: Unit, context: PassContext, x: Array, weight: Array, bias: Array, mean: Array, variance: Array
) -> tuple[Array, ...]:
    """The normalised map, if steps are watched, and its activation."""
    y = layers.batch_norm(x, weight, bias, mean, variance, context.architecture.eps)
    if not unit.is_activated:
        return (y,)
    return (y, layers.silu(y)) if context.watch else (layers.silu(y),)


def _normalised_backward(
    unit: Unit, context: PassContext, grad: Array, x: Array, weight: Array, bias: Array, mean: Array, variance: Array
) -> tuple[Array, ...]:
    """The gradients of x, weight and bias, and that of the normalised map, if steps are watched and it is another."""
    eps = context.architecture.eps
    shown: tuple[Array, ...] = ()
    if unit.is_activated:
        grad = layers.silu_backward(grad, layers.batch_norm(x, weight, bias, mean, variance, eps))
        shown = (grad,) if context.watch else ()
    undo = layers.batch_norm_training_backward if context.training else layers.batch_norm_inference_backward
    return (*undo(grad, x, weight, mean, variance, eps), *shown)


def _remember(unit: Unit, norm: Tree, x: Array, mean: Array, variance: Array, context: PassContext) -> None:
    """The running statistics after this batch; PyTorch's running variance is the unbiased one."""
    count, momentum = prod(x.shape[1:]), context.architecture.momentum
    if count == 1:
        raise ModelError(
            f"{unit.name}.1 cannot be trained with one value per channel, got {tuple(images_first(x).shape)}: "
            "give more than one image, or larger ones"
        )
    context.statistics[f"{unit.name}.1.running_mean"] = layers.running(norm["running_mean"], mean, momentum)
    unbiased = variance * (count / (count - 1))
    context.statistics[f"{unit.name}.1.running_var"] = layers.running(norm["running_var"], unbiased, momentum)
    context.statistics[f"{unit.name}.1.num_batches_tracked"] = norm["num_batches_tracked"] + 1
