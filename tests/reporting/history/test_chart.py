"""The chart of a series."""

from collections.abc import Sequence
from functools import cache

import pytest

from builders import HOSTILE, make_memory
from drawn import attributes, centres, points, texts, tick
from imgcls.reporting.history import chart, table
from imgcls.reporting.html.charts.canvas import COLOURS
from imgcls.reporting.sheet import Values
from run_rows import make_history, make_run


@cache
def _rows() -> Sequence[Values]:
    history = make_history(make_run(0, 0), make_run(1, 60, memories=(make_memory(),)))
    return table.sheets(history, [])[0].rows


def test_the_same_rows_give_the_same_bytes() -> None:
    """With a title and a description for those who do not see it, and a panel for what was measured."""
    drawn = chart.draw(_rows(), 100.0, "h0", "net on photos")
    assert drawn == chart.draw(_rows(), 100.0, "h0", "net on photos")
    assert "net on photos" in drawn
    assert "2 r1: 94.0 %" in drawn
    assert "peak in MB" in drawn
    assert "p50 in ms" not in drawn


def test_names_stay_text() -> None:
    """Markup, quotes and escapes in the name of a run."""
    rows = [{**row, "run": f"<script>alert(1)</script>{HOSTILE}"} for row in _rows()]
    drawn = chart.draw(rows, 100.0, "h0", "<b>")
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert drawn.replace("\n", "").isprintable()


def test_runs_have_their_values() -> None:
    """Accuracy in per cent with its band, and megabytes from zero on; a drop is marked."""
    rows = [
        {**_rows()[0], "number": number, "top1": top1, "top1_low": top1 - 2, "top1_high": top1 + 1,
         "peak_bytes": megabytes * 1e6, "since_before": word, "drift_since": None, "memory_since_before": None}
        for number, top1, megabytes, word in ((1, 90.0, 100, None), (2, 80.0, 50, "worse"))
    ]  # fmt: skip
    drawn = chart.draw(rows, 90.0, "h0", "net on photos")
    (first, second, *memory), labels = centres(drawn, COLOURS[0]), texts(drawn)
    assert labels[:2] == ["1", "2"]
    per_cent = (tick(drawn, "90.0", "y") - tick(drawn, "80.0", "y")) / 10
    assert (second[0], first[1] - second[1]) == pytest.approx((tick(drawn, "2", "x"), 10 * per_cent), abs=0.05)
    [band] = attributes(drawn, "path", opacity="0.2")
    assert points(band)[0] == pytest.approx((first[0], first[1] - 2 * per_cent), abs=0.05)
    megabyte = (tick(drawn, "100", "y") - tick(drawn, "0", "y")) / 100
    assert memory[1][1] - memory[0][1] == pytest.approx(-50 * megabyte, abs=0.05)
    [mark] = attributes(drawn, "path", fill=COLOURS[1])
    assert points(mark)[0] == pytest.approx((second[0], second[1] + 4.5), abs=0.02)
