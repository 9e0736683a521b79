"""Whether a model is as often right as it is confident, and how confident it is where it is right and where not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, LEFT, RIGHT, WRONG, canvas
from imgcls.reporting.html.charts.figures import ConfidenceBin, Confidences
from imgcls.reporting.html.charts.markup import INK
from imgcls.reporting.html.charts.scales import Scale, around
from imgcls.reporting.html.charts.sheet import Fill, Mark
from imgcls.stats.proportions import wilson

BINS = 10  # docs/decisions.md#charts

PER_CENT = Scale(0, 100)

SMALL = 9
"""The size of figures above a chart, in points."""


def bins(confidences: Sequence[float], right: Sequence[bool], count: int = BINS) -> tuple[ConfidenceBin, ...]:
    """The images by their confidence, in bins of one width; each has its upper edge, and the first also 0."""
    edges = [number / count for number in range(count + 1)]
    images = list(zip(confidences, right, strict=True))
    members = (
        [image for image in images if low < image[0] <= high or image[0] == low == 0] for low, high in pairwise(edges)
    )
    return tuple(_bin(low, high, list(inside)) for (low, high), inside in zip(pairwise(edges), members, strict=True))


def _bin(low: float, high: float, images: Sequence[tuple[float, bool]]) -> ConfidenceBin:
    confidence = sum(confidence for confidence, _ in images) / len(images) if images else (low + high) / 2
    return ConfidenceBin(low, high, len(images), sum(right for _, right in images), confidence)


def calibration_error(of_bins: Sequence[ConfidenceBin]) -> float:
    """The expected calibration error, the mean distance of accuracy and confidence (Guo et al. 2017, eq. 3)."""
    images = sum(part.count for part in of_bins)
    return sum(abs(part.right - part.count * part.mean_confidence) for part in of_bins) / images if images else 0.0


def diagram(figure: Confidences, ident: str) -> str:
    """Accuracy with its 95 % interval over confidence, as SVG; the numbers of images stand above."""
    title = f"Reliability of {spelled(figure.model)} on {spelled(figure.dataset)}"
    filled = [part for part in figure.bins if part.count]
    error = f"expected calibration error {calibration_error(figure.bins):.3f}"
    description = "; ".join([error, *map(_reliability, filled)])
    with canvas(ident, 300, title, description) as sheet:
        axes = sheet.axes(PER_CENT, PER_CENT, ("confidence in %", "right in %"), top=46, bottom=38)
        axes.line([(0, 0), (100, 100)], dashed=True, opacity=0.6)
        for part in filled:
            interval, place = wilson(part.right, part.count), 100 * part.mean_confidence
            axes.interval((place, 100 * interval.low), (place, 100 * interval.high), Mark("level", 8, INK))
            axes.marks([(place, 100 * part.right / part.count)], Mark("circle", 7, COLOURS[0]))
            x, y = axes.at(50 * (part.low + part.high), 102)
            sheet.text(x, y, f"{part.count}", size=SMALL, anchor="middle")
        sheet.text(LEFT, 14, f"{error}; dashed: as right as confident")
        sheet.text(LEFT, 29, "images per bin:", size=SMALL)
    return sheet.markup


def histogram(figure: Confidences, ident: str) -> str:
    """The numbers of images by confidence, right ones upwards and wrong ones downwards, as SVG."""
    title = f"Confidence of {spelled(figure.model)} on {spelled(figure.dataset)}, right and wrong"
    right = sum(part.right for part in figure.bins)
    wrong = sum(part.count for part in figure.bins) - right
    description = "; ".join(
        [f"{right} right, {wrong} wrong", *(_confidence(part) for part in figure.bins if part.count)]
    )
    with canvas(ident, 260, title, description) as sheet:
        counts = [count for part in figure.bins for count in (part.right, part.right - part.count)]
        images = around([0, *counts], is_whole=True, is_signed=False)
        axes = sheet.axes(PER_CENT, images, ("confidence in %", "images"), top=24, bottom=38)
        for part in (part for part in figure.bins if part.count):
            place, half = 50 * (part.low + part.high), 46 * (part.high - part.low)
            axes.bar((place - half, 0), (place + half, part.right), Fill(RIGHT))
            axes.bar((place - half, 0), (place + half, part.right - part.count), Fill(WRONG, "hatched"))
        axes.line([(0, 0), (100, 0)], width=0.8)
        sheet.box(62, 11, Fill(RIGHT))
        sheet.text(72, 15, f"right (up): {right:,}")
        sheet.box(210, 11, Fill(WRONG, "hatched"))
        sheet.text(220, 15, f"wrong (down): {wrong:,}")
    return sheet.markup


def _reliability(part: ConfidenceBin) -> str:
    return f"{_range(part)}: {part.right} of {part.count} right, mean confidence {part.mean_confidence:.1%}"


def _confidence(part: ConfidenceBin) -> str:
    return f"{_range(part)}: {part.right} right, {part.count - part.right} wrong"


def _range(part: ConfidenceBin) -> str:
    return f"{100 * part.low:.0f} to {100 * part.high:.0f} %"
