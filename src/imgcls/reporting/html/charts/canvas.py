"""A sheet to draw on: matplotlib without its global state, in points, and what all charts have in common."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imgcls.messages import spelled
from imgcls.reporting.html.charts import markup
from imgcls.reporting.html.charts.markup import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 440  # docs/decisions.md#charts
"""Points, of every chart: on a phone its letters are still read."""

LETTERS = 11
"""The size of the text, in points."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8669a", "#7a7a7a")  # docs/decisions.md#charts
"""Of Okabe and Ito, as far as they are seen on white and on black; the fourth is darker than theirs."""

ROW = 36
"""The height of a row with its text, in points."""

FAR_APART = 10  # docs/decisions.md#charts
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

RIGHT, WRONG = COLOURS[:2]

_SETTINGS: Mapping[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "imgcls", "text.parse_math": False, "font.size": LETTERS,
    "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": "none", "figure.facecolor": "none",
    "axes.grid": True, "grid.color": INK, "grid.alpha": 0.15, "axes.axisbelow": True, "hatch.linewidth": 1.5,
    "axes.unicode_minus": False,
}  # fmt: skip


@dataclass(slots=True)
class Canvas:
    """A figure whose places are points from its upper left corner; ``markup``: the chart, once it is drawn."""

    figure: Figure
    height: float
    markup: str = field(default="", init=False)

    def axes(self, top: float, bottom: float, left: float = 56, right: float = 12) -> Axes:
        """Axes with these distances from the edges of the canvas."""
        width, height = WIDTH - left - right, self.height - top - bottom
        return self.figure.add_axes((left / WIDTH, bottom / self.height, width / WIDTH, height / self.height))

    def rows(self, texts: Sequence[str], top: float = 4, bottom: float = 36) -> Axes:
        """Axes with a row for each text, from above, at 0, 1, 2 and so on; the text is over what is drawn there."""
        axes = self.axes(top, bottom, left=8)
        axes.set_ylim(len(texts) - 0.3, -0.7)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        for row, text in enumerate(texts):
            axes.text(0, row - 0.3, text, transform=axes.get_yaxis_transform())
        return axes

    def box(self, x: float, y: float, **style: Any) -> None:
        """A square of a legend around this point."""
        from matplotlib.patches import Rectangle

        place = ((x - 5) / WIDTH, 1 - (y + 5) / self.height)
        self.figure.add_artist(Rectangle(place, 10 / WIDTH, 10 / self.height, **style))

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Text whose base line begins at this point."""
        self.figure.text(x / WIDTH, 1 - y / self.height, text, **style)

    def mark(self, x: float, y: float, marker: str, **style: Any) -> None:
        """A marker of a legend at this point."""
        from matplotlib.lines import Line2D

        place: dict[str, Any] = {"transform": self.figure.transFigure, "figure": self.figure, "linestyle": "none"}
        self.figure.add_artist(Line2D([x / WIDTH], [1 - y / self.height], marker=marker, **place, **style))


@contextmanager
def canvas(ident: str, height: float, title: str, description: str) -> Iterator[Canvas]:
    """A canvas to draw on, which has its markup afterwards; the same drawing gives the same characters.

    ``ident``: unique in the page; ``title`` and ``description``: for those who do not see the chart.
    """
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with style.context(dict(_SETTINGS), after_reset=True):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        sheet = Canvas(figure, height)
        yield sheet
        sheet.markup = markup.presentational(_svg(figure), ident, title, description)


def _svg(figure: Figure) -> str:
    svg = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # the browser has its own fonts
        figure.savefig(svg, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return svg.getvalue()


def scale(axes: Axes, values: Sequence[float]) -> None:
    """Make the horizontal axis logarithmic where its positive values are far apart."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    if 0 < FAR_APART * min(values) <= max(values):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def millions(value: float) -> str:
    """Nanoseconds in milliseconds or bytes in MB, with two decimals below 10 and one from there on."""
    return f"{value / 1e6:,.2f}" if value < 1e7 else f"{value / 1e6:,.1f}"


def name(text: str, limit: int = 40) -> str:
    """A name as a chart has room for it: spelled, and the middle of a long one left out."""
    text = spelled(text)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"
