"""The torch EfficientNet of a reference network, with the same values, and the steps of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torchvision.models.efficientnet import MBConv
from torchvision.ops.misc import SqueezeExcitation

from imgcls import reference
from imgcls.models.sources import reference as reference_source
from imgcls.reference import layers, network
from imgcls.reference.unit import PassContext

Arrays = dict[str, Any]


class Steps(NamedTuple):
    """The results of one pass: by step, as gradients by step and by module, and by running statistic."""

    forward: Arrays
    backward: Arrays
    gradients: Arrays
    statistics: Arrays


class _Masked(nn.Module):
    """Multiplies by a given mask, in place of dropout or stochastic depth."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (self.mask if self.mask.ndim == x.ndim else self.mask[:, None, None, None])


def drawn_network(architecture: reference.Architecture, seed: int, dtype: Any = np.float64) -> reference.Network:
    """A reference network whose every value is drawn, norms and running statistics included."""
    generator = np.random.default_rng(seed)
    state = {}
    for name, shape in reference.shapes(architecture).items():
        value = generator.standard_normal(shape)
        if len(shape) > 1:
            value /= np.sqrt(np.prod(shape[1:]))
        elif name.endswith("running_var"):
            value = np.exp(value / 4)
        elif name.endswith(".1.weight"):
            value = 1 + value / 4
        state[name] = np.asarray(value / 4 if name.endswith("bias") else value)
    counts = {name: np.asarray(3) for name in state if name.endswith("tracked")}
    return reference.loaded(architecture, state | counts, dtype=dtype)


def build(net: reference.Network, dtype: torch.dtype) -> Any:
    """torchvision's network with the same values, in training."""
    module = reference_source.torch_efficientnet(net.architecture).to(dtype).train()
    module.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in reference.state_dict(net).items()})
    return module


def set_masks(module: Any, masks: Mapping[str, Any], dtype: torch.dtype) -> None:
    """From now on ``module`` leaves out what these masks leave out."""
    for name, mask in masks.items():
        parent, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(parent), leaf, _Masked(torch.from_numpy(mask).to(dtype)))


def torch_steps(
    net: reference.Network, images: Any, labels: Any, masks: Mapping[str, Any], dtype: torch.dtype, **settings: Any
) -> Steps:
    """PyTorch's steps, in training or not (``training``)."""
    module = build(net, dtype).train(settings["training"])
    set_masks(module, masks, dtype)
    forward: Arrays = {}
    backward: Arrays = {}
    for name, part in module.named_modules():
        if isinstance(part, MBConv | SqueezeExcitation | _Masked) or not list(part.children()):
            _record(name, part, forward, backward)
    inputs = torch.from_numpy(images).to(dtype).requires_grad_()
    class_weights = settings.get("class_weights")
    weights = None if class_weights is None else torch.from_numpy(class_weights).to(dtype)
    criterion = nn.CrossEntropyLoss(weights, label_smoothing=settings.get("smoothing", 0.0))
    loss = criterion(module(inputs), torch.from_numpy(labels))
    loss.backward()
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return Steps(
        forward | {"loss": loss.detach()},
        backward,
        _by_module(gradients) | {"images": inputs.grad},
        dict(module.named_buffers()),
    )


def _record(name: str, part: Any, forward: Arrays, backward: Arrays) -> None:
    if hasattr(part, "inplace"):
        part.inplace = False

    def hook(_: Any, __: Any, output: torch.Tensor) -> None:
        forward[name] = output.detach().clone()
        hooked: Any = output  # torch does not type its hooks
        hooked.register_hook(lambda gradient: backward.__setitem__(name, gradient.clone()))

    part.register_forward_hook(hook)


def reference_steps(
    net: reference.Network, images: Any, labels: Any, masks: Mapping[str, Any], **settings: Any
) -> Steps:
    """The reference's steps; in evaluation mode too there is a backward pass."""
    forward: Arrays = {}
    backward: Arrays = {}
    context = PassContext(net.architecture, settings["training"], masks, {}, forward.__setitem__)
    logits = network.forward(net, images, context)
    targets = layers.shares(labels, logits, settings.get("smoothing", 0.0), settings.get("class_weights"))
    loss, logs = layers.cross_entropy(logits, targets)
    back = PassContext(net.architecture, settings["training"], masks, context.saved, backward.__setitem__)
    gradients, of_images = network.backward(net, layers.cross_entropy_backward(targets, logs), back)
    return Steps(
        forward | {"loss": loss},
        backward,
        _by_module(reference.flat(gradients)) | {"images": of_images},
        context.statistics or reference.flat(net.statistics),
    )


def _by_module(gradients: Arrays) -> Arrays:
    """The gradients of a module's parameters as one step, measured by its largest.

    A bias just before another norm changes nothing, so that its own gradient is only rounding.
    """
    modules: dict[str, list[Any]] = {}
    for name, gradient in sorted(gradients.items(), key=lambda pair: pair[0].endswith("bias")):
        modules.setdefault(name.rpartition(".")[0], []).append(np.ravel(gradient))
    return {name: np.concatenate(arrays) for name, arrays in modules.items()}
