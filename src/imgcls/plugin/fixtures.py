"""The plugin's fixtures, whose parameters come from one session's configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from imgcls.errors import ImgclsError, InconclusiveWarning
from imgcls.gates import accuracy
from imgcls.plugin.costs import CostSession
from imgcls.plugin.goldens import GoldenSession
from imgcls.plugin.items import CALLED, GOLDEN_MARK, OUTCOME, ModelHandle, require_ours
from imgcls.records.config import DatasetSpec
from imgcls.records.evaluation import PairOutcome, Scores, Verdict
from imgcls.records.performance import Latency, Memory
from imgcls.session import events
from imgcls.session.events import PairJudged
from imgcls.session.session import Session
from imgcls.system import machine


class Gates:
    """What the ``gates`` fixture gives: the thresholds of the configuration."""

    def __init__(self, session: Session, costs: CostSession, item: pytest.Item) -> None:
        self._session, self._costs, self._item = session, costs, item

    def check(self, measured: Scores | Latency | Memory) -> None:
        """Fail the test unless every gate on what was measured is shown to hold.

        Scores are compared with the baseline as well, where there is one. Scores without any gate are a skip that
        states what was measured; time and memory without a limit are held against what needs none.
        """
        if isinstance(measured, Scores):
            self._check_scores(measured)
        else:
            self._costs.check(self._item, measured)

    def _check_scores(self, scores: Scores) -> None:
        try:
            verdicts = self._session.judge(PairOutcome(scores))
        except ImgclsError as error:
            verdicts = (Verdict("comparable", None, "comparable", "error", str(error)),)
        if not verdicts:
            pytest.skip(
                f"no gate for {scores.model} on {scores.dataset}: "
                f"top1 {scores.top1:.4f}, top5 {scores.top5:.4f} of {scores.scored}"
            )
        report_verdicts(self._session, self._item, scores, verdicts)


class GoldenPredictions:
    """What the ``golden`` fixture gives: the predictions of a model on a dataset, as their record holds them."""

    def __init__(self, goldens: GoldenSession, item: pytest.Item, model: str, dataset: DatasetSpec) -> None:
        self._goldens, self._item, self._model, self._dataset = goldens, item, model, dataset

    def check(self) -> None:
        """Fail the test unless predictions are those of the record; with ``--imgcls-update-golden``, write it."""
        self._goldens.check(self._item, self._model, self._dataset)


def of_scores(session: Session, costs: CostSession, goldens: GoldenSession) -> ModuleType:
    """``model``, ``dataset``, ``scores``, ``golden`` and ``gates``."""
    handles = [ModelHandle(name, spec, session) for name, spec in session.settings.models.items()]

    @pytest.fixture(scope="session", params=handles, ids=lambda handle: handle.name)
    def model(request: pytest.FixtureRequest) -> ModelHandle:
        """A handle on each configured model: ``name``, ``spec`` and ``load()``."""
        handle: ModelHandle = request.param
        return handle

    @pytest.fixture(scope="session", params=session.settings.datasets.values(), ids=lambda spec: spec.name)
    def dataset(request: pytest.FixtureRequest) -> DatasetSpec:
        """The specification of each configured dataset."""
        spec: DatasetSpec = request.param
        return spec

    @pytest.fixture
    def scores(request: pytest.FixtureRequest, model: ModelHandle, dataset: DatasetSpec) -> Scores:
        """The counts of the model on the dataset; each dataset is evaluated once for all tests."""
        require_ours("scores", model, dataset)
        outcome = session.outcome(model.name, dataset.name)
        request.node.stash[OUTCOME] = outcome
        if request.node.stash.get(CALLED, False):
            require_scores(session, request.node)
        return outcome.scores

    def golden(request: pytest.FixtureRequest, model: ModelHandle, dataset: DatasetSpec) -> GoldenPredictions:
        """The golden record of the model on the dataset: ``golden.check()``."""
        require_ours("golden", model, dataset)
        return GoldenPredictions(goldens, request.node, model.name, dataset)

    setattr(golden, GOLDEN_MARK, True)

    @pytest.fixture
    def gates(request: pytest.FixtureRequest) -> Gates:
        """The configured thresholds: ``gates.check(scores)``, and the same for time and memory."""
        return Gates(session, costs, request.node)

    return _holder(
        "imgcls.plugin.fixtures",
        model=model, dataset=dataset, scores=scores, golden=pytest.fixture(golden), gates=gates,
    )  # fmt: skip


def of_costs(costs: CostSession) -> ModuleType:
    """``device``, ``latency`` and ``memory``."""
    requested = costs.session.options.device

    @pytest.fixture(scope="session", params=[requested] if requested else ["cpu", "cuda"][: 1 + machine.has_gpu()])
    def device(request: pytest.FixtureRequest) -> str:
        """Each device that models are measured on: the requested one, or all that are available."""
        if request.param not in machine.devices(requested):
            pytest.skip("cuda: there is a driver, and torch sees no device")
        return str(request.param)

    @pytest.fixture
    def latency(request: pytest.FixtureRequest, benchmark: Any, model: Any, device: str) -> Callable[..., Latency]:
        """``latency(scenario, batch=None)``: times the model under pytest-benchmark."""
        return partial(costs.time, request.node, benchmark, costs.measurable(model, device), str(device))

    @pytest.fixture
    def memory(request: pytest.FixtureRequest, model: Any, device: str) -> Callable[..., Memory]:
        """``memory(batch=1)``: measures the model in a process of its own."""
        if "latency" in request.fixturenames:
            pytest.fail("time and memory are not measured in one test: each would disturb the other", pytrace=False)
        return partial(costs.measure_memory, request.node, costs.measurable(model, device), str(device))

    return _holder("imgcls.plugin.cost_fixtures", device=device, latency=latency, memory=memory)


def _holder(name: str, **fixtures: Any) -> ModuleType:
    """A module, because pytest reads fixtures from modules and classes."""
    holder = ModuleType(name)
    vars(holder).update(fixtures)
    return holder


def require_scores(session: Session, item: pytest.Item) -> None:
    """Fail the test where its scores are not available."""
    outcome = item.stash.get(OUTCOME, None)
    if outcome and outcome.failure:
        if verdicts := session.judge(outcome):
            report_verdicts(session, item, outcome.scores, verdicts)
        pytest.fail(outcome.failure.message, pytrace=False)


def report_verdicts(session: Session, item: pytest.Item, scores: Scores, verdicts: tuple[Verdict, ...]) -> None:
    """Put the verdicts into the test's report, and fail the test where one does not hold."""
    item.user_properties.append((events.PROPERTY, events.encode(PairJudged(scores.model, scores.dataset, verdicts))))
    inconclusive = session.options.inconclusive
    if failed := [verdict.message for verdict in verdicts if not accuracy.holds(verdict, inconclusive)]:
        pytest.fail("\n".join(failed), pytrace=False)
    for verdict in verdicts:
        if verdict.status != "pass":
            item.warn(InconclusiveWarning(verdict.message))
