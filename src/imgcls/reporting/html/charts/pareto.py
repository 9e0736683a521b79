"""Accuracy against latency or memory: which models are worth their cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, Canvas, canvas, millions, name, scale
from imgcls.reporting.html.charts.figures import Cost, Pareto, ParetoPoint
from imgcls.reporting.html.charts.markup import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS: dict[Cost, tuple[str, str]] = {"latency": ("median latency", "ms"), "memory": ("peak memory", "MB")}

_AROUND = ((10, 8), (-10, 8), (10, -8), (-10, -8), (10, 20), (-10, 20), (10, -20), (-10, -20))
"""Where the number of a point may stand, in points to the right and up."""

LINE = 16
"""The height of a line of the legend, in points."""


def draw(figure: Pareto, ident: str) -> str:
    """The models as numbered points with their intervals, the front as a line, dominated ones hollow, as SVG."""
    what, unit = UNITS[figure.cost]
    title = f"Top-1 accuracy on {spelled(figure.dataset)} against {what}"
    description = "; ".join(
        f"{spelled(point.model)}: {_figures(point, unit)}{_standing(point)}" for point in figure.points
    )
    legend = LINE * (len(figure.points) + 1) + 12
    with canvas(ident, 260 + legend, title, description) as sheet:
        axes = sheet.axes(top=10, bottom=legend + 38)
        _points(axes, figure.points)
        axes.set(xlabel=f"{what} in {unit}", ylabel="top-1 in %")
        scale(axes, [point.cost / 1e6 for point in figure.points])
        axes.margins(0.1)
        _number(axes, figure.points)
        _legend(sheet, figure.points, unit)
    return sheet.markup


def front(points: Sequence[ParetoPoint]) -> tuple[ParetoPoint, ...]:
    """Of the models that no other dominates, those than which no cheaper one is as accurate; the cheapest first."""
    best: list[ParetoPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if point.dominated_by is None and (not best or point.accuracy > best[-1].accuracy):
            best.append(point)
    return tuple(best)


def _points(axes: Axes, points: Sequence[ParetoPoint]) -> None:
    line = front(points)
    axes.step([point.cost / 1e6 for point in line], [point.accuracy for point in line], color=COLOURS[0], where="post")
    for point in points:
        cost = point.cost / 1e6
        fill = COLOURS[0] if point.dominated_by is None else "none"
        axes.plot([cost, cost], [point.low, point.high], color=INK, marker="_", markersize=6, linewidth=1, alpha=0.6)
        axes.plot(cost, point.accuracy, "o", markersize=8, markerfacecolor=fill, markeredgecolor=COLOURS[0])


def _number(axes: Axes, points: Sequence[ParetoPoint]) -> None:
    """Write the number of each point next to it, at the first place that is free of other points and numbers."""
    axes.autoscale_view()
    middles = [(point.cost / 1e6, point.accuracy) for point in points]
    taken = axes.transData.transform(middles).tolist()
    for number, (middle, (x, y)) in enumerate(zip(middles, list(taken), strict=True), 1):
        free = (place for place in _AROUND if not any(_covers((x + place[0], y + place[1]), other) for other in taken))
        place = next(free, _AROUND[0])
        taken.append((x + place[0], y + place[1]))
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold"}
        axes.annotate(f"{number}", middle, place, textcoords="offset points", **style)


def _covers(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) <= 9 and abs(one[1] - other[1]) <= 10


def _legend(sheet: Canvas, points: Sequence[ParetoPoint], unit: str) -> None:
    start = sheet.height - LINE * (len(points) + 1) + 4
    for number, point in enumerate(points, 1):
        text = f"{number}: {name(point.model, 26)}: {_figures(point, unit)}{_standing(point, points)}"
        sheet.text(8, start + LINE * (number - 1), text)
    sheet.text(8, start + LINE * len(points), "line: the front; hollow: dominated; bars: 95 % intervals", alpha=0.8)


def _figures(point: ParetoPoint, unit: str) -> str:
    return f"{point.accuracy:.1f} %, {millions(point.cost)} {unit}"


def _standing(point: ParetoPoint, numbered: Sequence[ParetoPoint] = ()) -> str:
    if point.dominated_by is None:
        return ""
    numbers = {other.model: f"{number}" for number, other in enumerate(numbered, 1)}
    return f", dominated by {numbers.get(point.dominated_by, spelled(point.dominated_by))}"
