"""What changed against the baseline, image by image, before and after side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imgcls.records.comparison import Comparison, Difference, Flip
from imgcls.reporting.html.sections import verdicts
from imgcls.reporting.html.selection import Shown
from imgcls.reporting.html.view import View
from imgcls.stats import units

CARDS = 1000  # docs/decisions.md#images-in-a-report
"""The most cards of all comparisons together."""


@dataclass(frozen=True, slots=True)
class Card:
    """A flip, and the row of its image where there is one."""

    flip: Flip
    image: Shown | None


@dataclass(frozen=True, slots=True)
class Group:
    """A comparison with its cards; ``counts``: of each kind of change."""

    comparison: Comparison
    title: str
    counts: Sequence[tuple[str, int]]
    differences: Sequence[tuple[Difference, str, str]]
    cards: Sequence[Card]
    left_out: int


def context(view: View) -> dict[str, Any] | None:
    cards = max(1, CARDS // max(1, len(view.report.comparisons)))
    groups = [_group(view, comparison, cards) for comparison in view.report.comparisons]
    return {"groups": groups} if groups else None


def _group(view: View, comparison: Comparison, most: int) -> Group:
    cards = [Card(flip, view.row(comparison.dataset, flip.path, flip.label)) for flip in comparison.flips[:most]]
    counts = Counter(flip.change for flip in comparison.flips)
    return Group(
        comparison,
        _title(comparison),
        sorted(counts.items()),
        [_power(difference) for difference in comparison.differences],
        cards,
        len(comparison.flips) - len(cards),
    )


def _title(comparison: Comparison) -> str:
    if comparison.before == comparison.after:
        return f"{comparison.after} on {comparison.dataset}"
    return f"{comparison.before} and {comparison.after} on {comparison.dataset}"


def _power(difference: Difference) -> tuple[Difference, str, str]:
    total = units.total_compared(difference.images, difference.of_images)
    return difference, total, verdicts.detectable(difference)
