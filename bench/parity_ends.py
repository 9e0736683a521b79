"""Faults of deployment before and after a network: what it takes an image for, and what is made of its logits."""

from __future__ import annotations

from collections.abc import Callable

import torch

from imgcls.models.model import Model
from parity_networks import Change, Wrapped


def before(function: Callable[[torch.Tensor, Model], torch.Tensor]) -> Change:
    """A network with a function of its batch, and of the model that was tested, before it."""
    return lambda network, model: Wrapped(network, before=lambda batch: function(batch, model))


def after(function: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """A network with a function of its logits after it."""
    return lambda network, _: Wrapped(network, after=function)


def alphabetical(network: torch.nn.Module, model: Model) -> Wrapped:
    """Its classes in the order of their names."""
    names = model.labels.names
    order = torch.tensor(sorted(range(len(names)), key=lambda index: names[index]))
    return Wrapped(network, after=lambda logits: logits[:, order])


def pixels(batch: torch.Tensor, model: Model) -> torch.Tensor:
    """In [0, 1], of a normalised batch."""
    mean, std = _normalisation(model)
    return batch * std + mean


def normalised_twice(batch: torch.Tensor, model: Model) -> torch.Tensor:
    mean, std = _normalisation(model)
    return (batch - mean) / std


def of_clip(batch: torch.Tensor, model: Model) -> torch.Tensor:
    """With the mean and the standard deviation of CLIP."""
    mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)
    std = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)
    return (pixels(batch, model) - mean) / std


def _normalisation(model: Model) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(model.input.mean).view(1, 3, 1, 1), torch.tensor(model.input.std).view(1, 3, 1, 1)
