"""What a narrow type explains: the reference computed again with every tensor rounded to it."""

from __future__ import annotations

from typing import Any

import torch

from imgcls.parity.diagnosis.trace_torch import Call, Edit

FACTOR = 3.0  # docs/decisions.md#rounding-of-exports
"""How many times as far as so rounded values a file's may be: it rounds in other places, and sums in another order."""

NARROW = {"float16": torch.float16, "bfloat16": torch.bfloat16}
"""Floating-point types whose rounding is seen in logits."""


def edit(precision: str) -> Edit | None:
    """What rounds the arguments and the output of every step to a type; None for one that is not narrow."""
    dtype = NARROW.get(precision)
    if dtype is None:
        return None

    def rounded(value: Any) -> Any:
        if not (isinstance(value, torch.Tensor) and value.is_floating_point()):
            return value
        narrow = value.to(dtype).to(value.dtype)
        return torch.where(narrow.isinf(), value, narrow)  # an overflow is a fault, and not rounding

    def step(call: Call) -> Any:
        if call.function.is_view:
            return None
        return rounded(call(**{name: rounded(value) for name, value in call.arguments.items()}))

    return step
