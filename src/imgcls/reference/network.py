"""EfficientNet, there and back: Tan and Le 2019, https://arxiv.org/abs/1905.11946, as torchvision builds it.

Every step has the name of torchvision's module that takes it (``features.2.0.block.1.0``): on the way there for what
it returned, on the way back for the gradient of that. Pictures, and steps as they are shown, are (images, channels,
height, width), as in PyTorch; in between, maps are (channels, images, height, width), see
:mod:`imgcls.reference.arrays`.
"""

from __future__ import annotations

from imgcls.errors import ModelError
from imgcls.reference import block, layers, unit
from imgcls.reference.architecture import Architecture, blocks, last_name
from imgcls.reference.arrays import Array, by_channel, images_first, namespace
from imgcls.reference.state import Network, Tree, joined, nested
from imgcls.reference.unit import Pass, Unit


def forward(network: Network, images: Array, way: Pass) -> Array:
    """(n, 3, h, w) to logits (n, classes).

    Raises ModelError where images have another shape, and where in training a channel has only one value.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ModelError(f"the reference wants pictures as (n, 3, height, width), got {tuple(images.shape)}")
    weights = joined(network.parameters, network.statistics)
    x = unit.forward(_stem(), weights, images_first(images), way)
    for each in blocks(network.architecture):
        x = block.forward(each, weights, x, way)
    return _classified(weights, unit.forward(_last(network.architecture), weights, x, way), way)


def backward(network: Network, grad: Array, way: Pass) -> tuple[Tree, Array]:
    """From the gradient of the logits (n, classes): those of all parameters, and that of the pictures (n, 3, h, w).

    ``way`` is the forward pass's, and is used up: memory is let go of step by step.
    """
    weights = joined(network.parameters, network.statistics)
    x, gradients = _classified_backward(weights, grad, way)
    x, found = unit.backward(_last(network.architecture), weights, x, way)
    gradients |= found
    for each in reversed(list(blocks(network.architecture))):
        x, found = block.backward(each, weights, x, way)
        gradients |= found
    x, found = unit.backward(_stem(), weights, x, way)
    return nested(gradients | found), images_first(x)


def _stem() -> Unit:
    return Unit("features.0", stride=2)


def _last(architecture: Architecture) -> Unit:
    return Unit(last_name(architecture))


def _classified(weights: Tree, x: Array, way: Pass) -> Array:
    """Global average pooling, dropout and a linear layer: (c, n, h, w) to (n, classes)."""
    rows = namespace(x).matrix_transpose(by_channel(layers.pool, x))
    way.saw("avgpool", rows[:, :, None, None])
    if "classifier.0" in way.kept:
        rows = layers.dropout(rows, way.kept["classifier.0"])
    way.saw("classifier.0", rows)
    way.save("classifier", rows, x.shape)
    last = weights["classifier"]["1"]
    logits = layers.linear(rows, last["weight"], last["bias"])
    way.saw("classifier.1", logits)
    return logits


def _classified_backward(weights: Tree, grad: Array, way: Pass) -> tuple[Array, dict[str, Array]]:
    rows, shape = way.take("classifier")
    way.saw("classifier.1", grad)
    drows, dweight, dbias = layers.linear_backward(grad, rows, weights["classifier"]["1"]["weight"])
    way.saw("classifier.0", drows)
    if "classifier.0" in way.kept:
        drows = layers.dropout_backward(drows, way.kept["classifier.0"])
    way.saw("avgpool", drows[:, :, None, None])
    dx = layers.pool_backward(namespace(grad).matrix_transpose(drows), shape)
    return dx, {"classifier.1.weight": dweight, "classifier.1.bias": dbias}
