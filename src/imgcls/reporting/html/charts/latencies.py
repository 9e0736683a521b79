"""How the times of each model are distributed, a row for each model."""

from __future__ import annotations

from collections.abc import Sequence

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, ROW, canvas, millions, name, scale
from imgcls.reporting.html.charts.figures import LatencyRow
from imgcls.reporting.html.charts.markup import INK


def draw(rows: Sequence[LatencyRow], ident: str) -> str:
    """A point for each time, and marks at the percentiles, as SVG."""
    description = "; ".join(f"{spelled(row.model)}: {_figures(row)}" for row in rows)
    with canvas(ident, 58 + ROW * len(rows), "Distribution of latencies", description) as sheet:
        axes = sheet.rows([f"{name(row.model, 24)}: {_figures(row)}" for row in rows], top=22)
        for number, row in enumerate(rows):
            height = number + 0.05
            times = [time / 1e6 for time in row.times_ns]
            axes.plot(times, [height] * len(times), "o", color=COLOURS[0], alpha=0.45, markeredgewidth=0)
            axes.plot(row.p50_ns / 1e6, height, "|", color=INK, markersize=16, markeredgewidth=2.5)
            axes.plot([row.p95_ns / 1e6, row.p99_ns / 1e6], [height] * 2, "|", color=INK, markersize=10)
        axes.set_xlabel("ms")
        scale(axes, [time / 1e6 for row in rows for time in (*row.times_ns, row.p50_ns, row.p99_ns)])
        for place, (marker, size, text) in enumerate((("o", 6, "measured"), ("|", 14, "p50"), ("|", 9, "p95, p99"))):
            sheet.mark(14 + 90 * place, 11, marker, markersize=size, color=INK if place else COLOURS[0])
            sheet.text(24 + 90 * place, 15, text)
    return sheet.markup


def _figures(row: LatencyRow) -> str:
    p50, p95, p99 = map(millions, (row.p50_ns, row.p95_ns, row.p99_ns))
    return f"p50 {p50}, p95 {p95}, p99 {p99} ms"
