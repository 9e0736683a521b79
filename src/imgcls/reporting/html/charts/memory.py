"""What the peak memory of a call is made of, a row for each model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, ROW, canvas, name
from imgcls.reporting.html.charts.figures import MemoryBar
from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.html.charts.scales import around
from imgcls.reporting.html.charts.sheet import Fill

PARTS = ("weights", "activations", "workspace", "rest")

_FILLS = (Fill(COLOURS[0]), Fill(COLOURS[1], "hatched"), Fill(COLOURS[2], "crossed"), Fill(INK, "hollow"))


def draw(bars: Sequence[MemoryBar], ident: str) -> str:
    """The bars in this order, from above, as SVG."""
    title = "Peak memory of a call: weights, activations, workspace and the rest"
    description = "; ".join(f"{spelled(bar.model)}: {_figures(bar)}" for bar in bars)
    with canvas(ident, 62 + ROW * len(bars), title, description) as sheet:
        texts = [f"{name(bar.model)}: {sum(_sizes(bar)):.1f} MB" for bar in bars]
        axes = sheet.rows(texts, around([sum(_sizes(bar)) for bar in bars], start=0), "MB", top=26)
        for row, bar in enumerate(bars):
            ends = [*accumulate(_sizes(bar), initial=0.0)]
            for start, end, fill in zip(ends, ends[1:], _FILLS, strict=False):
                axes.bar((start, row - 0.125), (end, row + 0.225), fill)
        for place, (part, fill) in enumerate(zip(PARTS, _FILLS, strict=True)):
            sheet.box(12 + 100 * place, 12, fill)
            sheet.text(26 + 100 * place, 16, part)
    return sheet.markup


def _sizes(bar: MemoryBar) -> tuple[float, ...]:
    sizes = (bar.weights_bytes, bar.activations_bytes, bar.workspace_bytes, bar.rest_bytes)
    return tuple(size / 1e6 for size in sizes)


def _figures(bar: MemoryBar) -> str:
    return ", ".join(f"{part} {size:.1f} MB" for part, size in zip(PARTS, _sizes(bar), strict=True))
