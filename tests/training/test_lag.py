"""imgcls.training.lag: why a validation lags."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imgcls.records.config import ModelSpec
from imgcls.records.data import ImageRef
from imgcls.training import lag
from imgcls.training.config import TrainingConfig
from imgcls.training.history import Epoch, SplitMetrics
from imgcls.training.split import Split

SCRATCH = ModelSpec("x", "timm:test_resnet")


def _run(momentum: float | None = 0.1, *, top1: float = 0.1, trained: float = 0.53, array: Any = "torch") -> Any:
    """Two epochs on ten classes, the last of which ends with this top-1 on 50 validation images."""
    refs = tuple(ImageRef(f"a/{n}", Path("a", str(n)), f"{n:064}", "a") for n in range(50))
    epoch = Epoch(2, 0.1, SplitMetrics(1.0, trained, 0.5), SplitMetrics(2.0, top1, 0.1), 10.0, 5.0)
    return SimpleNamespace(
        learner=SimpleNamespace(norm_momentum=lambda: momentum),
        history=[epoch, epoch],
        split=Split(tuple("abcdefghij"), refs, refs),
        config=TrainingConfig(2, array=array),
    )


def test_few_steps_are_named_with_what_they_leave_and_how_many_are_enough() -> None:
    """0.9 ** 12 is 28 %; 44 steps leave less than 1 %, which are eight epochs of six steps."""
    assert lag.remark(SCRATCH, _run(), 6) == (
        "why validation lags (top1 10.0 %, in training 53.0 %, by chance 10.0 %): batch norms validate with running "
        "statistics, of which 28 % are still first values after 12 steps in all; 44 steps are enough: --epochs 8, or a "
        "smaller --batch-size than 32, or trained --weights with --freeze-batch-norm"
    )


def test_freezing_is_not_proposed_for_arrays() -> None:
    """``--freeze-batch-norm`` is only with torch."""
    assert str(lag.remark(SCRATCH, _run(array="numpy"), 6)).endswith("or a smaller --batch-size than 32")


@pytest.mark.parametrize("weights", [None, "random:0"])
@pytest.mark.parametrize("steps", [6, 21])
def test_it_is_said_up_to_a_hundredth(weights: str | None, steps: int) -> None:
    """Statistics from scratch and random ones alike; 42 steps leave 1.2 %."""
    assert lag.remark(ModelSpec("x", "timm:test_resnet", weights=weights), _run(), steps)


@pytest.mark.parametrize(
    ("spec", "run", "steps"),
    [
        (SCRATCH, _run(None), 6),
        (SCRATCH, _run(), 22),
        (SCRATCH, _run(top1=0.5), 6),
        (ModelSpec("x", "timm:test_resnet", weights="pretrained"), _run(), 6),
        (ModelSpec("x", "timm:test_resnet", weights="builtin:digits_resnet"), _run(), 6),
    ],
    ids=["no batch norm, or a frozen one", "enough steps", "does not lag", "published weights", "trained weights"],
)
def test_nothing_is_said_where_that_is_not_why(spec: ModelSpec, run: Any, steps: int) -> None:
    """Each of these is by itself enough."""
    assert lag.remark(spec, run, steps) is None


@pytest.mark.parametrize(
    ("top1", "trained", "is_behind"),
    [(0.10, 0.10, True), (0.14, 0.10, True), (0.30, 0.30, False), (0.30, 0.44, True), (0.30, 0.42, False)],
)
def test_a_validation_lags_below_its_training_or_at_chance(top1: float, trained: float, *, is_behind: bool) -> None:
    """15 of 50 images are 19 to 44 %, 7 of 50 are 7 to 26 %, and ten classes have 10 % by chance."""
    epoch = Epoch(1, 0.1, SplitMetrics(1.0, trained, 0.5), SplitMetrics(2.0, top1, 0.1), 10.0, 5.0)
    assert lag.is_behind(epoch, 50, 10) is is_behind
