"""What a session came to: its document, its summary, which gates were evaluated, and its exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls.errors import ImgclsError
from imgcls.gates import accuracy
from imgcls.records.comparison import Prediction
from imgcls.records.config import LatencyGate, MemoryGate
from imgcls.records.evaluation import DatasetOutcome, Verdict
from imgcls.records.performance import Latency, Memory, Profile
from imgcls.records.report import Report
from imgcls.session import session as sessions
from imgcls.session.events import Event, GoldenChecked, LatencyMeasured, LimitsJudged, MemoryMeasured, PairJudged

if TYPE_CHECKING:
    from imgcls.session.session import Session

Limit = tuple[str, str, str]
"""A limit of the configuration: ``latency`` or ``memory``, the model, the metric."""


class Results:
    """Everything that one session found; doors add events as they happen, and read it when all is done.

    ``started``: tests or an evaluation began. ``finished``: everything that was selected was reached.
    ``errors``: what failed outside of any gate.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.started = self.finished = False
        self.verdicts: dict[tuple[str, str], tuple[Verdict, ...]] = {}
        self.goldens: list[GoldenChecked] = []
        self.latencies: list[Latency] = []
        self.memories: list[Memory] = []
        self.limit_verdicts: list[Verdict] = []
        self.profiles: list[Profile] = []
        self.errors: list[str] = []
        self._evaluated_limits: set[Limit] = set()

    def add(self, event: Event) -> None:
        """Keep what a test, or the command itself, produced."""
        match event:
            case PairJudged(model, dataset, verdicts):
                self.verdicts[model, dataset] = verdicts
            case GoldenChecked():
                self.goldens.append(event)
            case LatencyMeasured(latency):
                self.latencies.append(latency)
            case MemoryMeasured(memory):
                self.memories.append(memory)
            case LimitsJudged(kind, model, verdicts):
                self.limit_verdicts += verdicts
                self._evaluated_limits |= {(kind, model, verdict.metric) for verdict in verdicts}

    # What was scored.

    @cached_property
    def outcomes(self) -> list[DatasetOutcome]:
        """What the store has of this run, whichever process computed it. Raises StoreError."""
        session = self.session
        stored = (session.store.outcome(session.run_id, name) for name in session.settings.datasets)
        return [outcome for outcome in stored if outcome]

    @property
    def complete(self) -> bool:
        """Whether every pair that was planned was scored. Raises StoreError."""
        reached = {(pair.scores.model, pair.scores.dataset) for outcome in self.outcomes for pair in outcome.pairs}
        return self.finished and self.session.store.planned(self.session.run_id) <= reached

    @cached_property
    def document(self) -> Report:
        """The report of this run. Raises StoreError."""
        from imgcls.comparison import current_run
        from imgcls.reporting import result_document

        session, outcomes = self.session, self.outcomes
        contrasts = list(current_run.pairwise_tests(session.store, session.run_id, outcomes)) if outcomes else []
        against = session.baseline if outcomes else None
        comparisons = against.comparisons(session.store, session.run_id, outcomes) if against else []
        return replace(
            result_document.build(outcomes, self.all_verdicts, self.complete, contrasts, comparisons),
            latencies=tuple(self.latencies),
            memories=tuple(self.memories),
            profiles=tuple(self.profiles),
        )

    @property
    def all_verdicts(self) -> dict[tuple[str, str], list[Verdict]]:
        """The verdicts on each pair: of its gates, and of its golden record."""
        verdicts = {pair: list(of_pair) for pair, of_pair in self.verdicts.items()}
        for golden in self.goldens:
            if golden.verdict:
                verdicts.setdefault((golden.model, golden.dataset), []).append(golden.verdict)
        return verdicts

    def predictions(self) -> Iterator[Prediction]:
        """Every prediction of this run, read from the store one by one. Raises StoreError."""
        from imgcls.evaluation import results

        return (
            results.predictions(self.session.store, self.session.run_id, self.outcomes) if self.outcomes else iter(())
        )

    # Which gates there are, and which were evaluated.

    @property
    def total_gates(self) -> int:
        """The number of gates and limits: one per pair with thresholds, per compared pair, and per limit."""
        session = self.session
        pairs = accuracy.total(session.settings, compares=session.compares)
        return pairs + len(self._limits(selected=True)) + len(self._not_selected)

    def unevaluated_gates(self) -> list[str]:
        """The gates on scores that nothing was shown for, in words."""
        session = self.session
        return accuracy.unevaluated(
            session.settings, self.verdicts, compares=session.compares, baseline=session.options.baseline is not None
        )

    def unevaluated_limits(self) -> list[str]:
        """The limits on latency and memory that no test measured, in words."""
        return [_in_words(limit) for limit in self._limits(selected=True) if limit not in self._evaluated_limits]

    def unevaluated(self) -> list[str]:
        """All of them; where pytest must evaluate every gate, also those of what was not selected."""
        return self.unevaluated_gates() + self.unevaluated_limits() + self._not_selected

    def _limits(self, *, selected: bool) -> list[Limit]:
        """Every limit of the configuration: those of the selected models, or of the others."""
        settings = self.session.settings
        gates: list[tuple[str, str, LatencyGate | MemoryGate]] = [
            *(("latency", model, gate) for model, gate in settings.latency.items()),
            *(("memory", model, gate) for model, gate in settings.memory.items()),
        ]
        return [
            (kind, model, field.name)
            for kind, model, gate in gates
            for field in fields(gate)
            if getattr(gate, field.name) is not None and (model in settings.models) is selected
        ]

    @property
    def _not_selected(self) -> list[str]:
        session = self.session
        if not (session.options.require_gates and session.options.is_pytest):
            return []
        pairs = [f"{model} on {dataset}" for model, dataset in session.settings.left_out]
        limits = [_in_words(limit) for limit in self._limits(selected=False)]
        return [f"{gate} (not selected)" for gate in pairs + limits]

    def unchecked_goldens(self) -> list[str]:
        """The selected pairs with a golden record that no test compared, in words."""
        reached = {(golden.model, golden.dataset) for golden in self.goldens}
        return [
            f"golden of {model} on {dataset}"
            for model, dataset in self.session.settings.golden_pairs()
            if (model, dataset) not in reached
        ]

    def failed_verdicts(self) -> list[Verdict]:
        """The verdicts of gates and limits that do not hold."""
        verdicts = [*self.limit_verdicts, *(v for of_pair in self.verdicts.values() for v in of_pair)]
        return [verdict for verdict in verdicts if not accuracy.holds(verdict, self.session.options.inconclusive)]

    # What is printed and written.

    def tables(self, width: int) -> Iterator[str]:
        """The tables of what was scored and measured, and the verdicts, line by line. Raises StoreError."""
        if self.outcomes:
            from imgcls.reporting import tables

            yield tables.text(self.document, width).rstrip("\n")
            yield from tables.verdicts(v for result in self.document.results for v in result.verdicts)
        if self.latencies or self.memories:
            from imgcls.reporting import overview

            yield overview.terminal(self.document).rstrip("\n")
        if self.memories:
            from imgcls.reporting import memory_table

            yield memory_table.text(self.memories).rstrip("\n")
        for profile in self.profiles:
            from imgcls.reporting import operator_table

            yield operator_table.text(profile).rstrip("\n")
        yield from (f"{v.status.upper()} {v.message}" for v in self.limit_verdicts)

    def gates_line(self) -> str:
        """How many of the gates were evaluated."""
        total = self.total_gates
        return f"gates: {total - len(self.unevaluated())} of {total} evaluated" if total else "no gates"

    def goldens_line(self) -> str | None:
        """How many of the golden records were compared; None where there are none."""
        total = len(self.session.settings.golden_pairs())
        return f"goldens: {total - len(self.unchecked_goldens())} of {total} compared" if total else None

    def write(self, *, passed: bool) -> None:
        """Write the documents that were requested, and the last run where all passed. Raises OSError, ImgclsError."""
        options = self.session.options
        if options.json:
            from imgcls.reporting import result_document

            result_document.save(options.json, self.document, None if options.json_summary else self.predictions())
        if options.save:
            save_baseline(options.save, self.document, self.predictions())
        if passed and options.store and self.outcomes:
            save_last(options.store, self.document, self.predictions())

    def exit_code(self) -> int:
        """The command's exit code: 0 where every gate on scores was shown to hold."""
        held = not (self.unevaluated_gates() or self.failed_verdicts())
        return sessions.worst_exit_code({0 if held else 1, *sessions.exit_codes(self.outcomes)})


