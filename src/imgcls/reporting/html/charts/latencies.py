"""How the times of each model are distributed, a row for each model."""

from __future__ import annotations

from collections.abc import Sequence

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, ROW, canvas, millions, name
from imgcls.reporting.html.charts.figures import LatencyRow
from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.html.charts.scales import of_costs
from imgcls.reporting.html.charts.sheet import Mark

TIME = Mark("circle", 6, COLOURS[0], edge=0, opacity=0.45)

MEDIAN, PERCENTILE = Mark("upright", 16, INK, edge=2.5), Mark("upright", 10, INK)


def draw(rows: Sequence[LatencyRow], ident: str) -> str:
    """A point for each time, and marks at the percentiles, as SVG."""
    description = "; ".join(f"{spelled(row.model)}: {_figures(row)}" for row in rows)
    with canvas(ident, 58 + ROW * len(rows), "Distribution of latencies", description) as sheet:
        times = of_costs([time / 1e6 for row in rows for time in (*row.times_ns, row.p50_ns, row.p99_ns)])
        axes = sheet.rows([f"{name(row.model, 24)}: {_figures(row)}" for row in rows], times, "ms", top=22)
        for number, row in enumerate(rows):
            for mark, of_mark in ((TIME, row.times_ns), (MEDIAN, [row.p50_ns]), (PERCENTILE, [row.p95_ns, row.p99_ns])):
                axes.marks(((time / 1e6, number + 0.05) for time in of_mark), mark)
        for place, (mark, text) in enumerate(((TIME, "measured"), (MEDIAN, "p50"), (PERCENTILE, "p95, p99"))):
            sheet.marks([(14 + 90 * place, 11)], mark)
            sheet.text(24 + 90 * place, 15, text)
    return sheet.markup


def _figures(row: LatencyRow) -> str:
    p50, p95, p99 = map(millions, (row.p50_ns, row.p95_ns, row.p99_ns))
    return f"p50 {p50}, p95 {p95}, p99 {p99} ms"
