"""imgcls.records.evaluation: what the types say of themselves."""

import math
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from imgcls.records.config import DatasetSpec, InputSpec, ModelSpec, Settings
from imgcls.records.evaluation import ClassScore, Scores
from imgcls.records.thresholds import Gate

HALF = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            InputSpec(256, (224, 224), "center", "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            "resize(256, bilinear) | center_crop(224) | normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))",
        ),
        (
            InputSpec((32, 48), (32, 40), "squash", "bicubic", HALF, HALF),
            "resize((32, 48), bicubic, squash) | center_crop((32, 40)) | normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))",
        ),
    ],
)
def test_an_input_is_one_readable_line(spec: InputSpec, said: str) -> None:
    """An InputSpec prints every setting that changes pixels; a square crop is one number."""
    assert said == str(spec)


def test_equal_inputs_are_one_key() -> None:
    """Two InputSpecs with the same settings are equal and hash alike, so that crops are made once."""
    specs = [InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF) for _ in range(2)]
    assert len(set(specs)) == 1


def test_records_do_not_change() -> None:
    """What flows is frozen."""
    gate = Gate(top1=0.5)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'top1'"):
        gate.top1 = 0.1  # type: ignore[misc]  # what the test is about


def test_pairs_follow_the_datasets_and_leave_out_what_a_model_leaves_out() -> None:
    """A model is scored on its own ``datasets``, or on all of them; pairs come dataset by dataset."""
    datasets = {name: DatasetSpec(name, "builtin:digits") for name in ("a", "b")}
    models = {"all": ModelSpec("all", "timm:x"), "one": ModelSpec("one", "timm:x", datasets=("b",))}
    settings = Settings(Path("imgcls.toml"), datasets, models, {})

    assert settings.models_by_dataset() == {"a": ["all"], "b": ["all", "one"]}
    assert settings.pairs() == [("all", "a"), ("all", "b"), ("one", "b")]


def test_scores_add_count_by_count() -> None:
    """The sum of two scores has the sums of all counts, of each folder and of each class's mass."""
    one = Scores("m", "d", 9, 4, 3, 2, 0, 4, 2, 3, {"cat": ClassScore(4, 2, 3, 4)}, {0: 0.5, 7: 0.25})
    two = Scores(
        "m", "d", 8, 2, 1, 0, 5, 1, 1, 2, {"cat": ClassScore(1, 1, 1, 2), "dog": ClassScore(1, 0, 1)}, {7: 0.5}
    )

    assert one + two == Scores(
        "m", "d", 17, 6, 4, 2, 5, 5, 3, 5,
        {"cat": ClassScore(5, 3, 4, 6), "dog": ClassScore(1, 0, 1)}, {0: 0.5, 7: 0.75},
    )  # fmt: skip
    assert (one.classes, one.mass) == ({"cat": ClassScore(4, 2, 3, 4)}, {0: 0.5, 7: 0.25})


@pytest.mark.parametrize(("model", "dataset"), [("other", "d"), ("m", "other")])
def test_scores_of_different_pairs_do_not_add(model: str, dataset: str) -> None:
    """Counts of another model or another dataset are refused by name."""
    with pytest.raises(ValueError, match=f"scores of m on d and {model} on {dataset} do not add"):
        Scores("m", "d") + Scores(model, dataset)


def test_accuracy_is_a_fraction_of_the_scored_images() -> None:
    """Rejected, ignored and unscored images are not part of an accuracy."""
    scores = Scores("m", "d", listed=10, scored=4, rejected=3, ignored=2, unscored=1, top1_count=1, top5_count=3)
    assert (scores.top1, scores.top5) == (0.25, 0.75)


def test_accuracy_of_nothing_is_not_a_number() -> None:
    """Where no image was scored an accuracy is NaN, so that no threshold is reached."""
    scores = Scores("m", "d", listed=3, rejected=3)
    assert math.isnan(scores.top1)
    assert math.isnan(scores.top5)
