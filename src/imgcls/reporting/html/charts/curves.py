"""Training runs laid over each other: accuracy, loss, and the seconds of their epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from imgcls.messages import counted, spelled
from imgcls.reporting.html.charts.canvas import COLOURS, Canvas, canvas, name
from imgcls.reporting.html.charts.figures import Curve, CurvePoint
from imgcls.reporting.html.charts.scales import around
from imgcls.reporting.html.charts.sheet import Mark, Point, Shape

PANEL = 170
"""The height of each of the three panels, in points."""

LINE = 18
"""The height of a line of the legend, in points."""

_SHAPES: tuple[Shape, ...] = ("circle", "square", "up", "diamond", "down")

MARKS = 10
"""About how many markers a line has."""

Values = Callable[[CurvePoint], float | None]

PANELS: tuple[tuple[str, Values, Values], ...] = (
    ("top-1 in %", lambda at: at.training_top1, lambda at: at.validation_top1),
    ("loss", lambda at: at.training_loss, lambda at: at.validation_loss),
    ("seconds", lambda _: None, lambda at: at.seconds),
)
"""The label of each panel, and what it has of training and of validation."""


def draw(curves: Sequence[Curve], ident: str) -> str:
    """Three panels below each other as SVG; training is dashed, and each run has its marker."""
    title = "Training curves: top-1 accuracy, loss and seconds of each epoch"
    description = "; ".join(f"{spelled(curve.name)}: {_figures(curve)}" for curve in curves)
    legend = LINE * (len(curves) + 1) + 6
    with canvas(ident, legend + 3 * PANEL, title, description) as sheet:
        _legend(sheet, curves)
        for place in range(len(PANELS)):
            _panel(sheet, place, legend, curves)
    return sheet.markup


def _panel(sheet: Canvas, place: int, legend: float, curves: Sequence[Curve]) -> None:
    label, *kinds = PANELS[place]
    lines = [[[*_points(curve, values)] for values in kinds] for curve in curves]
    epochs, values = (
        zip(*chain.from_iterable(chain.from_iterable(lines)), strict=True) if any(map(any, lines)) else ((), ())
    )
    scales = around(epochs, is_whole=True), around(values, start=0 if label == "seconds" else None)
    top, bottom = legend + place * PANEL + 6, (2 - place) * PANEL + 36
    axes = sheet.axes(*scales, ("epoch", label), top, bottom)
    for number, of_curve in enumerate(lines):
        for points, dashed in zip(of_curve, (True, False), strict=True):
            if points:
                axes.line(points, _mark(number).colour, dashed=dashed)
                axes.marks(points[:: math.ceil(len(points) / MARKS)], _mark(number))


def _points(curve: Curve, values: Values) -> Iterator[Point]:
    """Of the epochs that have a value."""
    return ((at.epoch, value) for at in curve.points if (value := values(at)) is not None)


def _mark(number: int, size: float = 4) -> Mark:
    return Mark(_SHAPES[number % len(_SHAPES)], size, COLOURS[number % len(COLOURS)])


def _legend(sheet: Canvas, curves: Sequence[Curve]) -> None:
    for number, curve in enumerate(curves):
        sheet.marks([(14, 10 + LINE * number)], _mark(number, 7))
        sheet.text(24, 14 + LINE * number, f"{name(curve.name, 20)}: {_figures(curve)}")
    sheet.text(24, 14 + LINE * len(curves), "solid: validation, dashed: training")


def _figures(curve: Curve) -> str:
    accuracies = [at.validation_top1 for at in curve.points if at.validation_top1 is not None]
    seconds = [at.seconds for at in curve.points if at.seconds is not None]
    figures = [counted(len(curve.points), "epoch")]
    if accuracies:
        figures.append(f"top-1 {accuracies[-1]:.1f} %")
    if seconds:
        figures.append(f"{sum(seconds) / len(seconds):.2f} s per epoch")
    return ", ".join(figures)
