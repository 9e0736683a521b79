"""How the times of each model are distributed."""

from drawn import description, make_latency_row, markers, texts
from imgcls.reporting.html.charts import latencies
from imgcls.reporting.html.charts.canvas import COLOURS


def test_every_time_is_a_point() -> None:
    """And the percentiles are marked and written over the row."""
    chart = latencies.draw([make_latency_row("net", 10, 11, 12), make_latency_row("slow", 20, 30)], "c")
    assert markers(chart, COLOURS[0]) == 5 + 1  # one is the legend's
    assert "net: p50 11.0, p95 12.0, p99 12.0 ms" in texts(chart)
    assert description(chart).endswith("; slow: p50 30.0, p95 30.0, p99 30.0 ms")
