"""torchvision's EfficientNet of one of the reference's tables: it holds its weights, and learns beside it."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConv, MBConvConfig
from torchvision.ops.misc import SqueezeExcitation

from imgcls.reference import Architecture


def build(architecture: Architecture) -> nn.Module:
    """The network, with the names of :func:`imgcls.reference.shapes` and the values that torchvision starts with."""

    def block(config: Any, left_out: float, norm: Any) -> Any:
        squeezed = max(1, int(config.input_channels * architecture.squeeze))

        def excitation(channels: int, _: int, activation: Any) -> Any:
            return SqueezeExcitation(channels, squeezed, activation)

        return MBConv(config, left_out, norm, excitation)

    network: nn.Module = EfficientNet(
        [
            MBConvConfig(s.expansion, s.kernel, s.stride, s.channels_in, s.channels_out, s.blocks, block=block)
            for s in architecture.stages
        ],
        architecture.dropout,
        architecture.stochastic_depth,
        architecture.classes,
        partial(nn.BatchNorm2d, eps=architecture.eps, momentum=architecture.momentum),
    )
    return network
