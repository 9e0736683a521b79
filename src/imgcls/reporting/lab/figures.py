"""Figures as a report has them: rounded, with the unit in the head of their column."""

from __future__ import annotations

from collections.abc import Sequence

from imgcls.records.config import Accuracy
from imgcls.records.performance import Latency
from imgcls.records.report import Result
from imgcls.reporting import notes


def per_cent(value: float) -> str:
    """One decimal; 100.0 and 0.0 only where they are exact."""
    return f"{min(max(value, 0.1), 99.9):.1f}" if 0 < value < 100 else f"{value:.1f}"


def bounds(result: Result, metric: Accuracy) -> tuple[float, float, float] | None:
    """An accuracy and its 95 % interval in per cent; None where there is none, or where it states nothing."""
    value, low, high = result.unit_accuracy(metric), *(getattr(result, f"{metric}_{end}") for end in ("low", "high"))
    if value is None or low is None or high is None or (metric == "top5" and notes.is_certain(result)):
        return None
    return value, low, high


def accuracy(result: Result, metric: Accuracy) -> tuple[str, str]:
    """An accuracy and its interval as two cells."""
    known = bounds(result, metric)
    return (per_cent(known[0]), f"{per_cent(known[1])} to {per_cent(known[2])}") if known else ("-", "-")


def ms(ns: int) -> str:
    """Nanoseconds as milliseconds."""
    return f"{ns / 1e6:.1f}"


def mb(count: int | None) -> str:
    """Bytes as MB."""
    return "-" if count is None else f"{count / 1e6:.1f}"


def if_few(latency: Latency) -> str:
    """What stands next to a figure for which the time ran out."""
    return " (few rounds)" if latency.cut_short else ""


def p_value(value: float) -> str:
    """As in ``p = 0.0213``."""
    return f"p = {value:.4f}" if value >= 0.0001 else "p < 0.0001"


def listed(names: Sequence[str]) -> str:
    """As in ``a, b and c``."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
