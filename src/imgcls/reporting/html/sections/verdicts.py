"""The verdicts of a run: what does not hold first, each with n, its interval and what a set of this size can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from imgcls.records.comparison import Difference
from imgcls.records.config import Accuracy
from imgcls.records.evaluation import Status, Verdict
from imgcls.records.report import Report, Result
from imgcls.reporting.html import text
from imgcls.reporting.html.view import View
from imgcls.stats import proportions, units

ACCURACIES: tuple[Accuracy, ...] = get_args(Accuracy)

ORDER: tuple[Status, ...] = ("fail", "error", "inconclusive", "skipped", "pass")
WORDS = {
    "fail": "failed", "error": "in error", "inconclusive": "inconclusive", "skipped": "skipped", "pass": "passed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict about ``subject``.

    ``images``, ``interval`` and ``power`` are empty where it is not about a share of images. ``power``: what a set of
    this size can show.
    """

    status: Status
    subject: tuple[str, ...]
    check: str
    message: str
    images: str = ""
    interval: str = ""
    power: str = ""


def context(view: View) -> dict[str, Any]:
    rows = sorted(_rows(view.report), key=lambda row: ORDER.index(row.status))
    counts = Counter(row.status for row in rows)
    return {
        "rows": rows,
        "counts": [(status, WORDS[status], counts[status]) for status in ORDER if counts[status]],
        "complete": view.report.complete,
        "has_predictions": all(len(scored) for scored in view.pairs.values() if scored.result.scored),
        "left_out": view.report.selection.left_out,
        "failures": [result for result in view.report.results if result.failure],
    }


def _rows(report: Report) -> Iterator[Row]:
    for result in report.results:
        yield from (_of_result(report, result, verdict) for verdict in result.verdicts)
    for limit in report.limits:
        yield Row(limit.verdict.status, (limit.model,), limit.verdict.check, limit.verdict.message)
    for parity in report.parities:
        differences = parity.comparison.differences if parity.comparison else ()
        subject = (f"{parity.model}/{parity.export}", parity.dataset)
        yield from (_of_difference(verdict, subject, differences) for verdict in parity.verdicts)
    for serving in report.servings:
        yield Row(serving.status, (serving.model,), f"serving of {serving.what}", serving.message)
    for check in report.contracts:
        yield Row(check.status, (check.model,), f"contract {check.contract}", check.message)


def _of_result(report: Report, result: Result, verdict: Verdict) -> Row:
    subject = (result.model, result.dataset)
    metric = next((name for name in ACCURACIES if name == verdict.metric), None)
    if metric is None:
        of_pair = (each for each in report.comparisons if (each.after, each.dataset) == subject)
        return _of_difference(verdict, subject, [d for comparison in of_pair for d in comparison.differences])
    low, high = getattr(result, f"{metric}_low"), getattr(result, f"{metric}_high")
    if low is None or high is None:
        return Row(verdict.status, subject, verdict.check, verdict.message)
    power = _power(result, metric, verdict.threshold, low, high)
    interval = text.interval(low, high)
    return Row(verdict.status, subject, verdict.check, verdict.message, units.total(result), interval, power)


def _power(result: Result, metric: Accuracy, threshold: float | None, low: float, high: float) -> str:
    observed = result.unit_accuracy(metric)
    if threshold is None or observed is None:
        return ""
    if not low <= 100 * threshold <= high:
        return f"enough: {100 * threshold:g} is outside of the interval"
    needed = proportions.images_needed(observed / 100, threshold)
    if needed is None:
        return f"on which side of {100 * threshold:g} the model is, no number of images shows while both are equal"
    return f"too few to tell {text.percent(observed)} from {100 * threshold:g}: about {needed:,} would"


def _of_difference(verdict: Verdict, subject: tuple[str, ...], differences: Sequence[Difference]) -> Row:
    """With the measured difference that the verdict is about, where it is about one."""
    difference = next((each for each in differences if verdict.metric.endswith(each.accuracy)), None)
    if difference is None:
        return Row(verdict.status, subject, verdict.check, verdict.message)
    total = units.total_compared(difference.images, difference.of_images)
    interval = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    return Row(verdict.status, subject, verdict.check, verdict.message, total, interval, detectable(difference))


def detectable(difference: Difference) -> str:
    """What a set of this size could have shown of a difference."""
    if difference.detectable is None:
        return "too few to show any difference"
    return f"shows a difference of {text.share(difference.detectable)} points four times in five"
