"""Accuracies as bars with their intervals."""

import pytest

from drawn import attributes, description, points, texts, tick
from imgcls.reporting.html.charts import accuracy_bars
from imgcls.reporting.html.charts.canvas import COLOURS
from imgcls.reporting.html.charts.figures import AccuracyBar


def test_each_bar_states_its_figures() -> None:
    """Accuracy, interval and number of images stand over the bar, in the given order."""
    bars = [AccuracyBar("snake", 60.0, 23.1, 88.2, 5), AccuracyBar("dog", 100.0, 95.2, 100.0, 1075)]
    chart = accuracy_bars.draw(bars, "c", "Accuracy of classes")
    assert texts(chart)[-2:] == ["snake: 60.0 % (23.1 to 88.2) of 5", "dog: 100.0 % (95.2 to 100.0) of 1,075"]
    assert description(chart) == "snake: 60.0 % (23.1 to 88.2) of 5; dog: 100.0 % (95.2 to 100.0) of 1,075"


def test_a_bar_ends_at_its_accuracy() -> None:
    """And its interval goes from the lower to the upper end, on the same scale."""
    chart = accuracy_bars.draw([AccuracyBar("snake", 60.0, 20.0, 80.0, 5)], "c")
    [bar] = attributes(chart, "rect", fill=COLOURS[0])
    assert float(bar["x"]) == tick(chart, "0", "x")
    assert float(bar["x"]) + float(bar["width"]) == pytest.approx(tick(chart, "60", "x"))
    line, ends = (points(path) for path in attributes(chart, "path")[-2:])
    assert [x for x, _ in line] == pytest.approx([tick(chart, "20", "x"), tick(chart, "80", "x")])
    assert {x for x, _ in ends} == {x for x, _ in line}
