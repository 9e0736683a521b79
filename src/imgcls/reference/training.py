"""What others call: build a network, ask it, and take one step of training. Every function gives back what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from imgcls.errors import ModelError
from imgcls.reference import layers, state
from imgcls.reference import network as networks
from imgcls.reference.architecture import Architecture, variant
from imgcls.reference.arrays import Array, namespace
from imgcls.reference.state import Network, Tree, nested
from imgcls.reference.unit import Pass, Watch


class Step(NamedTuple):
    """What one batch taught: ``statistics`` are the running ones after it, both trees are like the network's."""

    loss: Array
    logits: Array
    gradients: Tree
    statistics: Tree


def build(
    architecture: str | Architecture, *, classes: int | None = None, seed: int = 0, xp: Any = np, dtype: Any = None
) -> Network:
    """An untrained network, by its name (``efficientnet_b0``) or table; see :func:`imgcls.reference.state.initialised`.

    Raises ConfigError for a name that is not there.
    """
    chosen = variant(architecture, classes) if isinstance(architecture, str) else architecture
    return state.initialised(chosen, seed, xp, dtype)


def predict(network: Network, images: Array, watch: Watch | None = None) -> Array:
    """Logits (n, classes) of pictures (n, 3, h, w), by the running statistics. Raises ModelError for another shape."""
    return networks.forward(network, images, Pass(network.architecture, watch=watch))


def step(
    network: Network,
    images: Array,
    labels: Array,
    *,
    kept: Mapping[str, Array],
    smoothing: float = 0.0,
    class_weights: Array | None = None,
    watch: Watch | None = None,
    watch_back: Watch | None = None,
) -> Step:
    """One batch there and back, in training; the network stays what it was.

    images: (n, 3, h, w) · labels: (n) class numbers · ``kept``: what :func:`imgcls.reference.masks.draw` gives, or
    ``{}`` to leave nothing out · class_weights: (classes) · ``watch``, ``watch_back``: told every step by its name, on
    the way there and, as the gradient of what the step returned, on the way back.
    Raises ModelError for another shape, for labels that are no classes, and where a channel has one value only.
    """
    classes = network.architecture.classes
    count = images.shape[0]
    if labels.shape != (count,) or not bool(namespace(labels).all((labels >= 0) & (labels < classes))):
        raise ModelError(f"labels are a class number below {classes} for each of {count} pictures")
    way = Pass(network.architecture, training=True, kept=kept, saved={}, watch=watch)
    logits = networks.forward(network, images, way)
    targets = layers.shares(labels, logits, smoothing, class_weights)
    loss, logs = layers.cross_entropy(logits, targets)
    way.saw("loss", loss)
    back = Pass(network.architecture, training=True, kept=kept, saved=way.saved, watch=watch_back)
    gradients, _ = networks.backward(network, layers.cross_entropy_backward(targets, logs), back)
    return Step(loss, logits, gradients, nested(way.statistics))
