"""The plugin's state, for runs that have a configuration, and its hooks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imgcls.config import loader as configuration
from imgcls.errors import StoreError
from imgcls.plugin import fixtures, items
from imgcls.plugin.costs import CostSession
from imgcls.plugin.goldens import GoldenSession
from imgcls.plugin.items import ModelHandle
from imgcls.plugin.summary import Summary
from imgcls.records.evaluation import Progress
from imgcls.session import events
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session


class PluginSession:
    """One pytest session that has a configuration. Every worker of xdist has its own, and shares the run."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        worker = getattr(config, "workerinput", None)
        self.config, self.session, self.results = config, session, Results(session)
        self.is_worker = worker is not None
        self.is_distributed = self.is_worker or config.getoption("dist", "no") != "no"
        self.pending: Counter[str] = Counter()
        self.goldens = GoldenSession(session, config)
        self.costs = CostSession(session, config)
        session.show_progress = self._progress

    @classmethod
    def opened(cls, config: pytest.Config, options: RunOptions, files: Sequence[Path]) -> PluginSession:
        """The state of these options and this configuration, registered. Raises ConfigError, UsageError."""
        worker = getattr(config, "workerinput", None)
        session = Session(options, configuration.load(files), worker["imgcls_run"] if worker else None)
        plugin = cls(config, session)
        if options.store is None and plugin.is_distributed:
            raise pytest.UsageError("--imgcls-store off and xdist do not go together: workers meet in the store")
        configuration.select(session.settings, options.profile or None, None)
        if not (plugin.is_worker or config.option.collectonly or config.option.help):
            session.baseline  # noqa: B018 - a baseline that cannot be read is reported before anything is scored
        register = config.pluginmanager.register
        register(plugin, "imgcls.plugin.hooks")
        summary = Summary(
            plugin.results, plugin.costs, plugin.goldens,
            is_worker=plugin.is_worker, is_distributed=plugin.is_distributed,
        )  # fmt: skip
        register(summary, "imgcls.plugin.summary")
        register(fixtures.of_scores(session, plugin.costs, plugin.goldens), "imgcls.plugin.fixtures")
        register(fixtures.of_costs(plugin.costs), "imgcls.plugin.cost_fixtures")
        return plugin

    # Progress.

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        """A bar on the terminal, past pytest's capturing; workers have none and leave their progress in the store."""
        from imgcls.reporting import progress

        if self.is_worker:
            yield partial(self.session.store.put_progress, self.session.run_id)
            return
        with self._uncaptured(), progress.shown(sys.stderr) as shown:
            yield shown

    @contextmanager
    def _workers_progress(self) -> Iterator[None]:
        """With xdist, the controller draws the progress that its workers leave in the store."""
        store = self.session.options.store
        if self.is_worker or not (self.is_distributed and store):
            yield
            return
        from imgcls.reporting import progress
        from imgcls.store.runs import progress_of

        read = partial(progress_of, store, self.session.run_id)
        with self._uncaptured(), progress.lines(sys.stderr) as lines, progress.followed(read, lines):
            yield

    def _uncaptured(self) -> AbstractContextManager[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        return capture.global_and_fixture_disabled() if capture else nullcontext()

    # pytest's hooks.

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Every xdist worker belongs to this run."""
        node.workerinput["imgcls_run"] = self.session.run_id

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """A document is written where tests were run, and is complete where they ran to the end."""
        self.results.started = not session.config.option.collectonly
        with self._workers_progress():
            result = yield
        self.results.finished = True
        return result

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the pairs that the configuration leaves out, and goldens of datasets that have none."""
        left_out = self._left_out(items)
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]

    def _left_out(self, tests: Sequence[pytest.Item]) -> list[pytest.Item]:
        settings = self.session.settings
        scored, with_golden = set(settings.pairs()), set(settings.golden_pairs())
        of_pairs = [(test, pair, items.is_golden_test(test)) for test in tests if (pair := items.pair_of(test))]
        self.goldens.collect((test, *pair) for test, pair, is_golden in of_pairs if is_golden)
        return [test for test, pair, is_golden in of_pairs if pair not in (with_golden if is_golden else scored)]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        needed = self.session.needed
        for item in session.items:
            if pair := items.pair_of(item):
                model, dataset = pair
                models = needed.setdefault(dataset, [])
                models += [model] if model not in models else []
            if handle := items.parameter_of(item, ModelHandle):
                self.pending[handle.name] += 1
        if needed:
            pairs = [(model, dataset) for dataset, models in needed.items() for model in models]
            with suppress(StoreError):  # the tests that need the store will fail for it
                self.session.store.plan(self.session.run_id, pairs)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Item) -> None:
        """A test whose scores are not available fails, with the reason instead of its body."""
        pyfuncitem.stash[items.CALLED] = True
        fixtures.require_scores(self.session, pyfuncitem)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """A model is released when no collected test needs it any more."""
        if handle := items.parameter_of(item, ModelHandle):
            self.pending[handle.name] -= 1
            if not self.pending[handle.name]:
                self.session.release(handle.name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """User properties stand in each of a test's three reports, and are whole in the last."""
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == events.PROPERTY:
                    self.results.add(events.decode(str(value)))

    def pytest_unconfigure(self) -> None:
        if not self.is_worker:
            self.session.close()
        elif "store" in vars(self.session):
            self.session.store.close()
