"""The plugin's state, for runs that have a configuration: its hooks, its fixtures, and what they share.

Imports of torch, NumPy and Pillow happen when a test first asks for scores or for a model.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from imgcls import config as configuration
from imgcls import gates
from imgcls.errors import ImgclsError, InconclusiveWarning, ModelError, StoreError
from imgcls.measures import Latency, Memory
from imgcls.measuring import Measuring
from imgcls.pinning import Pair, Pinning, pinned_pairs
from imgcls.records import (
    DatasetOutcome,
    DatasetSpec,
    Failure,
    ModelSpec,
    PairOutcome,
    Progress,
    Scores,
    Settings,
    Verdict,
)

if TYPE_CHECKING:
    from imgcls.baseline import Baseline
    from imgcls.models import Model, Shelf
    from imgcls.store import Store

T = TypeVar("T")
PROPERTY = "imgcls"
"""The name under which a test's verdicts travel in its report (and into JUnit XML)."""

OUTCOME = pytest.StashKey[PairOutcome]()
CALLED = pytest.StashKey[bool]()


@dataclass(frozen=True)
class ModelHandle:
    """What the ``model`` fixture gives: the name and the specification, and the network on demand."""

    name: str
    spec: ModelSpec
    harness: Harness

    def __str__(self) -> str:
        return self.name

    def load(self) -> Model:
        """The loaded model, the same object for every test; it goes when no collected test needs it.

        Raises what :func:`imgcls.models.load` raises.
        """
        return self.harness.shelf.get(self.name)


class Gates:
    """What the ``gates`` fixture gives: the thresholds of the configuration."""

    def __init__(self, harness: Harness, item: pytest.Item) -> None:
        self._harness, self._item = harness, item

    def check(self, measured: Scores | Latency | Memory) -> None:
        """Fail the test unless every gate on what was measured is shown to hold.

        Scores are compared with the baseline as well, where there is one. Scores without any gate are a skip that
        says what was measured; time and memory without a limit are held against what needs none.
        """
        if isinstance(measured, Scores):
            self._check_scores(measured)
        else:
            self._harness.measuring.check(self._item, measured)

    def _check_scores(self, scores: Scores) -> None:
        verdicts = self._harness.judge(scores)
        if verdicts is None:
            pytest.skip(
                f"no gate for {scores.model} on {scores.dataset}: "
                f"top1 {scores.top1:.4f}, top5 {scores.top5:.4f} of {scores.scored}"
            )
        _judge(self._item, scores, verdicts)


class PinnedAnswers:
    """What the ``golden`` fixture gives: the answers of a model on a data set, as they shall stay."""

    def __init__(self, harness: Harness, item: pytest.Item, model: str, dataset: DatasetSpec) -> None:
        self._harness, self._item, self._model, self._dataset = harness, item, model, dataset

    def check(self) -> None:
        """Fail the test unless the model answers as its golden says; with ``--imgcls-update-golden``, write that."""
        harness, item, model, dataset = self._harness, self._item, self._model, self._dataset
        try:
            pair = harness.plain_pair(model, dataset)
        except ImgclsError as error:
            harness.pinning.failed(item, model, dataset.name, f"not scored: {error}")
        failure = pair.outcome.pair(model).failure
        if failure:
            harness.pinning.failed(item, model, dataset.name, f"{failure.stage}: {failure.message}")
        harness.pinning.check(item, pair)


def _require_scores(item: pytest.Item) -> None:
    """Fail the test where its scores could not be had."""
    outcome = item.stash.get(OUTCOME, None)
    if outcome and outcome.failure:
        _judge(item, outcome.scores, [Verdict("scored", "error", outcome.failure.message)])


def _judge(item: pytest.Item, scores: Scores, verdicts: Sequence[Verdict]) -> None:
    """Put the verdicts into the test's report, and fail the test where one does not hold."""
    said = {"model": scores.model, "dataset": scores.dataset, "verdicts": [asdict(v) for v in verdicts]}
    item.user_properties.append((PROPERTY, json.dumps(said)))
    allowed = item.config.getoption("--imgcls-inconclusive")
    if failed := [v.message for v in verdicts if not gates.holds(v, allowed)]:
        pytest.fail("\n".join(failed), pytrace=False)
    for verdict in verdicts:
        if verdict.status != "pass":
            item.warn(InconclusiveWarning(verdict.message))


