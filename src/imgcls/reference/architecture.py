"""EfficientNet as data: a table of stages, and how B0 becomes B7 (Tan and Le 2019, https://arxiv.org/abs/1905.11946)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple

from imgcls.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Stage:
    """A row of table 1: ``blocks`` blocks, of which the first changes the channels and has the stride."""

    expansion: float
    kernel: int
    stride: int
    channels_in: int
    channels_out: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """What shapes the network. ``eps`` and ``momentum`` are batch normalisation's, ``momentum`` as PyTorch has it.

    ``squeeze``: the channels within a squeeze-and-excitation, as a share of those that enter the block.
    Raises ConfigError where a kernel is even, a stride is neither 1 nor 2, or stages do not follow on each other.
    """

    stages: tuple[Stage, ...]
    classes: int = 1000
    dropout: float = 0.2
    stochastic_depth: float = 0.2
    squeeze: float = 0.25
    eps: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        if not self.stages:
            raise ConfigError("an EfficientNet has at least one stage")
        for stage in self.stages:
            if stage.kernel % 2 == 0 or stage.stride not in {1, 2} or stage.blocks < 1:
                raise ConfigError(f"{stage}: kernels are odd, strides are 1 or 2, and there is a block")
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if before.channels_out != after.channels_in:
                raise ConfigError(f"{after} takes {after.channels_in} channels, and gets {before.channels_out}")


class Block(NamedTuple):
    """One inverted residual block, and what of it is left out at random while training."""

    name: str
    channels_in: int
    expanded: int
    squeezed: int
    channels_out: int
    kernel: int
    stride: int
    left_out: float

    @property
    def expands(self) -> bool:
        """Whether there is a first pointwise convolution."""
        return self.expanded != self.channels_in

    @property
    def is_residual(self) -> bool:
        """Whether what enters is added to what leaves."""
        return self.stride == 1 and self.channels_in == self.channels_out


def blocks(architecture: Architecture) -> Iterator[Block]:
    """The blocks in order, named as torchvision names them; the later, the more often left out (linearly from 0)."""
    count, number = sum(stage.blocks for stage in architecture.stages), 0
    for place, stage in enumerate(architecture.stages, start=1):
        for index in range(stage.blocks):
            channels = stage.channels_out if index else stage.channels_in
            yield Block(
                name=f"features.{place}.{index}",
                channels_in=channels,
                expanded=_rounded(channels * stage.expansion),
                squeezed=max(1, int(channels * architecture.squeeze)),
                channels_out=stage.channels_out,
                kernel=stage.kernel,
                stride=1 if index else stage.stride,
                left_out=architecture.stochastic_depth * number / count,
            )
            number += 1


def last_name(architecture: Architecture) -> str:
    """The name of the last convolution."""
    return f"features.{len(architecture.stages) + 1}"


def last_channels(architecture: Architecture) -> int:
    """The output channels of the last convolution, which are the features of the classifier."""
    return 4 * architecture.stages[-1].channels_out


def scaled(stages: tuple[Stage, ...], width: float, depth: float) -> tuple[Stage, ...]:
    """Channels times ``width``, rounded to eights, and blocks times ``depth``, rounded up (section 3.3)."""
    return tuple(
        replace(
            stage,
            channels_in=_rounded(stage.channels_in * width),
            channels_out=_rounded(stage.channels_out * width),
            blocks=ceil(stage.blocks * depth),
        )
        for stage in stages
    )


def _rounded(channels: float) -> int:
    """To a multiple of eight that is at least eight and at least 90 % of ``channels``."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


B0 = (
    Stage(1, 3, 1, 32, 16, 1),
    Stage(6, 3, 2, 16, 24, 2),
    Stage(6, 5, 2, 24, 40, 2),
    Stage(6, 3, 2, 40, 80, 3),
    Stage(6, 5, 1, 80, 112, 3),
    Stage(6, 5, 2, 112, 192, 4),
    Stage(6, 3, 1, 192, 320, 1),
)
"""Table 1."""

_SLOW: Mapping[str, Any] = {"eps": 1e-3, "momentum": 0.01}
"""What torchvision gives the batch normalisations of B5 to B7."""

VARIANTS: Mapping[str, Architecture] = {
    "efficientnet_b0": Architecture(scaled(B0, 1.0, 1.0), dropout=0.2),
    "efficientnet_b1": Architecture(scaled(B0, 1.0, 1.1), dropout=0.2),
    "efficientnet_b2": Architecture(scaled(B0, 1.1, 1.2), dropout=0.3),
    "efficientnet_b3": Architecture(scaled(B0, 1.2, 1.4), dropout=0.3),
    "efficientnet_b4": Architecture(scaled(B0, 1.4, 1.8), dropout=0.4),
    "efficientnet_b5": Architecture(scaled(B0, 1.6, 2.2), dropout=0.4, **_SLOW),
    "efficientnet_b6": Architecture(scaled(B0, 1.8, 2.6), dropout=0.5, **_SLOW),
    "efficientnet_b7": Architecture(scaled(B0, 2.0, 3.1), dropout=0.5, **_SLOW),
    "efficientnet_small": Architecture(
        (Stage(1, 3, 1, 8, 8, 1), Stage(4, 3, 2, 8, 16, 2), Stage(4, 5, 2, 16, 24, 2)),
        classes=10,
        dropout=0.0,
        stochastic_depth=0.0,
    ),
}
"""The published eight, with torchvision's settings, and a small one that learns images of 32 x 32 in minutes; it
leaves nothing out at random, so that two implementations train it alike."""


def variant(name: str, classes: int | None = None) -> Architecture:
    """One of :data:`VARIANTS`, for its own number of classes or another. Raises ConfigError for another name."""
    if name not in VARIANTS:
        raise ConfigError(f"the reference has no '{name}'; it has {', '.join(VARIANTS)}")
    chosen = VARIANTS[name]
    return replace(chosen, classes=classes) if classes else chosen
