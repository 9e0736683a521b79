"""What the tests of a pytest session evaluate, and what came of the last attempt of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from imgcls.plugin import is_requested, items, properties
from imgcls.session import required

if TYPE_CHECKING:
    from imgcls.plugin.projects import Project
    from imgcls.session.events import Event
    from imgcls.session.required import Target
    from imgcls.session.results import Results

CONFIGURATION, TARGETS = "imgcls_configuration", "imgcls_targets"
"""The attributes of a test's report that state which configuration the test has, and what it evaluates."""

REFUSED = "imgcls_refused"
"""The attribute that states why a worker of xdist runs no test of ours."""

COLLECTED = "imgcls_collected"
"""What a worker of xdist reports of its tests, by configuration."""

_SELECTING = ("-m", "-k", "--deselect", "--ignore", "--ignore-glob", "--lf")
"""The options of pytest that leave out tests."""


@dataclass
class Attempt:
    """One run of a test: its configuration, what it was to evaluate, and what came of it."""

    file: str
    targets: set[Target]
    events: list[Event] = field(default_factory=list)
    unmeasured: str | None = None
    failed: bool = False

    def add(self, report: pytest.TestReport) -> None:
        """What a test produced stands in each of its reports, and is whole in the last."""
        self.failed |= report.failed
        self.unmeasured = _reason(report) if report.skipped else self.unmeasured
        if report.when == "teardown":
            self.events = properties.events_of(report)


class Attempts:
    """The last attempt of every test: one that is run again replaces what was."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._last: dict[str, Attempt] = {}

    def begin(self, item: pytest.Item) -> None:
        """Forget what an attempt before this one left with the test, and with pytest-benchmark."""
        properties.forget(item)
        item.stash[items.CALLED] = False
        benchmarks = getattr(self.config, "_benchmarksession", None)
        if benchmarks is not None:
            benchmarks.benchmarks[:] = [timing for timing in benchmarks.benchmarks if timing.fullname != item.nodeid]

    def describe(self, report: pytest.TestReport, item: pytest.Item, project: Project) -> None:
        """Let a report state what its test is for, also in another process."""
        vars(report)[CONFIGURATION] = str(project.files[0])
        vars(report)[TARGETS] = required.encode(items.targets_of(item))
        properties.describe(report, item)

    def add(self, report: pytest.TestReport) -> None:
        """A report of a test of ours; its setup begins an attempt."""
        if report.when == "setup":
            targets = required.decode(getattr(report, TARGETS))
            self._last[report.nodeid] = Attempt(getattr(report, CONFIGURATION), targets)
        self._last[report.nodeid].add(report)

    def hand_over(self, projects: Sequence[Project]) -> None:
        """Hand what all tests produced to the results of their configurations."""
        for project in projects:
            for attempt in self._last.values():
                if attempt.file == str(project.files[0]):
                    _hand_over(attempt, project.results)
            if tests := project.results.tests:
                is_concerned = project.used or is_requested(self.config)  # xdist's controller opens what nobody uses
                tests.is_whole = is_concerned and self._covers(project.home)

    def _covers(self, home: Path) -> bool:
        """Whether all tests of a project are run: nothing selects some, and what is named has all of its folders."""
        if any(self.config.getoption(option, None) for option in _SELECTING):
            return False
        if self.config.args_source is not pytest.Config.ArgsSource.ARGS:
            return True
        folders = [self.config.rootpath / name for name in self.config.getini("testpaths")] or [home]
        named = [(self.config.invocation_params.dir / name).resolve() for name in self.config.args]
        return all(any(folder.resolve().is_relative_to(each) for each in named) for folder in folders)

    # What tests are for, before they are run.

    def note(self, project: Project, item: pytest.Item, which: Literal["collected", "selected"]) -> None:
        """Keep what a test evaluates; ``--benchmark-only`` selects tests as a marker does."""
        only_benchmarks = which == "selected" and self.config.getoption("benchmark_only", False)
        is_timing = "benchmark" in getattr(item, "fixturenames", ())
        if project.results.tests and (is_timing or not only_benchmarks):
            getattr(project.results.tests, which).update(items.targets_of(item))

    def send(self, projects: Sequence[Project]) -> None:
        """From a worker of xdist to the controller, which collects no tests."""
        config: Any = self.config
        config.workeroutput[COLLECTED] = {
            str(project.files[0]): [required.encode(tests.collected), required.encode(tests.selected)]
            for project in projects
            if (tests := project.results.tests)
        }

    def receive(self, node: Any, projects: Sequence[Project]) -> None:
        """The other end of :meth:`send`; a worker that crashed sent nothing."""
        of_worker = getattr(node, "workeroutput", {}).get(COLLECTED, {})
        for project in projects:
            collected, selected = of_worker.get(str(project.files[0]), ((), ()))
            if tests := project.results.tests:
                tests.collected |= required.decode(collected)
                tests.selected |= required.decode(selected)


def _hand_over(attempt: Attempt, results: Results) -> None:
    for event in attempt.events:
        results.add(event)
    if results.tests and attempt.failed:
        results.tests.failed |= attempt.targets
    if results.tests and attempt.unmeasured:
        results.tests.unmeasured |= dict.fromkeys(attempt.targets, attempt.unmeasured)


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, or not run because it is expected to fail."""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}" if report.wasxfail else "expected to fail"
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