class Harness:
    """One pytest session's configuration, its loaded models, its store and its verdicts."""

    def __init__(
        self, settings: Settings, configured: Settings, pytest_config: pytest.Config, store: Path | None
    ) -> None:
        """``settings``: what is selected of what is ``configured``."""
        self.settings, self.config, self.store_folder = settings, pytest_config, store
        worker = getattr(pytest_config, "workerinput", None)
        self.is_worker = worker is not None
        self.is_distributed = getattr(pytest_config.option, "dist", "no") != "no"
        self.run: str = worker["imgcls_run"] if worker else uuid.uuid4().hex
        self.needed: dict[str, list[str]] = {}
        self.pending: Counter[str] = Counter()
        self.verdicts: dict[tuple[str, str], list[Verdict]] = {}
        self.shelves: dict[str, Shelf] = {}
        self.started = self.finished = False
        self.measuring = Measuring(settings, pytest_config, self.shelf_on)
        self.pinning = Pinning(settings, configured, pytest_config)

    @classmethod
    def from_pytest(cls, config: pytest.Config, files: Sequence[Path]) -> Harness:
        """The state that options and configuration ask for. Raises ConfigError, UsageError."""
        configured = configuration.load(files)
        settings = configuration.select(
            configured,
            _names(config.getoption("--imgcls-models")),
            _names(config.getoption("--imgcls-datasets")),
        )
        settings = configuration.with_margins(settings, config.getoption("--imgcls-compare-fail"))
        option = config.getoption("--imgcls-store")
        store = config.invocation_params.dir / option if option else config.rootpath / ".imgcls"
        store = None if option == "off" else store
        harness = cls(settings, configured, config, store)
        for name in ("--imgcls-json", "--imgcls-save"):
            if file := harness.file(name):
                configuration.check_writable(file)
        if store is None and harness.is_distributed:
            raise pytest.UsageError("--imgcls-store off and xdist do not go together: workers meet in the store")
        if store is None and config.getoption("--imgcls-trust-mtime"):
            raise pytest.UsageError(
                "--imgcls-trust-mtime and --imgcls-store off do not go together: the hashes of files are in the store"
            )
        if config.getoption("--imgcls-compare-fail") and not config.getoption("--imgcls-baseline"):
            raise pytest.UsageError("--imgcls-compare-fail needs something to compare with: --imgcls-baseline FILE")
        configuration.select(settings, config.getoption("--imgcls-profile") or None, None)
        if not (harness.is_worker or config.option.collectonly or config.option.help):
            harness.baseline  # noqa: B018 - a baseline that cannot be read is told before anything is scored
        return harness

    def file(self, option: str) -> Path | None:
        """The file that an option names, from where pytest was started."""
        value = self.config.getoption(option)
        return self.config.invocation_params.dir / value if value else None

    # What tests ask for.

    @cached_property
    def baseline(self) -> Baseline | None:
        """The run to compare with, where one was asked for. Raises ConfigError."""
        named = self.config.getoption("--imgcls-baseline")
        if named is None:
            return None
        from imgcls import baseline

        file = baseline.locate(named, self.config.invocation_params.dir, self.store_folder)
        common = self.config.getoption("--imgcls-compare-common")
        return baseline.Baseline(file, self.settings.margins, common=common)

    @cached_property
    def store(self) -> Store:
        from imgcls.store import Store

        return Store(self.store_folder)

    @cached_property
    def shelf(self) -> Shelf:
        return self.shelf_on(self.config.getoption("--imgcls-device") or "cpu")

    @property
    def plain_shelf(self) -> Shelf:
        """The models as their goldens pin them."""
        from imgcls.models import Shelf

        plain = {name: replace(spec, runtime="eager", decode="exact") for name, spec in self.settings.models.items()}
        device = self.shelf.device
        return self.shelves.setdefault(f"{device}, plain", Shelf(plain, device))

    def shelf_on(self, device: str) -> Shelf:
        """The models that are loaded on a device."""
        from imgcls.models import Shelf

        return self.shelves.setdefault(device, Shelf(self.settings.models, device, self.store.artefacts))

    def dataset_outcome(self, model: str, dataset: str) -> DatasetOutcome:
        """What was learnt of a data set; the first call for it scores it with every model that needs it."""
        from imgcls import run, trusted

        known = self.store.outcome(self.run, dataset)
        if known is None or model not in {pair.scores.model for pair in known.pairs}:
            names, spec = self.needed.get(dataset, [model]), self.settings.datasets[dataset]
            find = partial(trusted.listing, self.store) if self.config.getoption("--imgcls-trust-mtime") else None
            with self._progress() as progress:
                known = run.score(self.run, spec, names, self.shelf, self.store, progress, find)
        return known

    def plain_pair(self, model: str, dataset: DatasetSpec) -> Pair:
        """The model on the data set without what makes it faster: on eager, from exact pixels. Raises ImgclsError."""
        from imgcls import run, runtimes

        whole = self.dataset_outcome(model, dataset.name)
        spec, facts = self.settings.models[model], whole.pair(model).facts
        scored = facts.runtime if facts else "eager"
        if spec.decode == "exact" and {scored, runtimes.of(spec)} <= runtimes.PLAIN:
            return Pair(self.run, self.store, self.shelf, dataset, whole, model)
        number = f"{self.run}-{model}"
        with self._progress() as progress:
            plain = run.score(number, dataset, [model], self.plain_shelf, self.store, progress)
        return Pair(number, self.store, self.plain_shelf, dataset, plain, model)

    def outcome(self, model: str, dataset: str) -> PairOutcome:
        """One pair's counts, or why there are none."""
        try:
            return self.dataset_outcome(model, dataset).pair(model)
        except ImgclsError as error:
            return PairOutcome(Scores(model, dataset), failure=Failure(error.exit_code, str(error)))

    def judge(self, scores: Scores) -> tuple[Verdict, ...] | None:
        """What thresholds and baseline say of a pair; None where there are neither."""
        gate = self.settings.gates.get((scores.model, scores.dataset))
        verdicts = gates.evaluate(gate, PairOutcome(scores)) if gate else ()
        try:
            return verdicts + self._compared(scores) if gate or self.baseline else None
        except ImgclsError as error:
            return (*verdicts, Verdict("comparable", "error", str(error)))

    def _compared(self, scores: Scores) -> tuple[Verdict, ...]:
        if self.baseline is None:
            return ()
        outcome = self.store.outcome(self.run, scores.dataset)
        if outcome is None or scores.model not in {pair.scores.model for pair in outcome.pairs}:
            raise ModelError(f"{scores.model} on {scores.dataset} was not scored in this run")
        return self.baseline.verdicts(self.store, self.run, outcome, scores.model)

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        """A bar on the terminal, past pytest's capturing; workers have none and leave word in the store."""
        from imgcls import progress

        if self.is_worker:
            yield partial(self.store.tell, self.run)
            return
        with self._uncaptured(), progress.shown(sys.stderr) as told:
            yield told

    def _uncaptured(self) -> AbstractContextManager[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        return capture.global_and_fixture_disabled() if capture else nullcontext()

    def fixtures(self) -> ModuleType:
        """The fixtures, whose parameters come from this configuration."""
        handles = [ModelHandle(name, spec, self) for name, spec in self.settings.models.items()]

        @pytest.fixture(scope="session", params=handles, ids=lambda handle: handle.name)
        def model(request: pytest.FixtureRequest) -> ModelHandle:
            """A handle on each configured model: ``name``, ``spec`` and ``load()``."""
            handle: ModelHandle = request.param
            return handle

        @pytest.fixture(scope="session", params=self.settings.datasets.values(), ids=lambda spec: spec.name)
        def dataset(request: pytest.FixtureRequest) -> DatasetSpec:
            """The specification of each configured data set."""
            spec: DatasetSpec = request.param
            return spec

        @pytest.fixture
        def scores(request: pytest.FixtureRequest, model: ModelHandle, dataset: DatasetSpec) -> Scores:
            """The counts of the model on the data set; the data set is walked over once for all tests."""
            _require_ours("scores", model, dataset)
            outcome = self.outcome(model.name, dataset.name)
            request.node.stash[OUTCOME] = outcome
            if request.node.stash.get(CALLED, False):
                _require_scores(request.node)
            return outcome.scores

        @pytest.fixture
        def golden(request: pytest.FixtureRequest, model: ModelHandle, dataset: DatasetSpec) -> PinnedAnswers:
            """The pinned answers of the model on the data set: ``golden.check()``."""
            _require_ours("golden", model, dataset)
            return PinnedAnswers(self, request.node, model.name, dataset)

        @pytest.fixture
        def gates(request: pytest.FixtureRequest) -> Gates:
            """The configured thresholds: ``gates.check(scores)``, and the same for time and memory."""
            return Gates(self, request.node)

        holder = ModuleType("imgcls.fixtures")
        vars(holder).update(model=model, dataset=dataset, scores=scores, golden=golden, gates=gates)
        return holder

    # pytest's hooks.

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Every xdist worker belongs to this run."""
        node.workerinput["imgcls_run"] = self.run

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """A document is written where tests were run, and is complete where they ran to the end."""
        self.started = not session.config.option.collectonly
        with self._workers_progress():
            result = yield
        self.finished = True
        return result

    @contextmanager
    def _workers_progress(self) -> Iterator[None]:
        """With xdist, the controller draws what its workers leave word of."""
        if self.is_worker or not (self.is_distributed and self.store_folder):
            yield
            return
        from imgcls import progress
        from imgcls.store import told

        read = partial(told, self.store_folder, self.run)
        with self._uncaptured(), progress.lines(sys.stderr) as tell, progress.followed(read, tell):
            yield

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the pairs that the configuration leaves out, and goldens of data sets that have none."""
        pairs, pinned = set(self.settings.pairs()), set(pinned_pairs(self.settings))
        self.pinning.collect((item, *pair) for item in items if _is_pinned(item) and (pair := _pair(item)))
        left_out = [
            item for item in items if (pair := _pair(item)) and pair not in (pinned if _is_pinned(item) else pairs)
        ]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if pair := _pair(item):
                model, dataset = pair
                names = self.needed.setdefault(dataset, [])
                names += [model] if model not in names else []
            if handle := _parameter(item, ModelHandle):
                self.pending[handle.name] += 1
        if self.needed:
            with suppress(StoreError):  # the tests that need the store will say so
                self.store.plan(self.run, [(name, data) for data, names in self.needed.items() for name in names])

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Item) -> None:
        """A test whose scores could not be had fails, with the reason instead of its body."""
        pyfuncitem.stash[CALLED] = True
        _require_scores(pyfuncitem)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        handle = _parameter(item, ModelHandle)
        if handle:
            self.pending[handle.name] -= 1
            if not self.pending[handle.name]:
                for shelf in self.shelves.values():
                    shelf.release(handle.name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY:
                said = json.loads(str(value))
                self.verdicts[said["model"], said["dataset"]] = [Verdict(**v) for v in said["verdicts"]]

    def pytest_unconfigure(self) -> None:
        """What this run left for its summary is not needed any more."""
        if "store" in vars(self):
            with closing(self.store), suppress(StoreError):  # what a lost store would forget is lost
                if not self.is_worker:
                    for number in (self.run, *(f"{self.run}-{model}" for model in self.settings.models)):
                        self.store.forget(number)


def _names(option: str | None) -> list[str] | None:
    return None if option is None else [name.strip() for name in option.split(",")]


def _parameter(item: pytest.Item, kind: type[T]) -> T | None:
    """The item's fixture parameter of this type; a ``model`` fixture of somebody else's has another one."""
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec else ()
    return next((value for value in values if isinstance(value, kind)), None)


def _require_ours(fixture: str, model: object, dataset: object) -> None:
    if not (isinstance(model, ModelHandle) and isinstance(dataset, DatasetSpec)):
        pytest.fail(f"`{fixture}` goes with imgcls's own `model` and `dataset`, and here one is another", pytrace=False)


def _is_pinned(item: pytest.Item) -> bool:
    """Whether a test asks for our ``golden``, and not for a fixture of somebody else's of this name."""
    fixtures: Any = getattr(item, "_fixtureinfo", None)
    definitions: Any = fixtures.name2fixturedefs.get("golden") if fixtures else None
    return bool(definitions) and definitions[-1].func.__module__ == __name__


def _pair(item: pytest.Item) -> tuple[str, str] | None:
    """The model and the data set that an item is about, where it is about our fixtures."""
    handle, spec = _parameter(item, ModelHandle), _parameter(item, DatasetSpec)
    return (handle.name, spec.name) if handle and spec else None
