"""Build a network, predict with it, and take one step of training. Every function returns what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from imgcls import messages
from imgcls.errors import ModelError
from imgcls.reference import layers, state
from imgcls.reference import network as networks
from imgcls.reference.architecture import Architecture, variant
from imgcls.reference.arrays import Array, namespace, own_threads
from imgcls.reference.state import Network, Tree, nested
from imgcls.reference.unit import PassContext, Watch


class Step(NamedTuple):
    """The results of one batch: ``statistics`` are the running ones after it, both trees are like the network's."""

    loss: Array
    logits: Array
    gradients: Tree
    statistics: Tree


def build(
    architecture: str | Architecture, *, classes: int | None = None, seed: int = 0, xp: Any = np, dtype: Any = None
) -> Network:
    """An untrained network, by its name (``efficientnet_b0``) or table; see :func:`imgcls.reference.state.initialised`.

    Raises ConfigError for an unknown name.
    """
    chosen = variant(architecture, classes) if isinstance(architecture, str) else architecture
    return state.initialised(chosen, seed, xp, dtype)


def predict(network: Network, images: Array, watch: Watch | None = None) -> Array:
    """Logits (n, classes) of images (n, 3, h, w), by the running statistics. Raises ModelError for another shape."""
    with own_threads(images):
        return networks.forward(network, images, PassContext(network.architecture, watch=watch))


def step(
    network: Network,
    images: Array,
    labels: Array,
    *,
    masks: Mapping[str, Array],
    smoothing: float = 0.0,
    class_weights: Array | None = None,
    watch: Watch | None = None,
    watch_back: Watch | None = None,
) -> Step:
    """One batch forward and backward, in training; the network stays what it was.

    images: (n, 3, h, w) · labels: (n) class numbers · ``masks``: from :func:`imgcls.reference.masks.draw`, or ``{}``
    to leave nothing out · class_weights: (classes) · ``watch``, ``watch_back``: get every step by its name, forward
    and, as the gradient of what the step returned, backward.
    Raises ModelError for another shape, for labels that are not classes, and where a channel has one value only.
    """
    classes = network.architecture.classes
    count = images.shape[0]
    if labels.shape != (count,) or not bool(namespace(labels).all((labels >= 0) & (labels < classes))):
        raise ModelError(f"labels are a class number below {classes} for each of {messages.counted(count, 'image')}")
    with own_threads(images):
        context = PassContext(network.architecture, training=True, masks=masks, saved={}, watch=watch)
        logits = networks.forward(network, images, context)
        targets = layers.shares(labels, logits, smoothing, class_weights)
        loss, logs = layers.cross_entropy(logits, targets)
        context.observe("loss", loss)
        back = PassContext(network.architecture, training=True, masks=masks, saved=context.saved, watch=watch_back)
        gradients = networks.parameters_backward(network, layers.cross_entropy_backward(targets, logs), back)
    return Step(loss, logits, gradients, nested(context.statistics))
