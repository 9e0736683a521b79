"""Each kind of figure as the markup of its chart."""

from __future__ import annotations

import base64
from collections.abc import Hashable
from dataclasses import dataclass

from markupsafe import Markup

from imgcls.reporting.html.charts import accuracy_bars, confusion, curves, latencies, memory, pareto, reliability
from imgcls.reporting.html.charts.figures import (
    AccuracyBar,
    Confidences,
    Confusion,
    Curve,
    LatencyRow,
    MemoryBar,
    Pareto,
)


class Charts:
    """The charts of a page: each figure is drawn once, and has names of its own in the page."""

    def __init__(self) -> None:
        self._drawn: dict[Hashable, Markup] = {}
        self._matrices: dict[Confusion, MatrixImage] = {}

    def draw(self, figure: Hashable) -> Markup:
        """An SVG element. Raises TypeError for what is not a figure."""
        if figure not in self._drawn:
            svg = _svg(figure, f"g{len(self._drawn)}")
            self._drawn[figure] = Markup(svg)  # noqa: S704 - charts escape what is in them
        return self._drawn[figure]

    def matrix(self, figure: Confusion) -> MatrixImage:
        """A confusion matrix that has rows and columns."""
        if figure not in self._matrices:
            self._matrices[figure] = _matrix(figure)
        return self._matrices[figure]


def _svg(figure: Hashable, ident: str) -> str:
    match figure:
        case Pareto():
            return pareto.draw(figure, ident)
        case Confidences():
            return reliability.diagram(figure, ident) + reliability.histogram(figure, f"{ident}h")
        case [AccuracyBar(), *_]:
            return accuracy_bars.draw(figure, ident)  # type: ignore[arg-type]  # all of one kind
        case [LatencyRow(), *_]:
            return latencies.draw(figure, ident)  # type: ignore[arg-type]  # all of one kind
        case [MemoryBar(), *_]:
            return memory.draw(figure, ident)  # type: ignore[arg-type]  # all of one kind
        case [Curve(), *_]:
            return curves.draw(figure, ident)  # type: ignore[arg-type]  # all of one kind
    raise TypeError(f"{type(figure).__name__} is not a figure")


@dataclass(frozen=True, slots=True)
class MatrixImage:
    """A confusion matrix as a data URI, its width and height in pixels, and the side of a cell."""

    uri: str
    width: int
    height: int
    cell: int


def _matrix(figure: Confusion) -> MatrixImage:
    image = confusion.draw(figure)
    uri = f"data:image/png;base64,{base64.b64encode(image.png).decode()}"
    return MatrixImage(uri, image.width, image.height, image.cell)
