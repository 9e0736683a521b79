"""The reference computed again with some of its steps as an export has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.parity.diagnosis import trace_torch
from imgcls.parity.diagnosis.layers import Pair
from imgcls.parity.diagnosis.trace import Array
from imgcls.parity.diagnosis.trace_torch import Call, Edit

if TYPE_CHECKING:
    from imgcls.models.model import Model


def logits(reference: Model, batch: torch.Tensor, edit: Edit | None = None) -> NDArray[np.floating]:
    """The reference's logits (n, classes) with some steps edited."""
    classifier = reference.classifier
    output = trace_torch.run(classifier.module, batch, edit)
    result: NDArray[np.floating] = classifier.to_numpy(output, len(batch))
    return result


def with_layers(pairs: Sequence[Pair], parts: frozenset[str]) -> Edit:
    """These layers with the export's ``weight``, ``bias`` or both; a batch norm that is folded into one is skipped."""
    by_index = {pair.reference.step.key: pair for pair in pairs}
    folded = {pair.reference.norm.key for pair in pairs if pair.is_folded and pair.reference.norm}

    def edit(call: Call) -> Any:
        if call.index in folded:
            return call.arguments["input"].clone()
        pair = by_index.get(call.index)
        if pair is None:
            return None
        weight = pair.values.weight if "weight" in parts else pair.expected.weight
        bias = pair.values.bias if "bias" in parts else pair.expected.bias
        given = call.arguments["weight"]
        return call(weight=_like(weight, given).reshape(given.shape), bias=_like(bias, given))

    return edit


def with_outputs(outputs: Mapping[int, Array]) -> Edit:
    """Some steps with the export's outputs, by the number of the call."""

    def edit(call: Call) -> Any:
        output = outputs.get(call.index)
        return None if output is None else torch.from_numpy(np.ascontiguousarray(output))

    return edit


def _like(values: Array, given: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(given.dtype)
