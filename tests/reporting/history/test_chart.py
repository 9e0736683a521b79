"""The chart of a series."""

from builders import HOSTILE, make_memory
from imgcls.reporting.history import chart, table
from run_rows import make_history, make_run

ROWS = table.sheets(make_history(make_run(0, 0), make_run(1, 60, memories=(make_memory(),))), [])[0].rows


def test_the_same_rows_give_the_same_bytes() -> None:
    """With a title and a description for those who do not see it, and a panel for what was measured."""
    drawn = chart.draw(ROWS, 100.0, "h0", "net on photos")
    assert drawn == chart.draw(ROWS, 100.0, "h0", "net on photos")
    assert "net on photos" in drawn
    assert "2 r1: 94.0 %" in drawn
    assert "peak in MB" in drawn
    assert "p50 in ms" not in drawn


def test_names_stay_text() -> None:
    """Markup, quotes and escapes in the name of a run."""
    rows = [{**row, "run": f"<script>alert(1)</script>{HOSTILE}"} for row in ROWS]
    drawn = chart.draw(rows, 100.0, "h0", "<b>")
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert drawn.replace("\n", "").isprintable()
