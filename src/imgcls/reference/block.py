"""The inverted residual block with squeeze-and-excitation, forward and backward: torchvision's ``MBConv``.

Sandler et al. 2018, https://arxiv.org/abs/1801.04381, section 3; Tan et al. 2019, https://arxiv.org/abs/1807.11626.
"""

from __future__ import annotations

from functools import partial
from operator import add
from typing import NamedTuple

from imgcls.reference import layers, unit
from imgcls.reference.architecture import Block
from imgcls.reference.arrays import Array, by_channel, images_first, namespace
from imgcls.reference.state import Tree, at
from imgcls.reference.unit import PassContext, Unit


class _Parts(NamedTuple):
    expand: tuple[Unit, ...]
    spatial: Unit
    excitation: str
    project: Unit


def parts(block: Block) -> _Parts:
    """The units of ``block`` by torchvision's numbers; a block that does not expand begins with its depthwise unit."""
    first = int(block.expands)
    return _Parts(
        expand=(Unit(f"{block.name}.block.0"),) * first,
        spatial=Unit(f"{block.name}.block.{first}", stride=block.stride, is_depthwise=True),
        excitation=f"{block.name}.block.{first + 1}",
        project=Unit(f"{block.name}.block.{first + 2}", is_activated=False),
    )


def forward(block: Block, weights: Tree, x: Array, context: PassContext) -> Array:
    """(in, n, h, w) to (out, n, ceil(h / stride), ceil(w / stride))."""
    expand, spatial, excitation, project = parts(block)
    y = x
    for each in (*expand, spatial):
        y = unit.forward(each, weights, y, context)
    y = excitation_forward(excitation, weights, y, context)
    y = unit.forward(project, weights, y, context)
    if block.is_residual:
        depth = f"{block.name}.stochastic_depth"
        if depth in context.masks:
            y = by_channel(partial(layers.stochastic_depth, mask=context.masks[depth]), y)
        context.observe(depth, images_first(y))
        y = by_channel(add, y, x)
    context.observe(block.name, images_first(y))
    return y


def backward(block: Block, weights: Tree, grad: Array, context: PassContext) -> tuple[Array, dict[str, Array]]:
    """The gradient of x, and those of the block's parameters by name."""
    expand, spatial, excitation, project = parts(block)
    context.observe(block.name, images_first(grad))
    branch, depth = grad, f"{block.name}.stochastic_depth"
    if block.is_residual:
        context.observe(depth, images_first(grad))
        if depth in context.masks:
            branch = by_channel(partial(layers.stochastic_depth_backward, mask=context.masks[depth]), grad)
    branch, gradients = unit.backward(project, weights, branch, context)
    branch, own = excitation_backward(excitation, weights, branch, context)
    gradients |= own
    for each in (spatial, *expand):
        branch, own = unit.backward(each, weights, branch, context)
        gradients |= own
    if block.is_residual:
        branch = by_channel(add, branch, grad)
    return branch, gradients


def excitation_forward(name: str, weights: Tree, x: Array, context: PassContext) -> Array:
    """Squeeze-and-excitation of (c, n, h, w): each map times a gate that all maps of its image decide."""
    xp, own = namespace(x), at(weights, name)
    squeezed = xp.matrix_transpose(by_channel(layers.pool, x))
    context.observe(f"{name}.avgpool", _pixel(squeezed))
    fc1 = layers.linear(squeezed, _matrix(own["fc1"]["weight"]), own["fc1"]["bias"])
    context.observe(f"{name}.fc1", _pixel(fc1))
    activation = layers.silu(fc1)
    context.observe(f"{name}.activation", _pixel(activation))
    fc2 = layers.linear(activation, _matrix(own["fc2"]["weight"]), own["fc2"]["bias"])
    context.observe(f"{name}.fc2", _pixel(fc2))
    gate = layers.sigmoid(fc2)
    context.observe(f"{name}.scale_activation", _pixel(gate))
    y = by_channel(layers.scale, x, xp.matrix_transpose(gate))
    context.observe(name, images_first(y))
    context.save(name, x, squeezed, fc1, activation, gate)
    return y


def excitation_backward(name: str, weights: Tree, grad: Array, context: PassContext) -> tuple[Array, dict[str, Array]]:
    """The gradient of x, and those of both layers' parameters by name."""
    xp, own = namespace(grad), at(weights, name)
    x, squeezed, fc1, activation, gate = context.take(name)
    context.observe(name, images_first(grad))
    dgate = xp.matrix_transpose(by_channel(layers.scale_gate_gradient, grad, x))
    context.observe(f"{name}.scale_activation", _pixel(dgate))
    dfc2 = layers.sigmoid_backward(dgate, gate)
    context.observe(f"{name}.fc2", _pixel(dfc2))
    dactivation, dweight2, dbias2 = layers.linear_backward(dfc2, activation, _matrix(own["fc2"]["weight"]))
    context.observe(f"{name}.activation", _pixel(dactivation))
    dfc1 = layers.silu_backward(dactivation, fc1)
    context.observe(f"{name}.fc1", _pixel(dfc1))
    dsqueezed, dweight1, dbias1 = layers.linear_backward(dfc1, squeezed, _matrix(own["fc1"]["weight"]))
    context.observe(f"{name}.avgpool", _pixel(dsqueezed))
    dx = by_channel(_excited_gradient, grad, xp.matrix_transpose(gate), xp.matrix_transpose(dsqueezed))
    return dx, {
        f"{name}.fc1.weight": _pixel(dweight1),
        f"{name}.fc1.bias": dbias1,
        f"{name}.fc2.weight": _pixel(dweight2),
        f"{name}.fc2.bias": dbias2,
    }


def _pixel(matrix: Array) -> Array:
    """(a, b) to (a, b, 1, 1), as PyTorch has both the squeezed maps and the filters over them."""
    return matrix[:, :, None, None]


def _matrix(filters: Array) -> Array:
    return filters[:, :, 0, 0]


def _excited_gradient(grad: Array, gate: Array, dsqueezed: Array) -> Array:
    """X had two uses: it was scaled, and it was squeezed."""
    return layers.scale_input_gradient(grad, gate) + layers.pool_backward(dsqueezed, grad.shape)
