"""What a session came to: its document, its summary, which gates were evaluated, and its exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls.errors import ImgclsError, StoreError
from imgcls.session import session as sessions
from imgcls.session import sharding
from imgcls.session.gating import GateResults

if TYPE_CHECKING:
    from imgcls.records.comparison import Prediction
    from imgcls.records.evaluation import DatasetOutcome, Verdict
    from imgcls.records.performance import Profile
    from imgcls.records.report import Report, Selection
    from imgcls.reporting.ci.run import CiRun
    from imgcls.reporting.next_steps import Places
    from imgcls.session.session import Session


class Results(GateResults):
    """Everything that one session found; doors add events as they happen, and read it when all is done.

    ``started``: tests or an evaluation began. ``finished``: everything that was selected was reached.
    ``errors``: what failed outside of any gate. ``reported``: texts of failures that the door prints itself.
    ``title``: what it is called in CI. ``ci_notes``: what could not be shown there, a line each.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.started = self.finished = False
        self.profiles: list[Profile] = []
        self.errors: list[str] = []
        self.reported: list[str] = []
        self.title = "imgcls"
        self.ci_notes: list[str] = []

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
        from imgcls.records.report import JudgedLimit
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
            parities=tuple(self.parities),
            servings=tuple(self.servings),
            contracts=tuple(self.contracts),
            limits=tuple(JudgedLimit(*judged) for judged in self.judged_limits),
            selection=self._selection,
            shard=session.options.shard,
        )

    @property
    def _selection(self) -> Selection:
        """What this run is of its configuration. Raises StoreError."""
        from imgcls.records.report import Selection

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
        """What was scored and measured, block by block: verdicts, tables, notes, what to do. Raises StoreError."""
        measured = self.latencies or self.memories or self.profiles or self.has_deployment
        if not (self.outcomes or measured):
            return
        from imgcls.reporting import terminal
        from imgcls.reporting.presentation import Presentation

        options = self.session.options
        columns = options.columns, f"{options.prefix}columns"
        how = Presentation(width, options.verbosity, *columns, reported=self.reported)
        notes = list(self.session.baseline_notes()) if self.outcomes else []
        yield from terminal.lines(self.document, how, self.limit_verdicts, [*notes, *self._what_to_do()])

    def _what_to_do(self) -> Iterator[str]:
        """The next step for every gate that does not hold."""
        from imgcls.gates import accuracy
        from imgcls.reporting import next_steps

        judged = next_steps.of_report(self.document, self.judged_limits)
        failing = [each for each in judged if not accuracy.holds(each[2], self.session.options.inconclusive)]
        yield from next_steps.lines(failing, self.places)

    @property
    def places(self) -> Places:
        """What commands name that show more of this run."""
        from imgcls.reporting.next_steps import Places

        options = self.session.options
        run = options.json or options.save
        return Places(options.prefix, str(run) if run else None, options.baseline or "BASELINE.json")

    def markdown(self) -> str:
        """The same tables and lines in GitHub's Markdown. Raises StoreError."""
        from imgcls.reporting import markdown

        return markdown.text(self.document, self.limit_verdicts, self.closing_lines(), self.reported)

    def csv(self) -> str:
        """A line per model, device and dataset, or per export where only those were compared. Raises StoreError."""
        from imgcls.reporting import deployment, overview

        if self.parities and not (self.outcomes or self.latencies or self.memories):
            return deployment.as_csv(self.parities)
        return overview.as_csv(self.document)

    def closing_lines(self) -> list[str]:
        """What is said after all verdicts: how much was evaluated, and what was not."""
        missing = [f"not evaluated: {gate.words}" for gate in self.unevaluated()]
        missing += [f"not applicable: {limit}" for limit in self.not_applicable()]
        closing = [*self.session.baseline_notes(), self.gates_line(), self.goldens_line(), *missing]
        return [line for line in closing if line]

    def gates_line(self) -> str:
        """How many of the gates were evaluated."""
        if self.session.options.shard:
            return sharding.line(self.session.options.shard)
        total = self.total_gates
        return f"gates: {total - len(self.unevaluated())} of {total} evaluated" if total else "no gates"

    def goldens_line(self) -> str | None:
        """How many of the golden records were compared; None where there are none."""
        total = len(self.session.settings.golden_pairs())
        return f"goldens: {total - len(self.unchecked_goldens())} of {total} compared" if total else None

    def write(self, *, passed: bool) -> None:
        """Write the documents that were requested, and the last run where all passed. Raises OSError, ImgclsError."""
        from imgcls import documents

        options = self.session.options
        if options.json:
            from imgcls.reporting import result_document

            result_document.save(options.json, self.document, None if options.json_summary else self.predictions())
        if options.csv:
            documents.write_text(options.csv, self.csv())
        if options.markdown:
            documents.write_text(options.markdown, self.markdown())
        if options.report:
            self._write_report(options.report)
        self._write_for_ci()
        if options.save:
            save_baseline(options.save, self.document, self.predictions())
        if passed and options.store and self.outcomes:
            save_last(options.store, self.document, self.predictions())

    def _write_report(self, file: Path) -> None:
        """Write the HTML report, with the images of the configured datasets. Raises OSError, StoreError."""
        from imgcls import documents
        from imgcls.reporting.html import document, page, thumbnails
        from imgcls.session import trainings

        predictions = None if self.session.options.json_summary else self.predictions()
        run = document.of_run(self.document, predictions)
        names = [result.dataset for result in self.document.results]
        images = thumbnails.Images(self.session.configured.datasets, names)
        of_weights = trainings.of(self.document, self.session.configured.models)
        documents.write_text(file, page.render(run, images, of_weights))

    @cached_property
    def ci_run(self) -> CiRun:
        """This run as CI shows it, once all is judged. Raises StoreError."""
        from imgcls.session import judged

        return judged.ci_run(self, self.document, title=self.title, places=self.places, closing=self.closing_lines())

    def _write_for_ci(self) -> None:
        """Write the comment and the code quality, and append to GitHub's summary. Raises OSError, StoreError."""
        from imgcls import documents
        from imgcls.reporting.ci import code_quality, comment, step_summary

        options = self.session.options
        if options.comment:
            documents.write_text(options.comment, comment.text(self.ci_run))
        if options.code_quality:
            documents.write_text(options.code_quality, code_quality.text(self.ci_run))
        if step_summary.file():
            self.ci_notes += filter(None, [step_summary.append(self.ci_run)])

    def annotations(self, *, annotated: bool = False) -> list[str]:
        """What annotates the gates that fail, in GitHub Actions; ``annotated``: failed tests are annotated already."""
        from imgcls.reporting.ci import annotations, runner_log

        if not runner_log.is_read():
            return []
        with suppress(StoreError):  # what cannot be read has failed what needed it
            return list(annotations.lines(self.ci_run, annotated=annotated))
        return []

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

    whole = document.complete and document.selection.complete and not document.shard
    if whole and document.results and not os.environ.get("CI"):
        result_document.save(store / LAST_FILE, document, predictions)


def save_baseline(file: Path, document: Report, predictions: Iterator[Prediction]) -> None:
    """Keep a run as a baseline. Raises ImgclsError where it is not whole, and OSError; then the file is as it was."""
    from imgcls.reporting import result_document

    if not (document.complete and document.results):
        raise ImgclsError(f"{file} was left as it was: this run is not whole, and not a baseline")
    result_document.save(file, document, predictions)


def judge_all(session: Session, results: Results) -> None:
    """Judge every pair whose dataset was scored whole, or failed as a whole. Raises StoreError."""
    from imgcls.session.events import PairJudged

    for outcome in results.outcomes:
        if results.finished or outcome.complete:
            for pair in outcome.pairs:
                if verdicts := session.judge(pair):
                    results.add(PairJudged(pair.scores.model, pair.scores.dataset, verdicts))
