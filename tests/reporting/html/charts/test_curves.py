"""Training runs laid over each other."""

from dataclasses import replace

import pytest

from drawn import attributes, centres, description, make_curve, points, texts, tick
from imgcls.reporting.html.charts import curves
from imgcls.reporting.html.charts.canvas import COLOURS
from imgcls.reporting.html.charts.figures import Curve


def test_runs_are_compared_in_words() -> None:
    """Epochs, final accuracy and mean seconds of each run."""
    chart = curves.draw([make_curve("numpy", seconds=4.0), make_curve("torch", seconds=0.5)], "c")
    assert "numpy: 3 epochs, top-1 43.0 %, 4.00 s per epoch" in texts(chart)
    assert description(chart).endswith("; torch: 3 epochs, top-1 43.0 %, 0.50 s per epoch")
    assert {"top-1 in %", "loss", "seconds"} <= set(texts(chart))


def test_what_was_not_measured_is_left_out() -> None:
    """A run without validation and without times still has its losses."""
    points = tuple(replace(at, validation_top1=None, seconds=None) for at in make_curve("old").points)
    assert description(curves.draw([Curve("old", points)], "c")) == "old: 3 epochs"


def test_one_epoch_is_enough() -> None:
    """A single point is drawn without a warning."""
    assert "1 epoch, top-1 41.0 %" in description(curves.draw([make_curve("short", epochs=1)], "c"))


def test_lines_have_their_values() -> None:
    """Training dashed and validation solid, each in its panel, on whole epochs."""
    chart = curves.draw([make_curve("numpy")], "c")
    lines = attributes(chart, "path", stroke=COLOURS[0])
    accuracy, validated, loss, validation_loss, seconds = map(points, lines)
    assert ["stroke-dasharray" in line for line in lines] == [True, False, True, False, False]
    assert [x for x, _ in accuracy] == [tick(chart, epoch, "x") for epoch in "123"]
    assert accuracy[0][1] - validated[0][1] == pytest.approx(10 * (accuracy[1][1] - accuracy[0][1]), abs=0.1)
    assert (loss[0][1] - validation_loss[0][1]) / (loss[1][1] - loss[0][1]) == pytest.approx(1, abs=0.01)
    assert len({y for _, y in seconds}) == 1
    assert len(centres(chart, COLOURS[0])) == 1 + 5 * 3  # the legend's, and one for each epoch of each line
