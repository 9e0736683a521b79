"""The inverted residual block with squeeze-and-excitation, there and back: torchvision's ``MBConv``.

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
from imgcls.reference.unit import Pass, Unit


class _Parts(NamedTuple):
    expand: tuple[Unit, ...]
    spatial: Unit
    excitation: str
    project: Unit


def parts(block: Block) -> _Parts:
    """What torchvision numbers within ``block``; a block that does not expand begins with its depthwise unit."""
    first = int(block.expands)
    return _Parts(
        expand=(Unit(f"{block.name}.block.0"),) * first,
        spatial=Unit(f"{block.name}.block.{first}", stride=block.stride, is_depthwise=True),
        excitation=f"{block.name}.block.{first + 1}",
        project=Unit(f"{block.name}.block.{first + 2}", is_activated=False),
    )


def forward(block: Block, weights: Tree, x: Array, way: Pass) -> Array:
    """(in, n, h, w) to (out, n, ceil(h / stride), ceil(w / stride))."""
    expand, spatial, excitation, project = parts(block)
    y = x
    for each in (*expand, spatial):
        y = unit.forward(each, weights, y, way)
    y = excitation_forward(excitation, weights, y, way)
    y = unit.forward(project, weights, y, way)
    if block.is_residual:
        depth = f"{block.name}.stochastic_depth"
        if depth in way.kept:
            y = by_channel(partial(layers.stochastic_depth, kept=way.kept[depth]), y)
        way.saw(depth, images_first(y))
        y = by_channel(add, y, x)
    way.saw(block.name, images_first(y))
    return y


def backward(block: Block, weights: Tree, grad: Array, way: Pass) -> tuple[Array, dict[str, Array]]:
    """The gradient of x, and those of the block's parameters by name."""
    expand, spatial, excitation, project = parts(block)
    way.saw(block.name, images_first(grad))
    branch, depth = grad, f"{block.name}.stochastic_depth"
    if block.is_residual:
        way.saw(depth, images_first(grad))
        if depth in way.kept:
            branch = by_channel(partial(layers.stochastic_depth_backward, kept=way.kept[depth]), grad)
    branch, gradients = unit.backward(project, weights, branch, way)
    branch, found = excitation_backward(excitation, weights, branch, way)
    gradients |= found
    for each in (spatial, *expand):
        branch, found = unit.backward(each, weights, branch, way)
        gradients |= found
    if block.is_residual:
        branch = by_channel(add, branch, grad)
    return branch, gradients


def excitation_forward(name: str, weights: Tree, x: Array, way: Pass) -> Array:
    """Squeeze-and-excitation of (c, n, h, w): each map times a gate that all maps of its image decide."""
    xp, own = namespace(x), at(weights, name)
    squeezed = xp.matrix_transpose(by_channel(layers.pool, x))
    way.saw(f"{name}.avgpool", _pixel(squeezed))
    fc1 = layers.linear(squeezed, _matrix(own["fc1"]["weight"]), own["fc1"]["bias"])
    way.saw(f"{name}.fc1", _pixel(fc1))
    activation = layers.silu(fc1)
    way.saw(f"{name}.activation", _pixel(activation))
    fc2 = layers.linear(activation, _matrix(own["fc2"]["weight"]), own["fc2"]["bias"])
    way.saw(f"{name}.fc2", _pixel(fc2))
    gate = layers.sigmoid(fc2)
    way.saw(f"{name}.scale_activation", _pixel(gate))
    y = by_channel(layers.scale, x, xp.matrix_transpose(gate))
    way.saw(name, images_first(y))
    way.save(name, x, squeezed, fc1, activation, gate)
    return y


def excitation_backward(name: str, weights: Tree, grad: Array, way: Pass) -> tuple[Array, dict[str, Array]]:
    """The gradient of x, and those of both layers' parameters by name."""
    xp, own = namespace(grad), at(weights, name)
    x, squeezed, fc1, activation, gate = way.take(name)
    way.saw(name, images_first(grad))
    dgate = xp.matrix_transpose(by_channel(layers.scale_gate_gradient, grad, x))
    way.saw(f"{name}.scale_activation", _pixel(dgate))
    dfc2 = layers.sigmoid_backward(dgate, gate)
    way.saw(f"{name}.fc2", _pixel(dfc2))
    dactivation, dweight2, dbias2 = layers.linear_backward(dfc2, activation, _matrix(own["fc2"]["weight"]))
    way.saw(f"{name}.activation", _pixel(dactivation))
    dfc1 = layers.silu_backward(dactivation, fc1)
    way.saw(f"{name}.fc1", _pixel(dfc1))
    dsqueezed, dweight1, dbias1 = layers.linear_backward(dfc1, squeezed, _matrix(own["fc1"]["weight"]))
    way.saw(f"{name}.avgpool", _pixel(dsqueezed))
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
