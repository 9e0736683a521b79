"""Accuracy with its band, latency and memory of a series of runs, below each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgcls.messages import spelled
from imgcls.reporting.html.charts.axes import Axes
from imgcls.reporting.html.charts.canvas import COLOURS, Canvas, canvas
from imgcls.reporting.html.charts.scales import Scale, around
from imgcls.reporting.html.charts.sheet import Mark
from imgcls.reporting.sheet import Values

PANEL = 170
"""The height of a panel, in points."""

RUN = Mark("circle", 4, COLOURS[0])

BETTER, WORSE = COLOURS[2], COLOURS[1]

MARKS: Mapping[str | None, Mark] = {
    **dict.fromkeys(("worse", "lower"), Mark("down", 9, WORSE)), "better": Mark("up", 9, BETTER),
    **dict.fromkeys(("slower", "larger"), Mark("up", 9, WORSE)),
    **dict.fromkeys(("faster", "smaller"), Mark("down", 9, BETTER)),
}  # fmt: skip
"""The marker of a run that is shown to differ from the one before it."""

COSTS = (("p50_ns", "p50 in ms", "latency"), ("peak_bytes", "peak in MB", "memory"))


def draw(rows: Sequence[Values], reference: float, ident: str, title: str) -> str:
    """The rows of :mod:`imgcls.reporting.history.table` as SVG; ``reference``: its top-1 in per cent."""
    costs = [cost for cost in COSTS if any(row[cost[0]] is not None for row in rows)]
    description = "; ".join(f"{row['number']} {spelled(row['run'])}: {row['top1']:.1f} %" for row in rows)
    with canvas(ident, PANEL * (1 + len(costs)), title, description) as sheet:
        _accuracy(sheet, rows, reference, len(costs))
        for place, (key, label, what) in enumerate(costs, 1):
            points = {row["number"]: row[key] / 1e6 for row in rows if row[key] is not None}
            y = around([*points.values()], margin=0.1, start=0)
            axes = _panel(sheet, place, len(costs) - place, label, y, len(rows))
            _runs(axes, points, {row["number"]: row[f"{what}_since_before"] for row in rows})
    return sheet.markup


def _panel(sheet: Canvas, above: int, below: int, label: str, y: Scale, runs: int) -> Axes:
    x = Scale(0.5, runs + 0.5, is_whole=True)
    return sheet.axes(x, y, ("run", label), top=above * PANEL + 8, bottom=below * PANEL + 36, left=52)


def _accuracy(sheet: Canvas, rows: Sequence[Values], reference: float, below: int) -> None:
    numbers = [row["number"] for row in rows]
    low, high = ([row[end] for row in rows] for end in ("top1_low", "top1_high"))
    axes = _panel(sheet, 0, below, "top-1 in %", around([*low, *high, reference]), len(rows))
    axes.band(numbers, low, high, COLOURS[0])
    axes.line([(axes.x.low, reference), (axes.x.high, reference)], dashed=True, width=1)
    words = {row["number"]: "worse" if row["drift_since"] else row["since_before"] for row in rows}
    _runs(axes, {row["number"]: row["top1"] for row in rows}, words)


def _runs(axes: Axes, points: Mapping[int, float], words: Mapping[int, str | None]) -> None:
    """The runs as a line, and a marker for each that a word is about."""
    axes.line(points.items(), COLOURS[0])
    axes.marks(points.items(), RUN)
    for number, value in points.items():
        if mark := MARKS.get(words[number]):
            axes.marks([(number, value)], mark)
