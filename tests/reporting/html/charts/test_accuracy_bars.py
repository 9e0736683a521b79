"""Accuracies as bars with their intervals."""

from drawn import description, texts
from imgcls.reporting.html.charts import accuracy_bars
from imgcls.reporting.html.charts.figures import AccuracyBar


def test_each_bar_states_its_figures() -> None:
    """Accuracy, interval and number of images stand over the bar, in the given order."""
    bars = [AccuracyBar("snake", 60.0, 23.1, 88.2, 5), AccuracyBar("dog", 100.0, 95.2, 100.0, 1075)]
    chart = accuracy_bars.draw(bars, "c", "Accuracy of classes")
    assert texts(chart)[-2:] == ["snake: 60.0 % (23.1 to 88.2) of 5", "dog: 100.0 % (95.2 to 100.0) of 1,075"]
    assert description(chart) == "snake: 60.0 % (23.1 to 88.2) of 5; dog: 100.0 % (95.2 to 100.0) of 1,075"
