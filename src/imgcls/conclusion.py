"""What the plugin concludes when the tests are over: documents, complaints, and the summary's lines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import pytest

from imgcls import gates
from imgcls.errors import ImgclsError, StoreError
from imgcls.harness import Harness
from imgcls.measures import Profile
from imgcls.records import DatasetOutcome, Prediction, Report, Verdict


class Conclusion:
    """One pytest session, looked back on."""

    def __init__(self, harness: Harness) -> None:
        self.harness, self.measuring, self.pinning = harness, harness.measuring, harness.pinning
        self.option = harness.config.getoption
        self.complaints: list[str] = []

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.harness.is_worker:
            return
        self._conclude(green=not exitstatus)
        if self.complaints:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._lines():
            terminalreporter.write_line(line)

    def _conclude(self, *, green: bool) -> None:
        """Find what is to complain of, and write the documents that were asked for."""
        complaints = self.complaints
        complaints += self.measuring.complaints()
        complaints += self.pinning.complaints() if self.harness.started else []
        complaints += self._failed_profiles
        if self.option("--imgcls-require-gates"):
            complaints += [f"FAILED gate not evaluated: {gate}" for gate in self._unevaluated()]
            complaints += [f"FAILED not compared: {golden}" for golden in self.pinning.missing()]
            said = [*self.measuring.verdicts, *(v for of_pair in self.harness.verdicts.values() for v in of_pair)]
            allowed = self.option("--imgcls-inconclusive")
            complaints += [f"FAILED gate: {v.message}" for v in said if not gates.holds(v, allowed)]
        try:
            if self.harness.started:
                self._write(green=green and not complaints)
        except (OSError, ImgclsError) as error:
            complaints.append(f"imgcls: the result document could not be written: {error}")

    def _lines(self) -> Iterator[str]:
        """The summary: tables, verdicts, and which gates were evaluated."""
        outcomes, _ = self._found
        if outcomes:
            from imgcls import tables

            width = shutil.get_terminal_size().columns
            yield f"{' imgcls ':=^{width}}"
            yield tables.text(self._document, width).rstrip("\n")
            yield from tables.verdicts(v for result in self._document.results for v in result.verdicts)
        yield from self._costs()
        total, missing = self._gates, self._unevaluated()
        told = outcomes or self.complaints or self.measuring.latencies or self.measuring.memories
        if total and told:
            yield f"gates: {total - len(missing)} of {total} evaluated"
        if told:
            yield from self.pinning.lines()
            yield from self.complaints or [f"  not evaluated: {gate}" for gate in (*missing, *self.pinning.missing())]

    def _costs(self) -> Iterator[str]:
        """The one table, memory, operators, and the verdicts on what was measured beside accuracy."""
        if self.measuring.latencies or self.measuring.memories:
            from imgcls import overview

            yield overview.terminal(self._document).rstrip("\n")
        if self.measuring.memories:
            from imgcls import memory_tables

            yield memory_tables.text(self.measuring.memories).rstrip("\n")
        for profile in self._profiles:
            from imgcls import operator_tables

            yield operator_tables.text(profile).rstrip("\n")
        yield from (f"{v.status.upper()} {v.message}" for v in self.measuring.verdicts)

    # What there is.

    @cached_property
    def _found(self) -> tuple[list[DatasetOutcome], bool]:
        """What the store has of this run, whichever process computed it, and whether that is all of it.

        Nothing where the store cannot be read: that has failed the tests that needed it.
        """
        harness = self.harness
        shared = harness.is_distributed and harness.store_folder and harness.store_folder.exists()
        if not (harness.needed or shared):
            return [], harness.finished
        try:
            stored = (harness.store.outcome(harness.run, name) for name in harness.settings.datasets)
            outcomes = [outcome for outcome in stored if outcome]
            reached = {(pair.scores.model, pair.scores.dataset) for outcome in outcomes for pair in outcome.pairs}
            return outcomes, harness.finished and harness.store.planned(harness.run) <= reached
        except StoreError:
            return [], False

    @cached_property
    def _document(self) -> Report:
        """The report of this run. Raises StoreError."""
        from imgcls import report

        harness, (outcomes, complete) = self.harness, self._found
        contrasts = list(report.contrasts(harness.store, harness.run, outcomes)) if outcomes else []
        against = harness.baseline
        comparisons = against.comparisons(harness.store, harness.run, outcomes) if against else []
        return replace(
            report.build(outcomes, self._verdicts, complete, contrasts, comparisons),
            latencies=tuple(self.measuring.latencies),
            memories=tuple(self.measuring.memories),
            profiles=tuple(self._profiles),
        )

    @property
    def _verdicts(self) -> dict[tuple[str, str], list[Verdict]]:
        """What was said of each pair: its gates, and its golden."""
        of_gates, of_goldens = self.harness.verdicts, self.pinning.verdicts()
        return {pair: [*of_gates.get(pair, ()), *of_goldens.get(pair, ())] for pair in {**of_gates, **of_goldens}}

    def _write(self, *, green: bool) -> None:
        """The documents that were asked for, and the last run. Raises OSError, ImgclsError."""
        harness, (outcomes, _) = self.harness, self._found
        document, kept = harness.file("--imgcls-json"), harness.file("--imgcls-save")
        if not (document or kept or outcomes):
            return
        from imgcls import baseline, report

        def predictions() -> Iterator[Prediction]:
            return report.predictions(harness.store, harness.run, outcomes) if outcomes else iter(())

        if document:
            report.save(document, self._document, None if self.option("--imgcls-json-summary") else predictions())
        if kept:
            baseline.keep(kept, self._document, predictions())
        if green and harness.store_folder:
            baseline.keep_last(harness.store_folder, self._document, predictions())

    @cached_property
    def _profiled(self) -> tuple[list[Profile], list[str]]:
        """The operators of the models that were asked for, and what went wrong with others."""
        profiles, failed = [], []
        for name in self.option("--imgcls-profile") if self.harness.started else ():
            try:
                profiles += list(self.measuring.profiled(name))
            except ImgclsError as error:
                failed.append(f"FAILED --imgcls-profile {name}: {error}")
        return profiles, failed

    @property
    def _profiles(self) -> list[Profile]:
        return self._profiled[0]

    @property
    def _failed_profiles(self) -> list[str]:
        return self._profiled[1]

    # Gates.

    @property
    def _compares(self) -> bool:
        return bool(self.harness.settings.margins) or self.harness.baseline is not None

    def _unevaluated(self) -> list[str]:
        """The gates that no test evaluated; where all are required, also those of what was not selected."""
        missing = gates.unevaluated(
            self.harness.settings,
            self.harness.verdicts,
            compares=self._compares,
            baseline=self.harness.baseline is not None,
        )
        return missing + self.measuring.unevaluated() + [f"{gate} (not selected)" for gate in self._left_out]

    @property
    def _left_out(self) -> list[str]:
        """The gates of what was not selected, where all are required."""
        if not self.option("--imgcls-require-gates"):
            return []
        pairs = [f"{model} on {dataset}" for model, dataset in self.harness.settings.left_out]
        return pairs + [f"{kind} of {model}, {key}" for kind, model, key in self.measuring.gates(selected=False)]

    @property
    def _gates(self) -> int:
        """How many gates there are."""
        pairs = gates.total(self.harness.settings, compares=self._compares)
        return pairs + len(self.measuring.gates(selected=True)) + len(self._left_out)
