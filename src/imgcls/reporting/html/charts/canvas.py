"""A chart as a sheet of the width of all charts, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from imgcls.messages import spelled
from imgcls.reporting.html.charts import markup
from imgcls.reporting.html.charts.axes import Axes
from imgcls.reporting.html.charts.scales import Scale
from imgcls.reporting.html.charts.sheet import Fill, Sheet

WIDTH = 440  # docs/decisions.md#charts
"""Points, of every chart: on a phone its letters are still read."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8669a", "#7a7a7a")  # docs/decisions.md#charts
"""Of Okabe and Ito, as far as they are seen on white and on black; the fourth is darker than theirs."""

ROW = 36
"""The height of a row with its text, in points."""

LEFT, RIGHT_EDGE = 56, 12
"""What is left free beside axes, in points."""

LABEL = 10
"""From the left edge to the base line of an upright label, in points, at least."""

RIGHT, WRONG = COLOURS[:2]


@dataclass
class Canvas(Sheet):
    """``height``: in points; ``markup``: the chart, once it is drawn."""

    height: float = 0
    markup: str = ""

    def axes(self, x: Scale, y: Scale, labels: tuple[str, str], top: float, bottom: float, left: float = LEFT) -> Axes:
        """Axes with these labels and distances from the edges of the canvas; more on the left for long texts."""
        corner = WIDTH - RIGHT_EDGE, self.height - bottom
        left = max(left, Axes(self, x, y, (left, top), corner).beside() + LABEL)
        axes = Axes(self, x, y, (left, top), corner)
        axes.draw_x(labels[0])
        axes.draw_y(labels[1])
        return axes

    def rows(self, texts: Sequence[str], x: Scale, label: str, top: float = 4, bottom: float = 36) -> Axes:
        """An axis below rows, from above at 0, 1, 2 and so on, each with a text over what is drawn there."""
        y = Scale(len(texts) - 0.3, -0.7)
        axes = Axes(self, x, y, (8, top), (WIDTH - RIGHT_EDGE, self.height - bottom))
        axes.draw_x(label)
        for row, text in enumerate(texts):
            self.text(8, axes.at(x.low, row - 0.3)[1], text)
        return axes

    def box(self, x: float, y: float, fill: Fill) -> None:
        """A square of a legend around this point."""
        self.rectangle((x - 5, y - 5), 10, 10, fill)


@contextmanager
def canvas(ident: str, height: float, title: str, description: str) -> Iterator[Canvas]:
    """A canvas to draw on, which has its markup afterwards; the same drawing gives the same characters.

    ``ident``: unique in the page; ``title`` and ``description``: for those who do not see the chart.
    """
    sheet = Canvas(ident, height=height)
    yield sheet
    sheet.markup = markup.image(ident, (WIDTH, height), title, description, *sheet.parts)


def millions(value: float) -> str:
    """Nanoseconds in milliseconds or bytes in MB, with two decimals below 10 and one from there on."""
    return f"{value / 1e6:,.2f}" if value < 1e7 else f"{value / 1e6:,.1f}"


def name(text: str, limit: int = 40) -> str:
    """A name as a chart has room for it: spelled, and the middle of a long one left out."""
    text = spelled(text)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"
