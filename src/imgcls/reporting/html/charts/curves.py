"""Training runs laid over each other: accuracy, loss, and the seconds of their epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from imgcls.messages import counted, spelled
from imgcls.reporting.html.charts.canvas import COLOURS, Canvas, canvas, name
from imgcls.reporting.html.charts.figures import Curve, CurvePoint
from imgcls.reporting.html.charts.markup import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = 170
"""The height of each of the three panels, in points."""

LINE = 18
"""The height of a line of the legend, in points."""

_MARKERS = "os^Dv"

Values = Callable[[CurvePoint], float | None]


def draw(curves: Sequence[Curve], ident: str) -> str:
    """Three panels below each other as SVG; training is dashed, and each run has its marker."""
    title = "Training curves: top-1 accuracy, loss and seconds of each epoch"
    description = "; ".join(f"{spelled(curve.name)}: {_figures(curve)}" for curve in curves)
    legend = LINE * (len(curves) + 1) + 6
    with canvas(ident, legend + 3 * PANEL, title, description) as sheet:
        _legend(sheet, curves)
        _lines(
            _panel(sheet, 0, legend, "top-1 in %"), curves, lambda at: at.training_top1, lambda at: at.validation_top1
        )
        _lines(_panel(sheet, 1, legend, "loss"), curves, lambda at: at.training_loss, lambda at: at.validation_loss)
        _lines(_panel(sheet, 2, legend, "seconds"), curves, lambda _: None, lambda at: at.seconds)
    return sheet.markup


def _panel(sheet: Canvas, number: int, legend: float, label: str) -> Axes:
    from matplotlib.ticker import MaxNLocator

    axes = sheet.axes(top=legend + number * PANEL + 6, bottom=(2 - number) * PANEL + 36)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel=label)
    return axes


def _lines(axes: Axes, curves: Sequence[Curve], training: Values, validation: Values) -> None:
    for number, curve in enumerate(curves):
        for values, line in ((training, "--"), (validation, "-")):
            points = [(at.epoch, value) for at in curve.points if (value := values(at)) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), line, **_style(number))
    if axes.get_ylabel() == "seconds":
        axes.set_ylim(bottom=0)


def _style(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)], "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 4, "markevery": 0.1, "linewidth": 1.5,
    }  # fmt: skip


def _legend(sheet: Canvas, curves: Sequence[Curve]) -> None:
    for number, curve in enumerate(curves):
        style = _style(number)
        sheet.mark(14, 10 + LINE * number, style["marker"], color=style["color"], markersize=7)
        sheet.text(24, 14 + LINE * number, f"{name(curve.name, 20)}: {_figures(curve)}")
    sheet.text(24, 14 + LINE * len(curves), "solid: validation, dashed: training", color=INK)


def _figures(curve: Curve) -> str:
    accuracies = [at.validation_top1 for at in curve.points if at.validation_top1 is not None]
    seconds = [at.seconds for at in curve.points if at.seconds is not None]
    figures = [counted(len(curve.points), "epoch")]
    if accuracies:
        figures.append(f"top-1 {accuracies[-1]:.1f} %")
    if seconds:
        figures.append(f"{sum(seconds) / len(seconds):.2f} s per epoch")
    return ", ".join(figures)
