"""One run as CI shows it: every gate with its status and its line in the configuration, and the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from imgcls import messages
from imgcls.records.comparison import Comparison
from imgcls.records.evaluation import Status, Verdict
from imgcls.records.report import Report
from imgcls.reporting.next_steps import Places

GateKind = Literal["accuracy", "compare", "golden", "latency", "memory", "parity", "serving", "contract"]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1; ``path`` is relative to the repository, with ``/``."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGate:
    """One gate of a run, with what was shown of it.

    ``subject``: what it is about, as in ``net on photos``. ``holds``: whether the run passes by it. ``before``: its
    status in the baseline, where that has it. ``place``: where it is configured. ``in_test``: whether a failed test of
    pytest states it.
    """

    kind: GateKind
    model: str
    subject: str
    verdict: Verdict
    holds: bool
    dataset: str | None = None
    before: Status | None = None
    place: Place | None = None
    in_test: bool = False

    @property
    def status(self) -> Status:
        return self.verdict.status

    @property
    def condition(self) -> str:
        """What the gate is about, and the condition in words."""
        return f"{self.subject}, {self.verdict.check}"

    @property
    def seen(self) -> str:
        """The first line of what was seen, without the subject."""
        return self.verdict.message.partition("\n")[0].replace(f"{self.subject}: ", "", 1)

    @property
    def has_changed(self) -> bool:
        """Whether its status was another in the baseline."""
        return self.before is not None and self.before != self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class CiRun:
    """What all places of CI are written from.

    ``title``: ``imgcls``, and the configuration where there are several. ``rest``: where everything is that is left
    out. ``places``: what commands name. ``closing``: what was not evaluated.
    """

    report: Report
    gates: tuple[JudgedGate, ...]
    title: str = "imgcls"
    rest: str = "the log of this run"
    places: Places = field(default_factory=Places)
    closing: tuple[str, ...] = ()

    @property
    def failed(self) -> list[JudgedGate]:
        """The gates by which the run fails."""
        return [gate for gate in self.gates if not gate.holds]

    @property
    def flipped(self) -> list[Comparison]:
        """The comparisons in which an image has another best class."""
        return [comparison for comparison in self.report.comparisons if comparison.flips]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was evaluated, and nothing had to be."""
        report = self.report
        measured = (report.results, report.latencies, report.memories, report.parities, report.comparisons)
        return not (self.gates or any(measured) or report.servings or report.contracts)

    def headline(self) -> str:
        """How many verdicts fail, and how many images flipped."""
        return ", ".join(self._counts())

    def _counts(self) -> Iterator[str]:
        failed, flips = len(self.failed), sum(len(comparison.flips) for comparison in self.flipped)
        if self.gates:
            count = f"{failed or 'none'} of {messages.counted(len(self.gates), 'verdict')}"
            yield f"{count} {'fail' if failed > 1 else 'fails'}"
        else:
            yield "no gates"
        if self.report.comparisons:
            yield f"{messages.counted(flips, 'image')} flipped"
