"""The curves and the recipe of weights that `imgcls train` made."""

from __future__ import annotations

from typing import Any

from imgcls.reporting.html.charts.figures import Curve, CurvePoint
from imgcls.reporting.html.view import Training, View
from imgcls.training.history import Epoch


def context(view: View) -> dict[str, Any] | None:
    if not view.trainings:
        return None
    return {"trainings": view.trainings, "curves": tuple(map(_curve, view.trainings))}


def _curve(training: Training) -> Curve:
    points = zip(training.epochs, training.seconds, strict=True)
    return Curve(training.model, tuple(_point(epoch, seconds) for epoch, seconds in points))


def _point(epoch: Epoch, seconds: float) -> CurvePoint:
    train, validation = epoch.train, epoch.validation
    return CurvePoint(epoch.number, train.loss, validation.loss, 100 * train.top1, 100 * validation.top1, seconds)
