"""Training runs laid over each other."""

from dataclasses import replace

from drawn import description, make_curve, texts
from imgcls.reporting.html.charts import curves
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
