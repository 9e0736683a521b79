"""Weights in an export held against the reference's, as they are and with batch norms folded into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imgcls.messages import named, spelled
from imgcls.parity.diagnosis import layers
from imgcls.parity.diagnosis.layers import Pair
from imgcls.parity.diagnosis.trace import Array
from imgcls.records.parity import Fault

Kind = Literal["same", "scaled", "rescaled", "transposed", "other"]

# docs/decisions.md#weights-in-a-file
ROUNDED = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 1e-2, "int8": 0.1}
"""The distance of a tensor of weights that rounding to its type explains."""

SCALED = {"float32": 1e-3, "float16": 3e-3, "bfloat16": 1e-2, "int8": 0.02}
"""How far from one the factor between two tensors may be."""

OTHER = 0.35
STALE = 0.3
COARSE = 2.0
BIAS = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of some weights, and the layers that have it; ``parts``: of each, ``weight`` or ``bias``."""

    fault: Fault
    pairs: tuple[Pair, ...]
    parts: frozenset[str] = frozenset({"weight"})
    is_certain: bool = False
    """Whether the file shows it, however little of the distance it explains: in integers, rounding hides it."""


def findings(matched: Sequence[Pair], precision: str) -> tuple[Finding, ...]:
    """Everything that the weights of an export have otherwise, beyond rounding; the surest first."""
    kinds = {at: kind(pair, precision) for at, pair in enumerate(matched)}
    differing = [matched[at] for at, name in kinds.items() if name in {"other", "transposed"}]
    if len(differing) >= max(2, STALE * len(matched)):
        return (_stale(differing, len(matched)),)
    found = [
        *(_scaled(pair) for at, pair in enumerate(matched) if kinds[at] == "scaled"),
        *(_transposed(pair) for at, pair in enumerate(matched) if kinds[at] == "transposed"),
        *(_other(pair) for at, pair in enumerate(matched) if kinds[at] == "other"),
        *_dropped([pair for at, pair in enumerate(matched) if kinds[at] == "same"]),
        *_per_tensor(matched),
    ]
    return tuple(found)


def kind(pair: Pair, precision: str) -> Kind:
    """How the weight of a layer differs."""
    expected, rounded = pair.expected.weight, ROUNDED[precision]
    factor = _factor(pair.values.weight, expected)
    if layers.distance(pair.values.weight, expected) <= rounded and abs(factor - 1) <= SCALED[precision]:
        return "same"
    if layers.distance(pair.values.weight, factor * expected) <= rounded and factor > 0:
        return "scaled"
    if _channelwise(pair.values.weight, expected) <= rounded:
        return "rescaled"
    if any(layers.distance(turned, expected) <= rounded for turned in _turned(pair)):
        return "transposed"
    coarse = precision == "int8" and layers.distance(pair.values.weight, expected) <= OTHER
    return "same" if coarse else "other"


def _factor(weight: Array, expected: Array) -> float:
    """What the expected tensor is multiplied by, by least squares."""
    square = float(np.sum(expected**2))
    return float(np.sum(weight * expected)) / square if square > 0 else 1.0


def _channelwise(weight: Array, expected: Array) -> float:
    """The distance that is left when each output channel has a factor of its own, as a folded batch norm gives it."""
    squares = np.maximum((expected**2).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    factors = (weight * expected).sum(axis=1, keepdims=True) / squares
    return layers.distance(weight, factors * expected) if (factors >= 0).all() else 1.0


def _turned(pair: Pair) -> list[Array]:
    """The export's weight with its last two dimensions exchanged, where they are of the same size."""
    shape = pair.reference.step.weight.shape  # type: ignore[union-attr]
    whole = pair.values.weight.reshape(shape)
    if shape[-1] != shape[-2] or shape[-1] == 1:
        return []
    turned = np.swapaxes(whole, -1, -2)
    return [turned.reshape(len(whole), -1), whole[..., ::-1, ::-1].reshape(len(whole), -1)]


def _stale(differing: Sequence[Pair], count: int) -> Finding:
    names = named([_name(pair) for pair in differing], 3)
    what = (
        f"{len(differing)} of {count} layers have other weights than the reference ({names}): the file was made from "
        "another checkpoint; export the tested one again"
    )
    return Finding(Fault("weights", "other weights", what), tuple(differing), frozenset({"weight", "bias"}))


def _scaled(pair: Pair) -> Finding:
    factor = _factor(pair.values.weight, pair.expected.weight)
    why = ": the scale of its integers is off" if pair.export.step.integers else ""
    what = f"the weight of {_name(pair)} is {factor:.4g} times the reference's{why}"
    return Finding(Fault("weights", "one weight scaled", what), (pair,), is_certain=pair.export.step.integers)


def _transposed(pair: Pair) -> Finding:
    what = f"the weight of {_name(pair)} has its last two dimensions exchanged or reversed"
    return Finding(Fault("weights", "one weight transposed", what), (pair,))


def _other(pair: Pair) -> Finding:
    percent = layers.distance(pair.values.weight, pair.expected.weight)
    what = f"the weight of {_name(pair)} is another: it differs by {percent:.0%} of the reference's"
    return Finding(Fault("weights", "one weight differs", what), (pair,))


def _dropped(matched: Sequence[Pair]) -> list[Finding]:
    """Layers without the bias that the reference has, or with another one."""
    found = []
    for pair in matched:
        bias, expected = pair.values.bias, pair.expected.bias
        if expected.shape != bias.shape or layers.distance(bias, expected) <= BIAS or not expected.any():
            continue
        kept = "is not in the file" if not bias.any() else f"differs by {layers.distance(bias, expected):.0%}"
        name = "one bias dropped" if not bias.any() else "one bias differs"
        found.append(Finding(Fault("weights", name, f"the bias of {_name(pair)} {kept}"), (pair,), frozenset({"bias"})))
    return found


def _per_tensor(matched: Sequence[Pair]) -> list[Finding]:
    """Layers whose integers have one scale for all channels, at a loss that a scale for each would not have."""
    coarse = [pair for pair in matched if pair.export.step.per_tensor and coarseness(pair) >= COARSE]
    if not coarse:
        return []
    worst = max(coarse, key=coarseness)
    what = (
        f"{len(coarse)} of {len(matched)} layers have one scale for all channels of their integers: that of "
        f"{_name(worst)} is rounded {coarseness(worst):.2g} times as coarsely as with a scale for each channel; "
        "quantize weights per channel"
    )
    return [Finding(Fault("precision", "per-tensor weights", what), tuple(coarse))]


def coarseness(pair: Pair) -> float:
    """The rounding of a weight over what 8 bits with a scale for each channel would leave."""
    expected = pair.expected.weight
    steps = np.abs(expected).max(axis=1, keepdims=True) / 127
    finest = float(np.sqrt(np.mean(steps**2) / 12))
    left = float(np.sqrt(np.mean((pair.values.weight - expected) ** 2)))
    return left / finest if finest > 0 else 1.0


def _name(pair: Pair) -> str:
    return spelled(pair.reference.step.name)
