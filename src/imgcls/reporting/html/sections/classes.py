"""The accuracy of each class with its interval, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgcls.records.evaluation import ClassScore, Interval
from imgcls.records.report import Result
from imgcls.reporting.html.view import View
from imgcls.stats import proportions, units

LINES = 3000  # docs/decisions.md#images-in-a-report
"""The most lines of all results together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A folder; ``interval``: Wilson's, of its top-1."""

    label: str
    score: ClassScore
    interval: Interval

    @property
    def top1(self) -> float:
        return self.score.top1_count / self.score.scored


@dataclass(frozen=True, slots=True)
class Group:
    """The classes of one result; ``total``: all of which an image was scored. ``kind``: what was counted."""

    result: Result
    rows: tuple[Row, ...]
    total: int
    kind: str


def context(view: View) -> dict[str, Any] | None:
    lines = max(1, LINES // max(1, len(view.report.results)))
    groups = [group for result in view.report.results if (group := _group(result, lines)).total]
    return {"groups": groups} if groups else None


def _group(result: Result, lines: int) -> Group:
    scored = {label: score for label, score in result.counted.classes.items() if score.scored}
    order = sorted(scored, key=lambda label: (_share(scored[label]), -scored[label].scored, label))
    rows = tuple(_row(label, scored[label]) for label in order[:lines])
    return Group(result, rows, len(scored), units.kind(result))


def _share(score: ClassScore) -> float:
    return score.top1_count / score.scored


def _row(label: str, score: ClassScore) -> Row:
    return Row(label, score, proportions.wilson(score.top1_count, score.scored))
