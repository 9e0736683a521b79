"""The plugin's state, for runs in which a test requests one of our fixtures, and its hooks."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from imgcls.errors import ConfigError, StoreError
from imgcls.plugin import is_requested, items, locations, ownership, progress
from imgcls.plugin.attempts import CONFIGURATION, REFUSED, Attempts
from imgcls.plugin.generation import Generation
from imgcls.plugin.items import DatasetHandle, ModelHandle
from imgcls.plugin.projects import Project, Projects, options_of
from imgcls.plugin.summary import Summary


class PluginSession:
    """One pytest session and the configurations of its tests. Every worker of xdist has its own, and shares the run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.is_distributed = self.is_worker or config.getoption("dist", "no") != "no"
        self._refused: str | None = None  # why a worker ran no test of ours
        self._unopened: dict[str, str] = {}  # why the controller has no run of a configuration, by its file
        self._is_running = False
        self._following = ExitStack()
        self._attempts = Attempts(config)
        self.projects = Projects(config)

    # Which configurations take part.

    def project_of(self, item: pytest.Item) -> Project:
        """The project of a test. Raises ConfigError, also where no configuration is in reach of its file."""
        if project := self.projects.of(item.path):
            return project
        raise ConfigError(ownership.unconfigured(item))

    def _opened(self, item: pytest.Item) -> Project | None:
        """The project of a test, where its run was begun."""
        with suppress(ConfigError):
            project = self.projects.of(item.path)
            return project if project and project.is_open else None
        return None

    def reported(self) -> list[Project]:
        """The projects of this session's tests; without any, that of the folder that pytest was started in."""
        opened = self.projects.opened()
        used = [project for project in opened if project.used or (self.is_distributed and project.is_planned)]
        return used or opened[:1]

    def open_start(self) -> None:
        """Open the configuration of the folder that pytest was started in, where there is one. Raises ConfigError."""
        project = self.projects.start()
        if project and (project.has_selected or not self.is_distributed):
            self._open(project, [project], [project])

    def open_reported(self, files: Iterable[Path]) -> None:
        """On the controller of xdist, open the configurations in reach of these files.

        What is wrong with one ends the session when a test of it comes back: others' tests are none of its business.
        """
        for file in sorted(files):
            with suppress(ConfigError):
                self.projects.of(file)
        known = self.projects.all()
        for project in (project for project in known if not project.is_open):
            try:
                self._open(project, [project], known)
            except ConfigError as error:
                self._unopened[str(project.files[0])] = str(error)

    def _open_used(self, tests: Sequence[pytest.Item]) -> None:
        """Open the configurations of all collected tests, also of those that will not be selected."""
        for project in (project for test in tests if (project := self.projects.of(test.path))):
            project.used = True
        used = [project for project in self.projects.all() if project.used]
        for project in used:
            self._open(project, used, used)
        if not used and is_requested(self.config):
            self.open_start()

    def _open(self, project: Project, reported: Sequence[Project], known: Sequence[Project]) -> None:
        """Begin the run of one of the projects that are reported. Raises ConfigError."""
        options = options_of(project, reported, known)
        if () in (options.models, options.datasets):
            return  # what is selected is in the other configurations
        if options.store is None and self.is_distributed:
            raise ConfigError("--imgcls-store off and xdist do not go together: workers meet in the store")
        reads_baseline = not (self.is_worker or self.config.option.collectonly)
        project.open(options, partial(progress.shown, project), reads_baseline=reads_baseline)
        project.results.started = self._is_running
        if self.is_distributed and not self.is_worker:
            self._following.enter_context(progress.of_workers(project))
        if not (self.is_worker or self.config.pluginmanager.has_plugin(Summary.NAME)):
            summary = Summary(self.reported, self.collect_results, self.is_distributed)
            self.config.pluginmanager.register(summary, Summary.NAME)

    def begin_running(self) -> None:
        """Tests are run from now on."""
        self._is_running = not self.config.option.collectonly
        for project in self.projects.opened():
            project.results.started = self._is_running

    def end_running(self) -> None:
        """Everything that was selected was run."""
        for project in self.projects.opened():
            project.results.finished = True

    # Collection.

    def generation(self, metafunc: pytest.Metafunc) -> Generation:
        """What decides the parameters of a test; without a configuration it decides nothing."""
        try:
            return Generation(metafunc, self.projects.of(metafunc.definition.path))
        except ConfigError:  # the test fails for it, or the session
            return Generation(metafunc, None)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Leave out the pairs that the configuration leaves out, and goldens of datasets that have none."""
        left_out = set(self._begin(items))
        if left_out:
            reported = _deselected(left_out)
            config.hook.pytest_deselected(items=[item for item in items if item in reported])
            items[:] = [item for item in items if item not in left_out]
        result = yield
        if not self.is_worker:
            ownership.check(items, self.projects)
        return result

    def _begin(self, tests: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Open the configurations of these tests; the tests that they leave out. Raises UsageError.

        A worker of xdist must not end the session: there the tests fail, and the controller ends it.
        """
        ours = [test for test in tests if items.is_ours(test)]
        try:
            self._open_used(ours)
            for test in ours:
                locations.relocate(test, self.projects.of(test.path))
            self._note_targets(ours, "collected")
            return [test for test in ours if self._is_left_out(test)]
        except ConfigError as error:
            if self.is_worker:
                self._refused = str(error)
                return []
            raise pytest.UsageError(str(error)) from error

    def _is_left_out(self, test: pytest.Item) -> bool:
        model, dataset = items.parameter_of(test, ModelHandle), items.parameter_of(test, DatasetHandle)
        project = self.projects.of(test.path)
        if project is None or not project.is_open:
            return project is not None
        settings = project.session.settings
        if items.is_of_deployment(test):
            return items.is_left_out_of_deployment(test, settings)
        if model is None and dataset is None:
            return False
        if model is None or dataset is None:
            return not (model.name in settings.models if model else dataset and dataset.name in settings.datasets)
        if items.is_golden_test(test):
            project.goldens.collect(test, model.name, dataset.name)
            return (model.name, dataset.name) not in settings.golden_pairs()
        return (model.name, dataset.name) not in settings.pairs()

    def _note_targets(self, tests: Sequence[pytest.Item], which: Literal["collected", "selected"]) -> None:
        for test in tests:
            if project := self._opened(test):
                self._attempts.note(project, test, which)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._note_targets([item for item in session.items if items.is_ours(item)], "selected")
        if self.is_worker:
            self._attempts.send(self.projects.opened())
        for item in session.items:
            handle = items.parameter_of(item, ModelHandle)
            project = self._opened(item) if handle else None
            if handle and project:
                project.pending[handle.name].add(item.nodeid)
                if pair := items.pair_of(item):
                    project.need(*pair)
        for project in () if self.config.option.collectonly else self.projects.opened():
            if needed := project.session.needed:
                pairs = [(model, dataset) for dataset, models in needed.items() for model in models]
                with suppress(StoreError):  # the tests that need the store will fail for it
                    project.session.store.plan(project.session.run_id, pairs)

    # Tests.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test without a configuration fails by itself; one that is run again begins anew."""
        if items.is_ours(item):
            self._attempts.begin(item)
        if error := self._refusal(item):
            pytest.fail(error, pytrace=False)
        self._skip_in_shard(item)

    def _skip_in_shard(self, item: pytest.Item) -> None:
        """A shard only scores images; what is of models is measured by the whole run."""
        if items.is_ours(item) and not items.pair_of(item) and (shard := self.project_of(item).session.options.shard):
            pytest.skip(f"{shard}: it only scores images, and the whole run does the rest")

    def _refusal(self, item: pytest.Item) -> str | None:
        """Why a test cannot be run."""
        try:
            if items.is_ours(item):
                if self._refused:
                    return self._refused
                self.project_of(item).session  # noqa: B018 - there is one
        except ConfigError as missing:
            return str(missing)
        return ownership.conflict(item) if ownership.may_mean_ours(item) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Item) -> None:
        """A test whose scores are not available fails, with the reason instead of its body."""
        if items.is_ours(pyfuncitem):
            from imgcls.plugin import checks

            pyfuncitem.stash[items.CALLED] = True
            checks.require_scores(self.project_of(pyfuncitem).session, pyfuncitem)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """A model is released when no collected test needs it any more."""
        handle = items.parameter_of(item, ModelHandle)
        project = self._opened(item) if handle else None
        if handle and project:
            project.pending[handle.name].discard(item.nodeid)
            if not project.pending[handle.name]:
                project.session.release(handle.name)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The report of a test states its configuration, and is never about a file of imgcls itself."""
        if items.is_ours(item):
            locations.shorten(call.excinfo)
            locations.make_inert(call.excinfo)
        report = yield
        if items.is_ours(item):
            vars(report)[REFUSED] = self._refused
            with suppress(ConfigError):
                self._attempts.describe(report, item, self.project_of(item))
            locations.relocate_report(report, item)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = getattr(report, CONFIGURATION, None)
        refused = getattr(report, REFUSED, None) or self._unopened.get(file or "")
        if refused and not self.is_worker:
            raise pytest.UsageError(refused)
        if file:
            self._note(report, file)
            self._attempts.add(report)

    def _note(self, report: pytest.TestReport, file: str) -> None:
        """What the summary of its configuration need not repeat."""
        for project in self.projects.opened():
            if str(project.files[0]) == file:
                project.used = True
                printed = report.failed and self.config.getoption("tbstyle", "no") != "no"
                project.results.reported += [report.longreprtext] if printed else []

    def collect_results(self) -> None:
        """Hand what all tests produced to the results of their configurations."""
        self._following.close()
        self._attempts.hand_over(self.reported())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of xdist is done."""
        self._attempts.receive(node, self.projects.opened())

    def pytest_unconfigure(self) -> None:
        for project in self.projects.opened():
            if not self.is_worker:
                project.session.close()
            elif "store" in vars(project.session):
                project.session.store.close()


def _deselected(left_out: set[pytest.Item]) -> set[pytest.Item]:
    """What is reported as deselected; ready-made tests of exports and serving are no news where no model has any."""
    return {test for test in left_out if not items.is_unconfigured(test)}
