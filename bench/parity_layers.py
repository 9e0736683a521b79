"""Faults of deployment inside of a network: its weights, and what its layers compute."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from imgcls.models import loader
from imgcls.models.model import Model
from parity_networks import Change, Network, Replaced, Wrapped, layers, middle, put, specs


def scaled(network: Network, _: Model) -> Network:
    """The weight in the middle times 1.05."""
    network.get_submodule(middle(network)).weight.data.mul_(1.05)
    return network


def transposed(network: Network, _: Model) -> Network:
    layer = network.get_submodule(middle(network, accept=lambda conv: conv.kernel_size[0] > 1))
    layer.weight.data = layer.weight.data.transpose(2, 3).contiguous()
    return network


def without_bias(network: Network, _: Model) -> Network:
    inner = [module for module in network.modules() if getattr(module, "bias", None) is not None][1:-1]
    layer = max(inner, key=lambda module: float(module.bias.detach().abs().mean()))
    layer.bias.data.zero_()
    if hasattr(layer, "running_mean"):
        layer.running_mean.zero_()
    return network


def stale(network: Network, model: Model) -> Network:
    """The weights of another checkpoint; where there is none, those of a short training, as noise has them."""
    other = {"mobilenet_qat": "mobilenet_ptq", "mobilenet_ptq": "mobilenet_qat"}.get(model.spec.name)
    if other:
        return loader.filled(specs()[other]).module
    generator = torch.Generator().manual_seed(0)
    for name in layers(network, torch.nn.Conv2d):
        weight = network.get_submodule(name).weight.data
        weight.add_(0.05 * weight.std() * torch.randn(weight.shape, generator=generator))
    return network


NORM = torch.nn.BatchNorm2d


def in_training_mode(network: Network, _: Model) -> Network:
    """Each batch norm by the statistics of the batch."""

    def computed(layer: Any, batch: torch.Tensor) -> torch.Tensor:
        usual = functional.batch_norm(batch, None, None, layer.weight, layer.bias, training=True, eps=layer.eps)
        rest = getattr(layer, "act", None)
        result: torch.Tensor = rest(usual) if rest is not None else usual
        return result

    for name in layers(network, NORM):
        put(network, name, Replaced(network.get_submodule(name), computed))
    return network


def other_epsilon(network: Network, _: Model) -> Network:
    for name in layers(network, NORM):
        layer = network.get_submodule(name)
        layer.eps = 1e-3 if layer.eps != 1e-3 else 1e-5
    return network


def activation(function: Any) -> Change:
    """Another activation in the place of the middle one."""

    def change(network: Network, _: Model) -> Network:
        return put(network, middle(network, (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.SiLU)), function())

    return change


def _padded_after(layer: Any, batch: torch.Tensor) -> torch.Tensor:
    rows, columns = layer.padding
    image = functional.pad(batch, (0, 2 * columns, 0, 2 * rows))
    return functional.conv2d(image, layer.weight, layer.bias, layer.stride, 0, layer.dilation, layer.groups)


def asymmetric(network: Network, _: Model) -> Network:
    name = middle(network, accept=lambda conv: isinstance(conv.padding, tuple) and any(conv.padding))
    return put(network, name, Replaced(network.get_submodule(name), _padded_after))


def resized(*, aligned: bool) -> Change:
    """Images at half their size, enlarged by the network: by the corners of pixels, or by their centres."""

    def enlarge(batch: torch.Tensor) -> torch.Tensor:
        smaller = batch[..., ::2, ::2]
        return functional.interpolate(smaller, size=batch.shape[2:], mode="bilinear", align_corners=aligned)

    return lambda network, _: Wrapped(network, before=enlarge)


def dropout(network: Network, _: Model) -> Network:
    name = middle(network)
    drop = lambda layer, batch: functional.dropout(layer(batch), 0.3, training=True)  # noqa: E731 - a layer's function
    return put(network, name, Replaced(network.get_submodule(name), drop))


def huge(network: Network, _: Model) -> Network:
    """The same function with the first layers' values beyond float16, as far as its activations allow."""

    def there_and_back(layer: Any, batch: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = (layer(batch) * 1e5) * 1e-5
        return result

    first = layers(network, torch.nn.Conv2d)[0]
    return put(network, first, Replaced(network.get_submodule(first), there_and_back))
