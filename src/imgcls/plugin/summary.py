"""What the plugin does when the tests are over: write documents, fail for what no test could fail for, summarise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from imgcls.errors import ImgclsError, StoreError
from imgcls.plugin.costs import CostSession
from imgcls.plugin.goldens import GoldenSession
from imgcls.session.results import Results


class Summary:
    """The end of one pytest session."""

    def __init__(
        self, results: Results, costs: CostSession, goldens: GoldenSession, *, is_worker: bool, is_distributed: bool
    ) -> None:
        self.results, self.costs, self.goldens = results, costs, goldens
        self.session, self.options = results.session, results.session.options
        self.is_worker, self.is_distributed = is_worker, is_distributed

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.is_worker:
            return
        self._collect()
        self.results.errors += self._errors()
        try:
            if self.results.started:
                self.results.write(passed=not exitstatus and not self.results.errors)
        except (OSError, ImgclsError) as error:
            self.results.errors.append(f"imgcls: the result document could not be written: {error}")
        if self.results.errors:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._lines():
            terminalreporter.write_line(line)

    def _collect(self) -> None:
        """Read what was scored, and profile what was requested.

        A store that nobody needed is not created, and one that cannot be read has failed the tests that needed it.
        """
        shared = self.is_distributed and self.options.store and self.options.store.exists()
        try:
            if not (self.session.needed or shared):
                self.results.outcomes = []
            self.results.outcomes  # noqa: B018 - read once, here
        except StoreError:
            self.results.outcomes, self.results.finished = [], False
        for name in self.options.profile if self.results.started else ():
            try:
                self.results.profiles += self.costs.profiles(name)
            except ImgclsError as error:
                self.results.errors.append(f"FAILED --imgcls-profile {name}: {error}")

    def _errors(self) -> Iterator[str]:
        """What fails the session although no test failed for it."""
        yield from self.costs.errors()
        if self.results.started:
            yield from self.goldens.errors(self.results)
        if self.options.require_gates:
            yield from (f"FAILED gate not evaluated: {gate}" for gate in self.results.unevaluated())
            yield from (f"FAILED not compared: {golden}" for golden in self.results.unchecked_goldens())
            yield from (f"FAILED gate: {verdict.message}" for verdict in self.results.failed_verdicts())

    def _lines(self) -> Iterator[str]:
        """The summary: tables, verdicts, and which gates were evaluated."""
        results = self.results
        width = shutil.get_terminal_size().columns
        if results.outcomes:
            yield f"{' imgcls ':=^{width}}"
        yield from results.tables(width)
        if not (results.outcomes or results.errors or results.latencies or results.memories):
            return
        if results.total_gates:
            yield results.gates_line()
        yield from self.goldens.lines(results)
        unevaluated = (*results.unevaluated(), *results.unchecked_goldens())
        yield from results.errors or [f"  not evaluated: {gate}" for gate in unevaluated]
