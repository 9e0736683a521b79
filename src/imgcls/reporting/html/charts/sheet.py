"""A sheet of paper to draw on, in points from its upper left corner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from imgcls.reporting.html.charts.markup import INK, element, number

LETTERS = 11
"""The size of the text, in points."""

Point = tuple[float, float]

Shape = Literal["circle", "square", "up", "down", "diamond", "upright", "level"]

_OUTLINES: dict[Shape, Sequence[Point]] = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "up": ((0, -1), (1, 1), (-1, 1)),
    "down": ((0, 1), (1, -1), (-1, -1)),
    "diamond": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
    "upright": ((0, -1), (0, 1)),
    "level": ((-1, 0), (1, 0)),
}
"""The corners of markers that reach from -1 to 1; two are a line."""

_HATCHES = {
    "hatched": "M-1 1L1 -1M0 6L6 0M5 7L7 5",
    "crossed": "M-1 1L1 -1M0 6L6 0M5 7L7 5M-1 5L1 7M0 0L6 6M5 -1L7 1",
}
"""The lines in a square of six points that is repeated."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What bars look like, also without colours."""

    colour: str
    kind: Literal["solid", "hatched", "crossed", "hollow"] = "solid"


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker of this size; ``edge``: the width of its line, in points, ``opacity``: of one on its own."""

    shape: Shape
    size: float
    colour: str
    is_hollow: bool = False
    edge: float = 1
    opacity: float | None = None


@dataclass
class Sheet:
    """``ident``: what all identifiers begin with; ``parts``: what was drawn, from below."""

    ident: str
    parts: list[Markup] = field(default_factory=list)
    _patterns: dict[Fill, str] = field(default_factory=dict)

    def lines(
        self, lines: Iterable[Iterable[Point]], colour: str = INK, *, width: float = 1.5, dashed: bool = False,
        opacity: float | None = None,
    ) -> None:  # fmt: skip
        """Lines of one kind, each from point to point."""
        dash = f"{number(3.7 * width)} {number(1.6 * width)}" if dashed else None
        self._add("path", d="".join(map(_path, lines)), fill="none", stroke=colour, stroke_width=width,
                  stroke_dasharray=dash, opacity=opacity)  # fmt: skip

    def rectangle(self, corner: Point, width: float, height: float, fill: Fill) -> None:
        """``corner``: the upper left one."""
        edge = None if fill.kind == "solid" else fill.colour
        self._add("rect", x=corner[0], y=corner[1], width=width, height=height, fill=self._paint(fill), stroke=edge)

    def area(self, outline: Iterable[Point], colour: str, opacity: float) -> None:
        self._add("path", d=f"{_path(outline)}z", fill=colour, opacity=opacity)

    def marks(self, places: Iterable[Point], mark: Mark) -> None:
        """The same marker at each of these places."""
        radius = mark.size / 2
        style = {
            "fill": "none" if mark.is_hollow or mark.shape in {"upright", "level"} else mark.colour,
            "stroke": mark.colour if mark.edge else None, "stroke_width": mark.edge or None, "opacity": mark.opacity,
        }  # fmt: skip
        if mark.shape == "circle":
            opacity = style.pop("opacity")
            circles = (element("circle", cx=x, cy=y, r=radius, opacity=opacity) for x, y in places)
            self._add("g", *circles, **style)
            return
        outline = _OUTLINES[mark.shape]
        end = "z" if len(outline) > len(_OUTLINES["level"]) else ""
        paths = (_path((x + radius * right, y + radius * down) for right, down in outline) for x, y in places)
        self._add("path", d="".join(f"{path}{end}" for path in paths), **style)

    def text(
        self, x: float, y: float, text: str, *, size: float = LETTERS,
        anchor: Literal["start", "middle", "end"] = "start", is_bold: bool = False, is_upright: bool = False,
        opacity: float | None = None,
    ) -> None:  # fmt: skip
        """Text whose base line begins at this point, or has its middle or its end there; ``is_upright``: upwards."""
        turn = f"rotate(-90 {number(x)} {number(y)})" if is_upright else None
        place = None if anchor == "start" else anchor
        weight = "700" if is_bold else None
        self._add("text", text, x=x, y=y, font_size=f"{number(size)}px", text_anchor=place, font_weight=weight,
                  opacity=opacity, transform=turn)  # fmt: skip

    def _paint(self, fill: Fill) -> str:
        if fill.kind in {"solid", "hollow"}:
            return fill.colour if fill.kind == "solid" else "none"
        if fill not in self._patterns:
            self._patterns[fill] = name = f"{self.ident}-{len(self._patterns) + 1}"
            lines = element("path", d=_HATCHES[fill.kind], stroke=fill.colour, stroke_width=1.5)
            self._add("pattern", lines, id=name, width=6, height=6, patternUnits="userSpaceOnUse")
        return f"url(#{self._patterns[fill]})"

    def _add(self, tag: str, *content: str, **attributes: str | float | None) -> None:
        self.parts.append(element(tag, *content, **attributes))


def _path(points: Iterable[Point]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
