"""What a session came to: its document, its summary, which gates were evaluated, and its exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls import documents
from imgcls.errors import ImgclsError
from imgcls.records.comparison import Prediction
from imgcls.records.evaluation import DatasetOutcome, Verdict
from imgcls.records.performance import Profile
from imgcls.records.report import Report, Selection
from imgcls.session import session as sessions
from imgcls.session.events import PairJudged
from imgcls.session.gating import GateResults

if TYPE_CHECKING:
    from imgcls.session.session import Session


class Results(GateResults):
    """Everything that one session found; doors add events as they happen, and read it when all is done.

    ``started``: tests or an evaluation began. ``finished``: everything that was selected was reached.
    ``errors``: what failed outside of any gate. ``reported``: texts of failures that the door prints itself.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.started = self.finished = False
        self.profiles: list[Profile] = []
        self.errors: list[str] = []
        self.reported: list[str] = []

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
        comparisons = [c for c in comparisons if (c.after, c.dataset) not in session.new_pairs]
        return replace(
            result_document.build(outcomes, self.all_verdicts, self.complete, contrasts, comparisons),
            latencies=tuple(self.latencies),
            memories=tuple(self.memories),
            profiles=tuple(self.profiles),
            selection=self._selection,
        )

    @property
    def _selection(self) -> Selection:
        """What this run is of its configuration. Raises StoreError."""
        reached = {(pair.scores.model, pair.scores.dataset) for outcome in self.outcomes for pair in outcome.pairs}
        left_out = tuple(pair for pair in self.session.configured.pairs() if pair not in reached)
        return Selection(complete=not left_out, left_out=left_out)

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

    # What is printed and written.

    def tables(self, width: int) -> Iterator[str]:
        """The tables of what was scored and measured, and the verdicts, line by line. Raises StoreError."""
        if self.outcomes:
            from imgcls.reporting import tables

            yield tables.text(self.document, width, self.reported).rstrip("\n")
            yield from tables.verdicts_of(self.document.results)
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
        if self.outcomes:
            yield from self.session.baseline_notes()

    def markdown(self) -> str:
        """The same tables and lines in GitHub's Markdown. Raises StoreError."""
        from imgcls.reporting import markdown

        missing = [f"not evaluated: {gate.words}" for gate in self.unevaluated()]
        missing += [f"not applicable: {limit}" for limit in self.not_applicable()]
        closing = [*self.session.baseline_notes(), self.gates_line(), self.goldens_line(), *missing]
        return markdown.text(self.document, self.limit_verdicts, [line for line in closing if line], self.reported)

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
        if options.markdown:
            documents.write_text(options.markdown, self.markdown())
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

    if document.complete and document.selection.complete and document.results and not os.environ.get("CI"):
        result_document.save(store / LAST_FILE, document, predictions)


def save_baseline(file: Path, document: Report, predictions: Iterator[Prediction]) -> None:
    """Keep a run as a baseline. Raises ImgclsError where it is not whole, and OSError; then the file is as it was."""
    from imgcls.reporting import result_document

    if not (document.complete and document.results):
        raise ImgclsError(f"{file} was left as it was: this run is not whole, and not a baseline")
    result_document.save(file, document, predictions)


def judge_all(session: Session, results: Results) -> None:
    """Judge every pair whose dataset was scored whole, or failed as a whole. Raises StoreError."""
    for outcome in results.outcomes:
        if results.finished or outcome.complete:
            for pair in outcome.pairs:
                if verdicts := session.judge(pair):
                    results.add(PairJudged(pair.scores.model, pair.scores.dataset, verdicts))
