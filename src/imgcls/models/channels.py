"""How many channels a network's input has, and one number for all of them spread over them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgcls.errors import ConfigError
from imgcls.records.config import InputSpec, ModelSpec

if TYPE_CHECKING:
    import torch

KINDS = {1: "grey", 3: "RGB"}
"""The numbers of channels that an image has, and what it is then."""


def fitted(spec: ModelSpec, input_spec: InputSpec, count: int | None) -> InputSpec:
    """The same settings for N channels, None: for as many as it has values; one value counts for every channel.

    Raises ConfigError where images do not have that many, and where there are values for another number of them.
    """
    given = {len(input_spec.mean), len(input_spec.std)}
    count = max(given) if count is None else count
    if count not in KINDS:
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} takes {count} channels, and images have 3 (RGB) or 1 (grey): "
            "give its network a function `preprocess`, see docs/extending.md"
        )
    if given - {1, count}:
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} takes {_channels(count)}, and its mean and std are for "
            f"{_channels(max(given))}: give each as one number in [models.{spec.name}.input], as it was trained with"
        )
    return replace(input_spec, mean=_spread(input_spec.mean, count), std=_spread(input_spec.std, count))


def of(module: torch.nn.Module) -> int:
    """The number of channels that the first convolution of a network takes; 3 where it has none."""
    import torch

    first = next((layer for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)), None)
    return first.in_channels if first is not None and first.in_channels else max(KINDS)


def _channels(count: int) -> str:
    return f"{count} channel{'s' if count > 1 else ''} ({KINDS.get(count, 'neither grey nor RGB')})"


def _spread(values: tuple[float, ...], count: int) -> tuple[float, ...]:
    return values * count if len(values) == 1 else values
