"""The convolutions and linear layers of a trace, and which of an export's belong to which of its reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from imgcls.parity.diagnosis.trace import Array, Operation

FEWEST_MATCHED = 0.5  # docs/decisions.md#weights-in-a-file


@dataclass(frozen=True, slots=True)
class Values:
    """``weight``: (outputs, k); ``bias``: (outputs), zeros where there is none."""

    weight: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or a linear layer. ``norm``: the batch norm right after it, which ``folded`` has in it."""

    step: Operation
    plain: Values
    norm: Operation | None = None
    folded: Values | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The same layer of both, each in the same form; ``is_folded``: with the batch norm in it."""

    reference: Layer
    export: Layer
    expected: Values
    values: Values
    is_folded: bool


def of(steps: Sequence[Operation]) -> tuple[Layer, ...]:
    """The layers of a trace in their order."""
    following = [*steps[1:], None]
    return tuple(_layer(step, after) for step, after in zip(steps, following, strict=False) if step.weight is not None)


def _layer(step: Operation, after: Operation | None) -> Layer:
    weight = np.asarray(step.weight, np.float64).reshape(len(step.weight), -1)  # type: ignore[arg-type]
    plain = Values(weight, np.zeros(len(weight)) if step.bias is None else np.asarray(step.bias, np.float64))
    if after is None or after.kind != "batch_norm" or after.shape != step.shape:
        return Layer(step, plain)
    scale, offset = _affine(after.arguments, len(weight))
    return Layer(step, plain, after, Values(weight * scale[:, None], plain.bias * scale + offset))


def _affine(arguments: Any, channels: int) -> tuple[Array, Array]:
    """What a batch norm multiplies by and adds in evaluation mode."""
    ones, zeros = np.ones(channels), np.zeros(channels)
    variance = arguments.get("running_var", ones).astype(np.float64)
    scale = arguments.get("weight", ones) / np.sqrt(variance + arguments.get("eps", 0.0))
    return scale, arguments.get("bias", zeros) - arguments.get("running_mean", zeros) * scale


def pairs(reference: Sequence[Layer], export: Sequence[Layer]) -> tuple[Pair, ...]:
    """The layers of the same shape at the same place, none where too few have a counterpart."""
    matched = _by_shape(reference, export) or _by_place(reference, export)
    if len(matched) < FEWEST_MATCHED * max(len(reference), 1):
        return ()
    is_folded = _are_folded(matched)
    return tuple(_pair(*each, is_folded=is_folded) for each in matched)


def _by_shape(reference: Sequence[Layer], export: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Those of a shape in their order, where both have as many of each: a file may have branches in another order."""
    ours, theirs = (sorted(layers, key=_shape) for layers in (reference, export))
    if [_shape(layer) for layer in ours] != [_shape(layer) for layer in theirs]:
        return []
    counterparts = {id(layer): other for layer, other in zip(ours, theirs, strict=True)}
    return [(layer, counterparts[id(layer)]) for layer in reference]


def _by_place(reference: Sequence[Layer], export: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """The longest stretches of the same shapes."""
    ours, theirs = ([_shape(layer) for layer in layers] for layers in (reference, export))
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [(reference[block.a + at], export[block.b + at]) for block in blocks for at in range(block.size)]


def _shape(layer: Layer) -> tuple[int, ...]:
    return layer.plain.weight.shape


def _are_folded(matched: Sequence[tuple[Layer, Layer]]) -> bool:
    """Whether an exporter folded batch norms into the layers: all of them, or none."""
    plain = folded = 0.0
    for ours, theirs in matched:
        if ours.folded and not theirs.folded:
            plain += _apart(theirs.plain, ours.plain)
            folded += _apart(theirs.plain, ours.folded)
    return folded <= plain


def _apart(values: Values, expected: Values) -> float:
    return min(distance(values.weight, expected.weight), 1) + min(distance(values.bias, expected.bias), 1)


def _pair(reference: Layer, export: Layer, *, is_folded: bool) -> Pair:
    """Where the export has a batch norm of its own after the layer, both have it folded in."""
    if reference.folded and (export.folded or is_folded):
        return Pair(reference, export, reference.folded, export.folded or export.plain, is_folded=True)
    return Pair(reference, export, reference.plain, export.plain, is_folded=False)


def distance(values: Array, expected: Array) -> float:
    """The distance of two tensors relative to the expected one."""
    norm = float(np.linalg.norm(expected))
    return float(np.linalg.norm(values - expected)) / norm if norm > 0 else float(np.linalg.norm(values) > 0)