def save_last(store: Path, document: Report, predictions: Iterator[Prediction]) -> None:
    """Keep a whole run in the store's folder as the last one, except where CI is set. Raises OSError, StoreError.

    For runs in which nothing failed: one that did would pass when it is repeated and compared with itself.
    """
    from imgcls.comparison.baseline import LAST_FILE
    from imgcls.reporting import result_document

    if document.complete and document.results and not os.environ.get("CI"):
        result_document.save(store / LAST_FILE, document, predictions)


def save_baseline(file: Path, document: Report, predictions: Iterator[Prediction]) -> None:
    """Keep a run as a baseline. Raises ImgclsError where it is not whole, and OSError; then the file is as it was."""
    from imgcls.reporting import result_document

    if not (document.complete and document.results):
        raise ImgclsError(f"{file} was left as it was: this run is not whole, and not a baseline")
    result_document.save(file, document, predictions)


def _in_words(limit: Limit) -> str:
    kind, model, metric = limit
    return f"{kind} of {model}, {metric}"


def judge_all(session: Session, results: Results) -> None:
    """Judge every pair whose dataset was scored whole, or failed as a whole. Raises StoreError."""
    for outcome in results.outcomes:
        if results.finished or outcome.complete:
            for pair in outcome.pairs:
                if verdicts := session.judge(pair):
                    results.add(PairJudged(pair.scores.model, pair.scores.dataset, verdicts))
