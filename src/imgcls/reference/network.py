"""EfficientNet, forward and backward: Tan and Le 2019, https://arxiv.org/abs/1905.11946, as torchvision builds it.

Every step has the name of torchvision's module that takes it (``features.2.0.block.1.0``): forward for what it
returned, backward for the gradient of that. Images, and steps as they are observed, are (images, channels, height,
width), as in PyTorch; in between, maps are (channels, images, height, width), see
:mod:`imgcls.reference.arrays`.
"""

from __future__ import annotations

from imgcls.errors import ModelError
from imgcls.reference import block, layers, unit
from imgcls.reference.architecture import Architecture, blocks, last_name
from imgcls.reference.arrays import Array, by_channel, images_first, namespace
from imgcls.reference.state import Network, Tree, joined, nested
from imgcls.reference.unit import PassContext, Unit


def forward(network: Network, images: Array, context: PassContext) -> Array:
    """(n, 3, h, w) to logits (n, classes).

    Raises ModelError where images have another shape, and where in training a channel has only one value.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ModelError(f"the reference takes images as (n, 3, height, width), got {tuple(images.shape)}")
    weights = joined(network.parameters, network.statistics)
    x = unit.forward(_stem(), weights, images_first(images), context)
    for each in blocks(network.architecture):
        x = block.forward(each, weights, x, context)
    return _classified(weights, unit.forward(_last(network.architecture), weights, x, context), context)


def backward(network: Network, grad: Array, context: PassContext) -> tuple[Tree, Array]:
    """From the gradient of the logits (n, classes): those of all parameters, and that of the images (n, 3, h, w).

    ``context`` is the forward pass's, and is used up: memory is released step by step.
    """
    weights = joined(network.parameters, network.statistics)
    x, gradients = _after_stem_backward(network.architecture, weights, grad, context)
    x, own = unit.backward(_stem(), weights, x, context)
    return nested(gradients | own), images_first(x)


def parameters_backward(network: Network, grad: Array, context: PassContext) -> Tree:
    """:func:`backward` without the gradient of the images, which training does not need."""
    weights = joined(network.parameters, network.statistics)
    x, gradients = _after_stem_backward(network.architecture, weights, grad, context)
    return nested(gradients | unit.parameters_backward(_stem(), weights, x, context))


def _after_stem_backward(
    architecture: Architecture, weights: Tree, grad: Array, context: PassContext
) -> tuple[Array, dict[str, Array]]:
    """The gradient of what the first unit returned, and those of all later parameters by name."""
    x, gradients = _classified_backward(weights, grad, context)
    x, own = unit.backward(_last(architecture), weights, x, context)
    gradients |= own
    for each in reversed(list(blocks(architecture))):
        x, own = block.backward(each, weights, x, context)
        gradients |= own
    return x, gradients


def _stem() -> Unit:
    return Unit("features.0", stride=2)


def _last(architecture: Architecture) -> Unit:
    return Unit(last_name(architecture))


def _classified(weights: Tree, x: Array, context: PassContext) -> Array:
    """Global average pooling, dropout and a linear layer: (c, n, h, w) to (n, classes)."""
    rows = namespace(x).matrix_transpose(by_channel(layers.pool, x))
    context.observe("avgpool", rows[:, :, None, None])
    if "classifier.0" in context.masks:
        rows = layers.dropout(rows, context.masks["classifier.0"])
    context.observe("classifier.0", rows)
    context.save("classifier", rows, x.shape)
    last = weights["classifier"]["1"]
    logits = layers.linear(rows, last["weight"], last["bias"])
    context.observe("classifier.1", logits)
    return logits


def _classified_backward(weights: Tree, grad: Array, context: PassContext) -> tuple[Array, dict[str, Array]]:
    rows, shape = context.take("classifier")
    context.observe("classifier.1", grad)
    drows, dweight, dbias = layers.linear_backward(grad, rows, weights["classifier"]["1"]["weight"])
    context.observe("classifier.0", drows)
    if "classifier.0" in context.masks:
        drows = layers.dropout_backward(drows, context.masks["classifier.0"])
    context.observe("avgpool", drows[:, :, None, None])
    dx = layers.pool_backward(namespace(grad).matrix_transpose(drows), shape)
    return dx, {"classifier.1.weight": dweight, "classifier.1.bias": dbias}
