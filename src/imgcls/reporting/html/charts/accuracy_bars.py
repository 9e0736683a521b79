"""Accuracies as bars with their intervals, a row for each model or class."""

from __future__ import annotations

from collections.abc import Sequence

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, ROW, canvas, name
from imgcls.reporting.html.charts.figures import AccuracyBar
from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.html.charts.scales import Scale
from imgcls.reporting.html.charts.sheet import Fill, Mark


def draw(bars: Sequence[AccuracyBar], ident: str, title: str = "Top-1 accuracy with 95 % intervals") -> str:
    """The bars in this order, from above, as SVG."""
    description = "; ".join(f"{spelled(bar.name)}: {_figures(bar)}" for bar in bars)
    with canvas(ident, 40 + ROW * len(bars), title, description) as sheet:
        texts = [f"{name(bar.name)}: {_figures(bar)}" for bar in bars]
        axes = sheet.rows(texts, Scale(0, 100), "top-1 in %, with its 95 % interval")
        for row, bar in enumerate(bars):
            axes.bar((0, row - 0.125), (bar.accuracy, row + 0.225), Fill(COLOURS[0]))
            axes.interval((bar.low, row + 0.05), (bar.high, row + 0.05), Mark("upright", 9, INK))
    return sheet.markup


def _figures(bar: AccuracyBar) -> str:
    return f"{bar.accuracy:.1f} % ({bar.low:.1f} to {bar.high:.1f}) of {bar.count:,}"
