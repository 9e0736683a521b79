"""What a training configuration refuses, its defaults, and the course of the learning rate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls.errors import ConfigError
from imgcls.training.config import TrainingConfig, default_learning_rate, default_warm_up, learning_rate, with_defaults

LENGTHS = st.tuples(st.integers(1, 20), st.integers(1, 30), st.floats(0, 1))


@given(LENGTHS)
def test_the_rate_rises_and_falls(lengths: tuple[int, int, float]) -> None:
    """It is above 0 at every step, never above the highest, does not fall in the warm-up and falls after it."""
    epochs, steps, share = lengths
    config = TrainingConfig(epochs, learning_rate=0.5, warm_up=share * epochs)
    rates = [learning_rate(config, step, steps) for step in range(epochs * steps)]
    turn = math.ceil(config.warm_up * steps)
    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[:turn] == sorted(set(rates[:turn]))
    assert rates[turn:] == sorted(set(rates[turn:]), reverse=True)


def test_the_rate_of_single_steps() -> None:
    """Four steps up, the highest, then half a cosine: three quarters of it after a third of the way down."""
    config = TrainingConfig(10, learning_rate=1.0, warm_up=4.0)
    assert [learning_rate(config, step, 1) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [learning_rate(config, step, 1) for step in (6, 7, 8)] == pytest.approx([0.75, 0.5, 0.25])


@pytest.mark.parametrize(
    ("optimizer", "weights", "expected"),
    [
        ("nadam", None, 0.001),
        ("nadam", "random:0", 0.001),
        ("nadam", "pretrained", 0.0001),
        ("sgd", "w.safetensors", 0.005),
    ],
)
def test_trained_weights_learn_slowly(optimizer: str, weights: str | None, expected: float) -> None:
    """Trained weights get a tenth of the rate: at the full rate they reach 64 % instead of 90 % on photographs."""
    assert default_learning_rate(optimizer, weights) == pytest.approx(expected)


@pytest.mark.parametrize(("epochs", "expected"), [(1, 0.2), (10, 2.0), (25, 5.0), (300, 5.0)])
def test_the_default_warm_up(epochs: int, expected: float) -> None:
    """The warm-up is a fifth of all epochs, at most five."""
    assert default_warm_up(epochs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("architecture", "weights", "given", "expected"),
    [
        ("timm:a", None, {}, TrainingConfig(10, warm_up=2.0)),
        (
            "timm:a", "pretrained", {"optimizer": "sgd", "folds": 5},
            TrainingConfig(10, optimizer="sgd", learning_rate=0.005, weight_decay=1e-4, warm_up=2.0, folds=5),
        ),
        ("reference:a", None, {}, TrainingConfig(10, warm_up=2.0, array="numpy")),
        (
            "reference:a", Path("w.pth"), {"array": "torch", "learning_rate": 0.0, "weight_decay": 0.0, "warm_up": 0.0},
            TrainingConfig(10, learning_rate=0.0, weight_decay=0.0),
        ),
    ],
)  # fmt: skip
def test_what_is_not_given_has_a_default(
    architecture: str, weights: Path | str | None, given: dict[str, Any], expected: TrainingConfig
) -> None:
    """Rate, decay, warm-up and array follow from optimizer, weights and architecture; given values, 0 too, stay."""
    config = with_defaults(architecture, weights, epochs=10, **given)
    assert config == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "0 epochs train nothing"),
        ({"seed": -1}, "seed -1 is not between 0 and 9223372036854775807"),
        ({"batch_size": 0}, "a batch of 0 images is empty"),
        ({"optimizer": "nadamw"}, "no optimizer 'nadamw'; did you mean 'nadam'"),
        ({"optimizer": "lion"}, "no optimizer 'lion'; known: nadam, adamw, sgd"),
        ({"learning_rate": -1.0}, "learning rate -1.0 is not a number from 0 up"),
        ({"learning_rate": math.nan}, "learning rate nan"),
        ({"weight_decay": math.inf}, "weight decay inf"),
        ({"warm_up": 9.0}, "a warm-up of 9.0 epochs is not within 8"),
        ({"label_smoothing": 1.0}, "label smoothing 1.0"),
        ({"scale": (0.5, 0.4)}, r"scale 0.5 0.4 is not a range"),
        ({"scale": (0.0, 1.0)}, r"scale 0.0 1.0 is not a range"),
        ({"ema": 1.0}, "a decay of 1.0"),
        ({"clip_norm": 0.0}, "clipped to 0.0"),
        ({"folds": 1}, "1 folds leave nothing to validate; give 2 or more"),
        ({"folds": 5, "fold": 5}, "there is no fold 5 of 5; they count from 0"),
        ({"fold": 1}, "--fold states which of --folds is the validation split"),
    ],
)
def test_impossible_configurations(change: dict[str, Any], message: str) -> None:
    """What cannot be trained is refused before anything is read, by its name and with a possible value."""
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**{"epochs": 8, "warm_up": 1.0, **change})
