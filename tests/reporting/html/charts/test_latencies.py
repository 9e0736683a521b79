"""How the times of each model are distributed."""

import pytest

from drawn import attributes, centres, description, make_latency_row, markers, points, texts, tick
from imgcls.reporting.html.charts import latencies
from imgcls.reporting.html.charts.canvas import COLOURS


def test_every_time_is_a_point() -> None:
    """And the percentiles are marked and written over the row."""
    chart = latencies.draw([make_latency_row("net", 10, 11, 12), make_latency_row("slow", 20, 30)], "c")
    assert markers(chart, COLOURS[0]) == 5 + 1  # one is the legend's
    assert "net: p50 11.0, p95 12.0, p99 12.0 ms" in texts(chart)
    assert description(chart).endswith("; slow: p50 30.0, p95 30.0, p99 30.0 ms")


def test_a_point_stands_at_its_time() -> None:
    """And the percentiles at theirs, thicker the one in the middle."""
    chart = latencies.draw([make_latency_row("net", 10, 11, 14)], "c")
    millisecond = (tick(chart, "14.0", "x") - tick(chart, "10.0", "x")) / 4
    ten, eleven, fourteen = (x for x, _ in centres(chart, COLOURS[0])[:3])
    assert [eleven - ten, fourteen - ten] == pytest.approx([millisecond, 4 * millisecond], abs=0.05)
    assert ten == pytest.approx(tick(chart, "10.0", "x"), abs=0.02)
    [median, _] = attributes(chart, "path", **{"stroke-width": "2.5"})
    assert points(median)[0][0] == pytest.approx(eleven, abs=0.02)
