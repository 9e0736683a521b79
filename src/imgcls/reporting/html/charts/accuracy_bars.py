"""Accuracies as bars with their intervals, a row for each model or class."""

from __future__ import annotations

from collections.abc import Sequence

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, ROW, canvas, name
from imgcls.reporting.html.charts.figures import AccuracyBar
from imgcls.reporting.html.charts.markup import INK


def draw(bars: Sequence[AccuracyBar], ident: str, title: str = "Top-1 accuracy with 95 % intervals") -> str:
    """The bars in this order, from above, as SVG."""
    description = "; ".join(f"{spelled(bar.name)}: {_figures(bar)}" for bar in bars)
    with canvas(ident, 40 + ROW * len(bars), title, description) as sheet:
        axes = sheet.rows([f"{name(bar.name)}: {_figures(bar)}" for bar in bars])
        for row, bar in enumerate(bars):
            axes.barh(row + 0.05, bar.accuracy, height=0.35, color=COLOURS[0])
            axes.plot([bar.low, bar.high], [row + 0.05] * 2, color=INK, marker="|", markersize=9)
        axes.set_xlim(0, 100)
        axes.set_xlabel("top-1 in %, with its 95 % interval")
    return sheet.markup


def _figures(bar: AccuracyBar) -> str:
    return f"{bar.accuracy:.1f} % ({bar.low:.1f} to {bar.high:.1f}) of {bar.count:,}"
