"""Verdicts are made here: the condition of each gate is put into words by one function, and never read back."""

from collections.abc import Mapping

from imgcls.messages import printable_lines
from imgcls.records.evaluation import Status, Verdict

AT_LEAST, AT_MOST = "{metric} >= {threshold:g}", "{metric} <= {threshold:g}"

CHECKS: Mapping[str, str] = {
    "images": "images >= {threshold:.0f}",
    "rejected": AT_MOST,
    "p50_ms": AT_MOST,
    "p90_ms": AT_MOST,
    "p95_ms": AT_MOST,
    "p99_ms": AT_MOST,
    "host_bytes": "host <= {megabytes:g} MB",
    "gpu_bytes": "gpu <= {megabytes:g} MB",
    "flips": AT_MOST,
    "logits": AT_MOST,
    "not worse top1": "top1 not worse by {threshold:g}",
    "not worse top5": "top5 not worse by {threshold:g}",
    "slowdown": "not slower by {percent:g} %",
}
"""The condition of a metric with a threshold, where it is not that the metric must reach it."""

PLAIN_CHECKS: Mapping[str, str] = {"images": "images > 0", "growth": "no growth"}
"""The condition of a metric without a threshold, where it is not named like the metric."""


def verdict(
    metric: str, status: Status, message: str, threshold: float | None = None, confidence: float | None = None
) -> Verdict:
    """A verdict whose ``check`` is rendered from its data; ``confidence``: with which the threshold must be shown."""
    limit = None if threshold is None else float(threshold)  # counts too, so that every door writes the same document
    return Verdict(metric, limit, _check(metric, threshold, confidence), status, printable_lines(message))


def _check(metric: str, threshold: float | None, confidence: float | None) -> str:
    if threshold is None:
        return PLAIN_CHECKS.get(metric, metric)
    condition = CHECKS.get(metric, AT_LEAST).format(
        metric=metric, threshold=threshold, megabytes=threshold / 1e6, percent=100 * threshold
    )
    return condition if confidence is None else f"{condition} at {100 * confidence:g} %"
