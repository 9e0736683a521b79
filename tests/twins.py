"""torchvision's twin of a reference network, given the same values, and made to tell its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torchvision.models.efficientnet import MBConv
from torchvision.ops.misc import SqueezeExcitation

from imgcls import reference, twin
from imgcls.reference import layers, network
from imgcls.reference.unit import Pass

Arrays = dict[str, Any]


class Steps(NamedTuple):
    """What one pass there and back gave: by step, as gradients by step and by module, and by running statistic."""

    forward: Arrays
    backward: Arrays
    gradients: Arrays
    statistics: Arrays


class _Keep(nn.Module):
    """Leaves out what it is told to."""

    def __init__(self, kept: torch.Tensor) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (self.kept if self.kept.ndim == x.ndim else self.kept[:, None, None, None])


def filled(architecture: reference.Architecture, seed: int, dtype: Any = np.float64) -> reference.Network:
    """A network whose every value is drawn, norms and running statistics included."""
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
    return reference.loaded(architecture, state | _counts(state), dtype=dtype)


def _counts(state: Arrays) -> Arrays:
    return {name: np.asarray(3) for name in state if name.endswith("tracked")}


def module(net: reference.Network, dtype: torch.dtype) -> Any:
    """torchvision's network with the same values, in training."""
    made = twin.build(net.architecture).to(dtype).train()
    made.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in reference.state_dict(net).items()})
    return made


def keep(made: Any, kept: Mapping[str, Any], dtype: torch.dtype) -> None:
    """From now on ``made`` leaves out what was drawn for us."""
    for name, of_step in kept.items():
        parent, _, leaf = name.rpartition(".")
        setattr(made.get_submodule(parent), leaf, _Keep(torch.from_numpy(of_step).to(dtype)))


def torchs(
    net: reference.Network, images: Any, labels: Any, kept: Mapping[str, Any], dtype: torch.dtype, **how: Any
) -> Steps:
    """What PyTorch makes of it, in training or not (``training``)."""
    made = module(net, dtype).train(how["training"])
    keep(made, kept, dtype)
    forward: Arrays = {}
    backward: Arrays = {}
    for name, part in made.named_modules():
        if isinstance(part, MBConv | SqueezeExcitation | _Keep) or not list(part.children()):
            _listen(name, part, forward, backward)
    pictures = torch.from_numpy(images).to(dtype).requires_grad_()
    weights = torch.from_numpy(how["class_weights"]).to(dtype) if how.get("class_weights") is not None else None
    criterion = nn.CrossEntropyLoss(weights, label_smoothing=how.get("smoothing", 0.0))
    loss = criterion(made(pictures), torch.from_numpy(labels))
    loss.backward()
    gradients = {name: p.grad.numpy() for name, p in made.named_parameters()}
    return Steps(
        forward | {"loss": loss.detach()},
        backward,
        _by_module(gradients) | {"images": pictures.grad},
        dict(made.named_buffers()),
    )


def _listen(name: str, part: Any, forward: Arrays, backward: Arrays) -> None:
    if hasattr(part, "inplace"):
        part.inplace = False

    def heard(_: Any, __: Any, output: torch.Tensor) -> None:
        forward[name] = output.detach().clone()
        hooked: Any = output  # torch does not type its hooks
        hooked.register_hook(lambda gradient: backward.__setitem__(name, gradient.clone()))

    part.register_forward_hook(heard)


def ours(net: reference.Network, images: Any, labels: Any, kept: Mapping[str, Any], **how: Any) -> Steps:
    """What the reference makes of it; in evaluation mode too there is a way back."""
    forward: Arrays = {}
    backward: Arrays = {}
    there = Pass(net.architecture, how["training"], kept, {}, forward.__setitem__)
    logits = network.forward(net, images, there)
    targets = layers.shares(labels, logits, how.get("smoothing", 0.0), how.get("class_weights"))
    loss, logs = layers.cross_entropy(logits, targets)
    back = Pass(net.architecture, how["training"], kept, there.saved, backward.__setitem__)
    gradients, of_images = network.backward(net, layers.cross_entropy_backward(targets, logs), back)
    return Steps(
        forward | {"loss": loss},
        backward,
        _by_module(reference.flat(gradients)) | {"images": of_images},
        there.statistics or reference.flat(net.statistics),
    )


def _by_module(gradients: Arrays) -> Arrays:
    """The gradients of a module's parameters as one step, measured by its largest.

    A bias just before another norm changes nothing, so that its own gradient is rounding alone.
    """
    modules: dict[str, list[Any]] = {}
    for name, gradient in sorted(gradients.items(), key=lambda pair: pair[0].endswith("bias")):
        modules.setdefault(name.rpartition(".")[0], []).append(np.ravel(gradient))
    return {name: np.concatenate(arrays) for name, arrays in modules.items()}
