"""Accuracy with its band, latency and memory of a series of runs, below each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, Canvas, canvas
from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.sheet import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE: Mapping[str, Any] = {"color": COLOURS[0], "markersize": 4}

PANEL = 170
"""The height of a panel, in points."""

BETTER, WORSE = COLOURS[2], COLOURS[1]

MARKS = {
    "worse": ("v", WORSE), "lower": ("v", WORSE), "better": ("^", BETTER),
    "slower": ("^", WORSE), "larger": ("^", WORSE), "faster": ("v", BETTER), "smaller": ("v", BETTER),
}  # fmt: skip
"""The marker and colour of a run that is shown to differ from the one before it."""

COSTS = (("p50_ns", "p50 in ms", "latency"), ("peak_bytes", "peak in MB", "memory"))


def draw(rows: Sequence[Values], reference: float, ident: str, title: str) -> str:
    """The rows of :mod:`imgcls.reporting.history.table` as SVG; ``reference``: its top-1 in per cent."""
    costs = [cost for cost in COSTS if any(row[cost[0]] is not None for row in rows)]
    description = "; ".join(f"{row['number']} {spelled(row['run'])}: {row['top1']:.1f} %" for row in rows)
    with canvas(ident, PANEL * (1 + len(costs)), title, description) as sheet:
        _accuracy(sheet, rows, reference, len(costs))
        for place, (key, label, what) in enumerate(costs, 1):
            axes = _panel(sheet, place, len(costs) - place, label, rows)
            measured = [row for row in rows if row[key] is not None]
            axes.plot([row["number"] for row in measured], [row[key] / 1e6 for row in measured], "-o", **LINE)
            for row in measured:
                _mark(axes, row["number"], row[key] / 1e6, row[f"{what}_since_before"])
            axes.margins(y=0.1)
            axes.set_ylim(bottom=0)
    return sheet.markup


def _panel(sheet: Canvas, above: int, below: int, label: str, rows: Sequence[Values]) -> Axes:
    from matplotlib.ticker import MaxNLocator

    axes = sheet.axes(top=above * PANEL + 8, bottom=below * PANEL + 36, left=52)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="run", ylabel=label, xlim=(0.5, len(rows) + 0.5))
    return axes


def _accuracy(sheet: Canvas, rows: Sequence[Values], reference: float, below: int) -> None:
    axes = _panel(sheet, 0, below, "top-1 in %", rows)
    numbers = [row["number"] for row in rows]
    low, high = ([row[end] for row in rows] for end in ("top1_low", "top1_high"))
    axes.fill_between(numbers, low, high, color=COLOURS[0], alpha=0.2)
    axes.axhline(reference, linestyle="--", color=INK, linewidth=1)
    axes.plot(numbers, [row["top1"] for row in rows], "-o", **LINE)
    for row in rows:
        _mark(axes, row["number"], row["top1"], "worse" if row["drift_since"] else row["since_before"])


def _mark(axes: Axes, number: int, value: float, word: str | None) -> None:
    if word in MARKS:
        marker, colour = MARKS[word]
        axes.plot([number], [value], marker, color=colour, markersize=9)
