"""What a recipe refuses, and how the learning rate goes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls.errors import ConfigError
from imgcls.recipe import Recipe, learning_rate, usual_learning_rate, usual_warm_up

LENGTHS = st.tuples(st.integers(1, 20), st.integers(1, 30), st.floats(0, 1))


@given(LENGTHS)
def test_the_rate_rises_and_falls(lengths: tuple[int, int, float]) -> None:
    """It is above 0 at every step, never above the highest, does not fall in the warm-up and falls after it."""
    epochs, steps, share = lengths
    recipe = Recipe(epochs, learning_rate=0.5, warm_up=share * epochs)
    rates = [learning_rate(recipe, step, steps) for step in range(epochs * steps)]
    turn = math.ceil(recipe.warm_up * steps)
    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[:turn] == sorted(set(rates[:turn]))
    assert rates[turn:] == sorted(set(rates[turn:]), reverse=True)


def test_the_rate_of_single_steps() -> None:
    """Four steps up, the highest, then half a cosine: three quarters of it after a third of the way down."""
    recipe = Recipe(10, learning_rate=1.0, warm_up=4.0)
    assert [learning_rate(recipe, step, 1) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [learning_rate(recipe, step, 1) for step in (6, 7, 8)] == pytest.approx([0.75, 0.5, 0.25])


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
    """At the rate of beginners they forget: 64 instead of 90 % on five folds of photographs."""
    assert usual_learning_rate(optimizer, weights) == pytest.approx(expected)


@pytest.mark.parametrize(("epochs", "expected"), [(1, 0.2), (10, 2.0), (25, 5.0), (300, 5.0)])
def test_the_usual_warm_up(epochs: int, expected: float) -> None:
    """A fifth of all epochs, at most five of them."""
    assert usual_warm_up(epochs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "0 epochs train nothing"),
        ({"seed": -1}, "seed -1 is not between 0 and 9223372036854775807"),
        ({"batch_size": 0}, "a batch of 0 pictures"),
        ({"optimizer": "nadamw"}, "no optimizer 'nadamw'; nearest: nadam"),
        ({"optimizer": "lion"}, "no optimizer 'lion'; there are nadam, adamw, sgd"),
        ({"learning_rate": -1.0}, "learning rate -1.0"),
        ({"learning_rate": math.nan}, "learning rate nan"),
        ({"weight_decay": math.inf}, "weight decay inf"),
        ({"warm_up": 9.0}, "a warm-up of 9.0 epochs is not within 8"),
        ({"label_smoothing": 1.0}, "label smoothing 1.0"),
        ({"scale": (0.5, 0.4)}, r"scale 0.5 0.4 is not a range"),
        ({"scale": (0.0, 1.0)}, r"scale 0.0 1.0 is not a range"),
        ({"ema": 1.0}, "a decay of 1.0"),
        ({"clip_norm": 0.0}, "clipped to 0.0"),
        ({"folds": 1}, "1 folds hold nothing out"),
        ({"folds": 5, "fold": 5}, "there is no fold 5 of 5; they count from 0"),
        ({"fold": 1}, "--fold says which of --folds is held out"),
    ],
)
def test_impossible_recipes(change: dict[str, Any], message: str) -> None:
    """What cannot be trained is refused before anything is read, by its name and with what would do."""
    with pytest.raises(ConfigError, match=message):
        Recipe(**{"epochs": 8, "warm_up": 1.0, **change})
