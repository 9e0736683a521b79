"""Weights of a file against those of the reference."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import planted
from imgcls.parity.diagnosis import layers, weights
from imgcls.parity.diagnosis.layers import Pair
from imgcls.parity.diagnosis.trace_torch import TorchTracer


@pytest.fixture(scope="module")
def steps() -> Any:
    """Those of the network in PyTorch."""
    return TorchTracer(planted.net()).operations(planted.BATCH.numpy())


def _folded(steps: Any, change: Any = None, place: int = 1, **details: Any) -> tuple[Pair, ...]:
    """Pairs with a file whose convolutions have the batch norms in them, one of them changed."""
    ours = layers.of(steps)
    theirs = []
    for at, layer in enumerate(ours):
        values = layer.folded or layer.plain
        weight, bias = (values.weight.copy(), values.bias.copy())
        if change and at == place:
            weight, bias = change(weight, bias)
        shape = layer.step.weight.shape  # type: ignore[union-attr]
        given = details if at == place else {}
        step = replace(layer.step, weight=weight.reshape(shape).astype(np.float32), bias=bias.astype(np.float32))
        theirs.append(replace(step, **given))
    return layers.pairs(ours, layers.of(theirs))


def _names(pairs: tuple[Pair, ...], precision: str = "float32") -> list[str]:
    return [finding.fault.name for finding in weights.findings(pairs, precision)]


def test_folded_weights_are_the_same(steps: Any) -> None:
    """Batch norms that an exporter folded into the convolutions are no difference."""
    pairs = _folded(steps)
    assert [pair.is_folded for pair in pairs] == [True, True, True, False]
    assert _names(pairs) == []


def test_plain_weights_are_the_same(steps: Any) -> None:
    """So are those that were left as they are."""
    ours = layers.of(steps)
    assert _names(layers.pairs(ours, ours)) == []


def test_a_factor(steps: Any) -> None:
    """Of 1.05 in floating point and in integers."""
    changed = _folded(steps, lambda weight, bias: (weight * 1.05, bias))
    assert _names(changed) == ["one weight scaled"]
    noise = np.random.default_rng(0).normal(0, 0.005, (8, 72))
    changed = _folded(steps, lambda weight, bias: ((weight + noise) * 1.05, bias), integers=True)
    (finding,) = weights.findings(changed, "int8")
    assert re.fullmatch(
        r"the weight of first.conv is 1.0[45]\d* times .* the scale of its integers is off", finding.fault.what
    )


def test_biases(steps: Any) -> None:
    """One that is missing, and one that is another."""
    assert _names(_folded(steps, lambda weight, bias: (weight, bias * 0))) == ["one bias dropped"]
    assert _names(_folded(steps, lambda weight, bias: (weight, bias * 1.5))) == ["one bias differs"]


def test_another_weight(steps: Any) -> None:
    """One layer of another checkpoint is named; several are a checkpoint."""
    assert _names(_folded(steps, lambda weight, bias: (weight[::-1], bias))) == ["one weight differs"]


def test_another_epsilon_is_not_another_weight(steps: Any) -> None:
    """A factor for each channel is what a batch norm folds in; the steps say more of it."""
    factors = np.linspace(0.9, 1.1, 8)[:, None]
    assert _names(_folded(steps, lambda weight, bias: (weight * factors, bias))) == []


def test_one_scale_for_all_channels(steps: Any) -> None:
    """Is named where a scale for each channel would round much less."""

    def rounded(weight: Any, bias: Any) -> Any:
        weight *= np.logspace(-2, 0, 8)[:, None]
        return weight, bias

    uneven = [
        replace(pair, expected=replace(pair.expected, weight=rounded(pair.expected.weight, None)[0]))
        if at == 1
        else pair
        for at, pair in enumerate(_folded(steps))
    ]
    expected = uneven[1].expected.weight
    scale = np.abs(expected).max() / 127
    step = replace(uneven[1].export.step, integers=True, per_tensor=True)
    coarse = replace(
        uneven[1],
        export=replace(uneven[1].export, step=step),
        values=replace(uneven[1].values, weight=np.round(expected / scale) * scale),
    )
    (finding,) = weights.findings((uneven[0], coarse, *uneven[2:]), "int8")
    assert (finding.fault.stage, finding.fault.name) == ("precision", "per-tensor weights")
    assert finding.fault.what.startswith("1 of 4 layers have one scale for all channels of their integers")


def test_another_network_is_not_compared(steps: Any) -> None:
    """Where few layers have the same shape, nothing is said of weights."""
    ours = layers.of(steps)
    assert layers.pairs(ours, ours[3:]) == ()


def test_branches_in_another_order(steps: Any) -> None:
    """Layers of different shapes that a file has in another order are held against their own counterparts."""
    ours = layers.of(steps)
    first, second, third, head = ours
    pairs = layers.pairs(ours, (first, third, second, head))
    assert [pair.export is pair.reference for pair in pairs] == [True] * 4
    assert _names(pairs) == []


def test_what_explains_little_is_certain_in_integers(steps: Any) -> None:
    """A scale that is off is named whatever it explains; a weight in floating point only for its share."""
    (integer,) = weights.findings(_folded(steps, lambda weight, bias: (weight * 1.05, bias), integers=True), "int8")
    (floating,) = weights.findings(_folded(steps, lambda weight, bias: (weight * 1.05, bias)), "float32")
    assert integer.is_certain
    assert not floating.is_certain
