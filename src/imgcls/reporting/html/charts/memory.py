"""What the peak memory of a call is made of, a row for each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, ROW, canvas, name
from imgcls.reporting.html.charts.figures import MemoryBar
from imgcls.reporting.html.charts.markup import INK

PARTS = ("weights", "activations", "workspace", "rest")

_STYLES: tuple[dict[str, Any], ...] = (  # told apart without colours, too
    {"facecolor": COLOURS[0], "edgecolor": COLOURS[0]},
    {"facecolor": "none", "edgecolor": COLOURS[1], "hatch": "///"},
    {"facecolor": "none", "edgecolor": COLOURS[2], "hatch": "xxx"},
    {"facecolor": "none", "edgecolor": INK},
)


def draw(bars: Sequence[MemoryBar], ident: str) -> str:
    """The bars in this order, from above, as SVG."""
    title = "Peak memory of a call: weights, activations, workspace and the rest"
    description = "; ".join(f"{spelled(bar.model)}: {_figures(bar)}" for bar in bars)
    with canvas(ident, 62 + ROW * len(bars), title, description) as sheet:
        axes = sheet.rows([f"{name(bar.model)}: {sum(_sizes(bar)):.1f} MB" for bar in bars], top=26)
        for row, bar in enumerate(bars):
            start = 0.0
            for size, style in zip(_sizes(bar), _STYLES, strict=True):
                axes.barh(row + 0.05, size, left=start, height=0.35, **style)
                start += size
        axes.set_xlabel("MB")
        for place, (part, style) in enumerate(zip(PARTS, _STYLES, strict=True)):
            sheet.box(12 + 100 * place, 12, **style)
            sheet.text(26 + 100 * place, 16, part)
    return sheet.markup


def _sizes(bar: MemoryBar) -> tuple[float, ...]:
    sizes = (bar.weights_bytes, bar.activations_bytes, bar.workspace_bytes, bar.rest_bytes)
    return tuple(size / 1e6 for size in sizes)


def _figures(bar: MemoryBar) -> str:
    return ", ".join(f"{part} {size:.1f} MB" for part, size in zip(PARTS, _sizes(bar), strict=True))
