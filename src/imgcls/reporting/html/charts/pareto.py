"""Accuracy against latency or memory: which models are worth their cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from imgcls.messages import spelled
from imgcls.reporting.html.charts.axes import MIDDLE, Axes
from imgcls.reporting.html.charts.canvas import COLOURS, Canvas, canvas, millions, name
from imgcls.reporting.html.charts.figures import Cost, Pareto, ParetoPoint
from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.html.charts.scales import around, of_costs
from imgcls.reporting.html.charts.sheet import Mark, Point

UNITS: dict[Cost, tuple[str, str]] = {"latency": ("median latency", "ms"), "memory": ("peak memory", "MB")}

_AROUND = ((10, 8), (-10, 8), (10, -8), (-10, -8), (10, 20), (-10, 20), (10, -20), (-10, -20))
"""Where the number of a point may stand, in points to the right and up."""

MARGIN = 0.1
"""What is left free around the points, as a share of their range."""

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
        costs = of_costs([point.cost / 1e6 for point in figure.points], margin=MARGIN)
        accuracies = around([end for point in figure.points for end in (point.low, point.high)], margin=MARGIN)
        labels = (f"{what} in {unit}", "top-1 in %")
        axes = sheet.axes(costs, accuracies, labels, top=10, bottom=legend + 38)
        _points(axes, figure.points)
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
    axes.line(_steps(front(points)), COLOURS[0])
    for point in points:
        cost, is_dominated = point.cost / 1e6, point.dominated_by is not None
        axes.interval((cost, point.low), (cost, point.high), Mark("level", 6, INK, opacity=0.6), width=1, opacity=0.6)
        axes.marks([(cost, point.accuracy)], Mark("circle", 8, COLOURS[0], is_hollow=is_dominated))


def _steps(line: Sequence[ParetoPoint]) -> list[Point]:
    """To the cost of each point with the accuracy of the one before it, and from there upwards."""
    corners = [(after.cost / 1e6, before.accuracy) for before, after in pairwise(line)]
    points = [(point.cost / 1e6, point.accuracy) for point in line]
    return [*points[:1], *(place for both in zip(corners, points[1:], strict=True) for place in both)]


def _number(axes: Axes, points: Sequence[ParetoPoint]) -> None:
    """Write the number of each point next to it, at the first place that is free of other points and numbers."""
    middles = axes.places((point.cost / 1e6, point.accuracy) for point in points)
    taken = [*middles]
    for number, (x, y) in enumerate(middles, 1):
        around_it = [(x + right, y - up) for right, up in _AROUND]
        free = (place for place in around_it if not any(_covers(place, other) for other in taken))
        place = next(free, around_it[0])
        taken.append(place)
        axes.sheet.text(place[0], place[1] + MIDDLE, f"{number}", anchor="middle", is_bold=True)


def _covers(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) <= 9 and abs(one[1] - other[1]) <= 10


def _legend(sheet: Canvas, points: Sequence[ParetoPoint], unit: str) -> None:
    start = sheet.height - LINE * (len(points) + 1) + 4
    for number, point in enumerate(points, 1):
        text = f"{number}: {name(point.model, 26)}: {_figures(point, unit)}{_standing(point, points)}"
        sheet.text(8, start + LINE * (number - 1), text)
    sheet.text(8, start + LINE * len(points), "line: the front; hollow: dominated; bars: 95 % intervals", opacity=0.8)


def _figures(point: ParetoPoint, unit: str) -> str:
    return f"{point.accuracy:.1f} %, {millions(point.cost)} {unit}"


def _standing(point: ParetoPoint, numbered: Sequence[ParetoPoint] = ()) -> str:
    if point.dominated_by is None:
        return ""
    numbers = {other.model: f"{number}" for number, other in enumerate(numbered, 1)}
    return f", dominated by {numbers.get(point.dominated_by, spelled(point.dominated_by))}"
