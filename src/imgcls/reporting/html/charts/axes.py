"""Two axes on a sheet, and what is drawn between them in their own values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.html.charts.scales import Scale
from imgcls.reporting.html.charts.sheet import LETTERS, Fill, Mark, Point, Sheet

MOST_TICKS = 10
"""Of an axis with room for more."""

TICK = 3.5
"""The length of the line of a tick, and the distance of its text, in points."""

FIGURE, DISTANCE, LINE = 0.6 * LETTERS, 12, 20
"""The width of a figure, what is left free between two texts, and the height of one with what is free, in points."""

BESIDE = 42
"""From the left axis to the base line of its label, in points, where the texts of its ticks leave as much."""

BELOW_LINE = 0.3 * LETTERS
"""How far letters reach below their base line, in points."""

MIDDLE = 0.35 * LETTERS
"""From the base line of figures to their middle, in points."""

THIN, FAINT = 0.8, 0.15
"""The width of the axes' lines in points, and the opacity of those across."""


class Axes:
    """``x`` goes to the right and ``y`` upwards, from the lower left corner of a rectangle on a sheet."""

    def __init__(self, sheet: Sheet, x: Scale, y: Scale, upper_left: Point, lower_right: Point) -> None:
        self.sheet, self.x, self.y = sheet, x, y
        (self.left, self.top), (self.right, self.bottom) = upper_left, lower_right

    def at(self, x: float, y: float) -> Point:
        """The place of two values, in points."""
        right = self.left + self.x.share(x) * (self.right - self.left)
        return right, self.bottom - self.y.share(y) * (self.bottom - self.top)

    def places(self, points: Iterable[Point]) -> list[Point]:
        return [self.at(x, y) for x, y in points]

    # The axes themselves.

    def draw_x(self, label: str) -> None:
        """The lower axis, and a line upwards from each of its ticks."""
        ticks = self.x.ticks(self._fit_below)
        places = {self.at(value, self.y.low)[0]: text for value, text in ticks.items()}
        self.sheet.lines(([(x, self.top), (x, self.bottom)] for x in places), width=THIN, opacity=FAINT)
        outer = [[(x, self.bottom), (x, self.bottom + TICK)] for x in places]
        self.sheet.lines([[(self.left, self.bottom), (self.right, self.bottom)], *outer], width=THIN)
        for x, text in places.items():
            self.sheet.text(x, self.bottom + 2 * TICK + 0.8 * LETTERS, text, anchor="middle")
        self.sheet.text((self.left + self.right) / 2, self.bottom + 30, label, anchor="middle")

    def draw_y(self, label: str) -> None:
        """The left axis, and a line to the right from each of its ticks."""
        ticks = self.y.ticks(self._fit_beside)
        places = {self.at(self.x.low, value)[1]: text for value, text in ticks.items()}
        self.sheet.lines(([(self.left, y), (self.right, y)] for y in places), width=THIN, opacity=FAINT)
        outer = [[(self.left - TICK, y), (self.left, y)] for y in places]
        self.sheet.lines([[(self.left, self.top), (self.left, self.bottom)], *outer], width=THIN)
        for y, text in places.items():
            self.sheet.text(self.left - 2 * TICK, y + MIDDLE, text, anchor="end")
        self.sheet.text(
            self.left - self.beside(), (self.top + self.bottom) / 2, label, anchor="middle", is_upright=True
        )

    def beside(self) -> float:
        """From the left axis to the base line of its label, in points."""
        texts = self.y.ticks(self._fit_beside).values()
        return max([BESIDE, *(_width(text) + 2 * TICK + BELOW_LINE for text in texts)])

    def _fit_below(self, texts: Collection[str]) -> bool:
        width = max(map(len, texts)) * FIGURE + DISTANCE
        return len(texts) <= MOST_TICKS and len(texts) * width <= self.right - self.left

    def _fit_beside(self, texts: Collection[str]) -> bool:
        return len(texts) <= MOST_TICKS and len(texts) * LINE <= self.bottom - self.top

    # What is between them.

    def line(self, points: Iterable[Point], colour: str = INK, **style: Any) -> None:
        """``style``: as in :meth:`Sheet.lines`."""
        self.sheet.lines([self.places(points)], colour, **style)

    def marks(self, points: Iterable[Point], mark: Mark) -> None:
        self.sheet.marks(self.places(points), mark)

    def interval(self, one: Point, other: Point, end: Mark, **style: Any) -> None:
        """A line with a mark at each end."""
        self.line([one, other], end.colour, **style)
        self.marks([one, other], end)

    def bar(self, one: Point, other: Point, fill: Fill) -> None:
        """A rectangle between two of its corners."""
        (left, right), (top, bottom) = map(sorted, zip(self.at(*one), self.at(*other), strict=True))
        self.sheet.rectangle((left, top), right - left, bottom - top, fill)

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> None:
        """The area between two lines."""
        there = [*zip(xs, low, strict=True)]
        self.sheet.area(self.places([*there, *reversed([*zip(xs, high, strict=True)])]), colour, 0.2)


def _width(text: str) -> float:
    """Of the text of a tick, in points; points and commas are half as wide as figures."""
    return FIGURE * (len(text) - 0.5 * sum(map(text.count, ".,")))
