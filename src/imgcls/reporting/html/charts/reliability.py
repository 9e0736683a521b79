"""Whether a model is as often right as it is confident, and how confident it is where it is right and where not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from imgcls.messages import spelled
from imgcls.reporting.html.charts.canvas import COLOURS, RIGHT, WRONG, canvas
from imgcls.reporting.html.charts.figures import ConfidenceBin, Confidences
from imgcls.reporting.html.charts.markup import INK
from imgcls.stats.proportions import wilson

BINS = 10  # docs/decisions.md#charts


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
        axes = sheet.axes(top=46, bottom=38)
        axes.plot([0, 100], [0, 100], "--", color=INK, alpha=0.6)
        for part in filled:
            interval = wilson(part.right, part.count)
            place = 100 * part.mean_confidence
            axes.plot([place, place], [100 * interval.low, 100 * interval.high], color=INK, marker="_", markersize=8)
            axes.plot(place, 100 * part.right / part.count, "o", color=COLOURS[0], markersize=7)
            axes.text(50 * (part.low + part.high), 102, f"{part.count}", fontsize=9, ha="center")
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="confidence in %", ylabel="right in %")
        sheet.text(56, 14, f"{error}; dashed: as right as confident")
        sheet.text(56, 29, "images per bin:", fontsize=9)
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
        axes = sheet.axes(top=24, bottom=38)
        for part in figure.bins:
            place, width = 50 * (part.low + part.high), 92 * (part.high - part.low)
            axes.bar(place, part.right, width, color=RIGHT)
            axes.bar(place, part.right - part.count, width, facecolor="none", edgecolor=WRONG, hatch="///")
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set(xlim=(0, 100), xlabel="confidence in %", ylabel="images")
        axes.yaxis.set_major_formatter(lambda count, _: f"{abs(count):,.0f}")
        sheet.box(62, 11, color=RIGHT)
        sheet.text(72, 15, f"right (up): {right:,}")
        sheet.box(210, 11, facecolor="none", edgecolor=WRONG, hatch="///")
        sheet.text(220, 15, f"wrong (down): {wrong:,}")
    return sheet.markup


def _reliability(part: ConfidenceBin) -> str:
    return f"{_range(part)}: {part.right} of {part.count} right, mean confidence {part.mean_confidence:.1%}"


def _confidence(part: ConfidenceBin) -> str:
    return f"{_range(part)}: {part.right} right, {part.count - part.right} wrong"


def _range(part: ConfidenceBin) -> str:
    return f"{100 * part.low:.0f} to {100 * part.high:.0f} %"
