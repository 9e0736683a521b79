"""Runs in a row: single steps, a reference that stays, and losses that are each too small to see."""

from dataclasses import replace

import pytest

import run_parts
from imgcls.comparison.history import History, Point
from imgcls.records.thresholds import Margin
from run_rows import make_history, make_run


def _points(history: History) -> list[Point]:
    [points] = history.points.values()
    return points


def _words(history: History) -> list[tuple[str, str, bool]]:
    return [(point.before.word, point.reference.word, point.drift is not None) for point in _points(history)]


@pytest.mark.slow
def test_small_losses_do_not_ratchet_in() -> None:
    """Each run loses four images of a thousand, which no test against the one before shows; together they are drift."""
    history = make_history(*(make_run(number, 4 * number) for number in range(5)))
    assert _words(history) == [
        ("first", "first", False),
        ("no change shown", "no change shown", False),
        ("no change shown", "lower", False),
        ("no change shown", "worse", True),
        ("no change shown", "worse", True),
    ]
    assert [point.lost for point in _points(history)] == [False, False, False, True, True]
    last = _points(history)[-1]
    assert last.drift is not None
    assert last.drift.difference is not None
    assert (last.drift.against, last.drift.difference.losses, last.drift.difference.gains) == ("r0", 16, 0)


@pytest.mark.slow
def test_a_loss_in_one_step_is_not_drift() -> None:
    """It is that step's; what is lost slowly afterwards is drift since then."""
    history = make_history(make_run(0, 0), make_run(1, 60), *(make_run(2 + n, 64 + 4 * n) for n in range(3)))
    assert [word for word, _, _ in _words(history)][:3] == ["first", "worse", "no change shown"]
    drifts = [point.drift and point.drift.against for point in _points(history)]
    assert drifts == [None, None, None, None, "r1"]
    assert all(point.reference.word == "worse" for point in _points(history)[1:])


@pytest.mark.slow
def test_what_was_made_good_is_over() -> None:
    """After a loss and its repair, slow losses are again held against the reference."""
    history = make_history(
        make_run(0, 0), make_run(1, 60), make_run(2, 0), *(make_run(3 + n, 4 + 4 * n) for n in range(3))
    )
    points = _points(history)
    assert (points[2].before.word, points[2].reference.word) == ("better", "same")
    assert points[-1].drift is not None
    assert points[-1].drift.against == "r0"


@pytest.mark.slow
def test_chance_is_not_drift() -> None:
    """Ten images are lost by each run and ten others gained, so that nothing is shown."""
    history = make_history(*(make_run(number, 10, first=20 * number) for number in range(4)))
    assert set(_words(history)[1:]) == {("no change shown", "no change shown", False)}


def test_the_margin_decides_what_is_worse() -> None:
    """Sixty images of a thousand are more than 0.005 and shown to be, and not more than 0.1."""
    assert _words(make_history(make_run(0, 0), make_run(1, 60)))[1] == ("worse", "worse", False)
    tolerant = make_history(make_run(0, 0), make_run(1, 60), margin=Margin(0.1))
    assert _words(tolerant)[1] == ("lower", "lower", False)


def test_the_reference_may_be_another_run() -> None:
    """It is not among the points, and every run is held against it."""
    history = make_history(make_run(1, 40), make_run(2, 40), reference=make_run(0, 0))
    assert _words(history) == [("first", "worse", True), ("same", "worse", True)]
    assert history.references["net", "photos"].run == "r0"


def test_the_same_predictions_are_the_same() -> None:
    """Also where they have another key."""
    assert _words(make_history(make_run(0, 5), make_run(1, 5)))[1] == ("same", "same", False)


def test_what_cannot_be_compared_has_its_reason() -> None:
    """No predictions, or other images."""
    short = replace(make_run(1, 0), predictions=None)
    step = _points(make_history(make_run(0, 0), short))[1].before
    assert (step.word, step.why) == ("not compared", "r1 holds no predictions")
    other = run_parts.make_part("other.json", {"dog/1.jpg": 1}, prediction_key="other")
    step = _points(make_history(make_run(0, 0), other))[1].reference
    assert step.word == "not compared"
    assert "1000 before" in str(step.why)


@pytest.mark.parametrize("values", [{"unscored": 3}, {"scored": 0}])
def test_a_part_of_a_dataset_has_no_point(values: dict[str, int]) -> None:
    """Its accuracy is of other images."""
    part = make_run(1, 0)
    results = (replace(part.report.results[0], **values),)  # type: ignore[arg-type]  # by name
    history = make_history(make_run(0, 0), replace(part, report=replace(part.report, results=results)))
    assert [point.run for point in _points(history)] == ["r0"]
