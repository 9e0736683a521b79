"""What of a network's weights a narrower type cannot hold."""

from __future__ import annotations

import torch

from imgcls.messages import named


def clipped(module: torch.nn.Module, precision: str) -> tuple[str, ...]:
    """A note on the weights that are beyond the largest number of a precision, where there are any."""
    if precision in {"float32", "int8"}:
        return ()
    largest = torch.finfo(getattr(torch, precision)).max
    beyond = {name: count for name, tensor in module.state_dict().items() if (count := _beyond(tensor, largest))}
    if not beyond:
        return ()
    total = sum(beyond.values())
    return (f"{total} weights are beyond {largest:.6g}, the largest number of {precision}: {named(list(beyond), 3)}",)


def _beyond(tensor: torch.Tensor, largest: float) -> int:
    if not tensor.is_floating_point():
        return 0
    return int(((tensor.abs() > largest) & tensor.isfinite()).sum())
