"""What the plugin does when the tests are over: write documents, fail for what no test could fail for, summarise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from imgcls.errors import ConfigError, ImgclsError, StoreError
from imgcls.messages import encodable, printable
from imgcls.plugin import benchmark_guard
from imgcls.plugin.projects import Project, options_of
from imgcls.reporting import colours
from imgcls.reporting.ci import runner_log
from imgcls.session import garbage


class Summary:
    """The end of one pytest session, for each of its configurations."""

    NAME = "imgcls.plugin.summary"

    def __init__(self, projects: Callable[[], list[Project]], collect: Callable[[], None], distributed: bool) -> None:
        """``projects``: those to report; ``collect``: hands them what all tests produced."""
        self.projects, self.collect, self.is_distributed = projects, collect, distributed

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self.collect()
        projects = self.projects()
        for number, project in enumerate(projects):
            results = project.results
            self._collect(project)
            results.errors += self._errors(project, exitstatus, is_first=not number)
            results.title = f"imgcls, {project.name}" if len(projects) > 1 else results.title
            try:
                if self.is_distributed:  # only now is it known of which configurations workers had tests
                    project.session.options = options_of(project, projects, projects)
                if results.started:
                    with garbage.collected_rarely():
                        results.write(passed=not exitstatus and not results.errors)
            except (OSError, ImgclsError) as error:
                from imgcls import documents

                what = "" if isinstance(error, ConfigError) else "the result document could not be written: "
                reason = documents.failure(error) if isinstance(error, OSError) else error
                results.errors.append(f"imgcls: {what}{reason}")
        if any(project.results.errors for project in projects):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        encoding = _encoding(terminalreporter)
        projects = self.projects()
        for project in projects:
            title = f"imgcls, {project.name}" if len(projects) > 1 else "imgcls"
            for text in self._lines(project, title):
                for line in text.split("\n"):
                    _write(terminalreporter, runner_log.inert(encodable(printable(line), encoding)))
            for line in self._annotations(project, terminalreporter.config):
                terminalreporter.write_line(encodable(line, encoding))

    def _collect(self, project: Project) -> None:
        """Read what was scored, and profile what was requested.

        A store that nobody needed is not created, and one that cannot be read has failed the tests that needed it.
        """
        results, session = project.results, project.session
        options = session.options
        shared = self.is_distributed and options.store and options.store.exists()
        try:
            if not (shared or (results.started and session.needed)):
                results.outcomes = []
            results.outcomes  # noqa: B018 - read once, here
        except StoreError:
            results.outcomes, results.finished = [], False
        for name in options.profile if results.started else ():
            try:
                results.profiles += project.costs.profiles(name)
            except ImgclsError as error:
                results.errors.append(f"FAILED --imgcls-profile {name}: {error}")

    def _errors(self, project: Project, exitstatus: int, *, is_first: bool) -> Iterator[str]:
        """What fails the session although no test failed for it."""
        results = project.results
        if is_first:
            yield from benchmark_guard.of(project.config).taken()
        if results.started:
            yield from project.goldens.errors(results)
        is_over = results.finished or not exitstatus or project.session.options.require_gates
        if results.started and is_over:
            yield from results.required_errors()

    def _lines(self, project: Project, title: str) -> Iterator[str]:
        """The summary of a configuration: tables, verdicts, and which gates were evaluated."""
        results = project.results
        width = project.config.get_terminal_writer().fullwidth
        if (results.outcomes or results.has_deployment) and project.session.options.verbosity >= 0:
            yield f"{f' {title} ':=^{width}}"
        yield from results.tables(width)
        measured = results.outcomes or results.latencies or results.memories or results.has_deployment
        if not (measured or results.errors):
            return
        if results.total_gates or project.session.options.shard:
            yield results.gates_line()
        yield from project.goldens.lines(results)
        yield from results.errors
        yield from results.not_evaluated()
        yield from results.ci_notes

    def _annotations(self, project: Project, config: pytest.Config) -> list[str]:
        """Those of GitHub Actions; pytest-github-actions-annotate-failures has those of failed tests."""
        is_annotated = config.pluginmanager.has_plugin("annotate_errors")
        return project.results.annotations(annotated=is_annotated) if project.results.started else []


def _write(terminalreporter: pytest.TerminalReporter, line: str) -> None:
    """A line whose verdict is coloured, where pytest's stream has colours."""
    word, rest = colours.verdict_word(line)
    if word:
        terminalreporter.write(word, bold=True, **{colours.WORDS[word]: True})
    terminalreporter.write_line(rest)


def _encoding(terminalreporter: pytest.TerminalReporter) -> str:
    """That of the stream on which pytest reports. One character that it lacks would make all of a text escapes."""
    writer = getattr(terminalreporter, "_tw", None)
    return getattr(getattr(writer, "_file", None), "encoding", None) or "utf-8"
