"""imgcls.session.library: what the verbs return."""

from pathlib import Path

import pytest

import imgcls
from conftest import Project
from imgcls.records.comparison import Comparison, Difference, Flip
from imgcls.session.library import RunDifference, ScoreResult

FLIP = Flip("right to wrong", "a.jpg", "ab", "cat", (0, "cat", 0.9), (1, "dog", 0.8))
DIFFERENCE = Difference("top1", 100, 90, 80, 12, 2, -0.1, -0.18, -0.03, 0.01, 0.12)


@pytest.fixture
def scores(importable: Project) -> ScoreResult:  # noqa: ARG001 - its networks are imported
    """Of the project's model on its images."""
    return imgcls.score("colour", "colours", config="imgcls.toml", store=None)


def test_scores_are_those_of_the_run(scores: ScoreResult) -> None:
    """Counts, accuracies, classes, predictions and document."""
    assert (scores.model, scores.dataset, scores.ignored) == ("colour", "colours", 0)
    assert (scores.top1, scores.top5, scores.macro_f1) == (1.0, 1.0, 1.0)
    assert sorted(scores.classes) == ["blue", "green", "red"]
    assert len(list(scores.predictions())) == 12
    assert scores.document.results[0].top1_count == 12
    assert "colour on colours: top1 1.0000" in repr(scores)


def test_scores_are_held_against_every_class(scores: ScoreResult) -> None:
    """What must be shown of each, with 95 % confidence unless another is given, and what the lowest must reach."""
    verdicts = [(v.check, v.status) for v in scores.judge(class_top1=0.4, worst_class=1.0)]
    assert verdicts == [
        ("class_top1 >= 0.4 at 95 %", "pass"),  # 4 of 4: the lower bound is 0.4729
        ("worst_class >= 1", "pass"),
        ("rejected <= 0", "pass"),
    ]
    [shown, _] = scores.judge(class_top1=0.4, confidence=0.99)
    assert (shown.check, shown.status) == ("class_top1 >= 0.4 at 99 %", "inconclusive")


def test_a_result_that_cannot_be_written_is_our_error(scores: ScoreResult) -> None:
    """With the file that it is about."""
    with pytest.raises(imgcls.ImgclsError, match="nowhere"):
        scores.save(Path("nowhere/main.json"))


def test_a_difference_is_read_and_judged() -> None:
    """Flips and differences of all comparisons, and a margin that is not shown."""
    one = Comparison("photos", "net", "net", "main.json", "this run", differences=(DIFFERENCE,), flips=(FLIP,))
    diff = RunDifference((one,))
    assert (diff.flips, diff.differences, diff.refusals) == ((FLIP,), (DIFFERENCE,), ())
    assert not diff.not_worse(top1=0.005)
    assert [v.status for v in diff.judge(top1=0.05)] == ["pass", "inconclusive"]
