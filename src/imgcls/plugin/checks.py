"""What the plugin's fixtures give: scores, and the objects that fail a test unless something holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from imgcls.errors import ImgclsError, InconclusiveWarning
from imgcls.gates import accuracy
from imgcls.plugin import properties
from imgcls.plugin.items import CALLED, OUTCOME, ModelHandle, once
from imgcls.records.evaluation import PairOutcome, Scores, Verdict
from imgcls.records.performance import Latency, Memory
from imgcls.reporting.ci import junit, runner_log
from imgcls.session.events import PairJudged
from imgcls.stats import units
from imgcls.system import devices, machine

if TYPE_CHECKING:
    from imgcls.plugin.goldens import GoldenSession
    from imgcls.plugin.projects import Project
    from imgcls.records.config import DatasetSpec
    from imgcls.session.session import Session


class Gates:
    """What the ``gates`` fixture gives: the thresholds of the configuration."""

    def __init__(self, project: Project, item: pytest.Item) -> None:
        self._project, self._item = project, item

    def check(self, measured: Scores | Latency | Memory) -> None:
        """Fail the test unless every gate on what was measured is shown to hold.

        Scores are compared with the baseline as well, where there is one. Scores without any gate are a skip that
        states what was measured; time and memory without a limit are held against what needs none.
        """
        match measured:
            case Scores():
                self._check_scores(measured)
            case Latency() | Memory():
                self._project.costs.check(self._item, measured)
            case _:
                pytest.fail(
                    "gates.check takes what `imgcls_scores`, `imgcls_latency` or `imgcls_memory` measured, "
                    f"and here it is a {type(measured).__name__}",
                    pytrace=False,
                )

    def _check_scores(self, scores: Scores) -> None:
        session = self._project.session
        try:
            verdicts = session.judge(PairOutcome(scores))
        except ImgclsError as error:
            verdicts = (Verdict("comparable", None, "comparable", "error", str(error)),)
        if not verdicts:
            pytest.skip(
                f"no gate for {scores.model} on {scores.dataset}: "
                f"top1 {scores.counted.top1:.4f}, top5 {scores.counted.top5:.4f} of {units.total(scores)}"
            )
        report_verdicts(session, self._item, scores, verdicts)


class GoldenPredictions:
    """What the ``golden`` fixture gives: the predictions of a model on a dataset, as their record holds them."""

    def __init__(self, goldens: GoldenSession, item: pytest.Item, model: str, dataset: DatasetSpec) -> None:
        self._goldens, self._item, self._model, self._dataset = goldens, item, model, dataset

    def check(self) -> None:
        """Fail the test unless predictions are those of the record; with ``--imgcls-update-golden``, write it."""
        self._goldens.check(self._item, self._model, self._dataset)


def scores(item: pytest.Item, model: ModelHandle, dataset: DatasetSpec) -> Scores:
    """The scores of a pair, which the test keeps, so that it fails where they are not available."""
    outcome = model.session.outcome(model.name, dataset.name)
    item.stash[OUTCOME] = outcome
    if not model.session.options.shard:
        properties.add(item, junit.of_scores(outcome.scores))
    if item.stash.get(CALLED, False):
        require_scores(model.session, item)
    return outcome.scores


def require_scores(session: Session, item: pytest.Item) -> None:
    """Fail the test where its scores are not available."""
    outcome = item.stash.get(OUTCOME, None)
    if outcome and outcome.failure:
        if verdicts := session.judge(outcome):
            _report(item, outcome.scores, verdicts)
        message = outcome.failure.message
        pytest.fail(once(item, message, message), pytrace=False)
    if outcome and session.options.shard:
        pytest.skip(f"{session.options.shard}: its images are scored, and gates are evaluated by the whole run")


def report_verdicts(session: Session, item: pytest.Item, scores: Scores, verdicts: tuple[Verdict, ...]) -> None:
    """Put the verdicts into the test's report, and fail the test where one does not hold."""
    properties.add(item, _compared(session, scores))
    _report(item, scores, verdicts)
    inconclusive = session.options.inconclusive
    if failed := [verdict.message for verdict in verdicts if not accuracy.holds(verdict, inconclusive)]:
        pytest.fail("\n".join(failed), pytrace=False)
    for verdict in verdicts:
        if verdict.status != "pass":
            _warn(item, verdict)


def _report(item: pytest.Item, scores: Scores, verdicts: tuple[Verdict, ...]) -> None:
    properties.report(item, PairJudged(scores.model, scores.dataset, verdicts), junit.of_verdicts(verdicts))


def _compared(session: Session, scores: Scores) -> dict[str, junit.Figure]:
    """The figures of a pair against the baseline; none where nothing was compared."""
    pair = (scores.model, scores.dataset)
    if session.baseline is None or pair in session.new_pairs:
        return {}
    with suppress(ImgclsError):  # the verdict is about it
        return junit.of_comparison(session.comparison(session.baseline, *pair))
    return {}


def _warn(item: pytest.Item, verdict: Verdict) -> None:
    """Where a project makes errors of warnings, this one is a failure in one line."""
    try:
        item.warn(InconclusiveWarning(runner_log.inert_lines(verdict.message)))
    except InconclusiveWarning as error:
        pytest.fail(f"{error} (a warning, which filterwarnings makes an error)", pytrace=False)


def device(config: pytest.Config, name: str) -> str:
    """A device that is there; a test of one that is not is skipped."""
    if name == "mps" and not devices.of(name).is_available():
        pytest.skip("mps: torch sees no device")
    requested = config.getoption("--imgcls-device")
    if name not in (*machine.devices(requested), "mps"):
        why = f"--imgcls-device is {requested}" if requested else "torch sees no device; imgcls doctor states why"
        pytest.skip(f"{name}: {why}")
    return name


def require_benchmark(benchmark: Any) -> None:
    """Fail the test where ``benchmark`` is not the fixture of pytest-benchmark, which times models."""
    from pytest_benchmark.fixture import BenchmarkFixture

    if not isinstance(benchmark, BenchmarkFixture):
        kind = f"{type(benchmark).__module__}.{type(benchmark).__qualname__}"
        pytest.fail(
            f"`latency` times under pytest-benchmark, and here `benchmark` is a {kind}: "
            "run this test without the plugin or the fixture that took its place",
            pytrace=False,
        )


def only_once(time: Callable[..., Latency]) -> Callable[..., Latency]:
    """The same function for one call: pytest-benchmark keeps one timing of each test."""
    calls: list[object] = []

    def timed(*arguments: Any, **keywords: Any) -> Latency:
        if calls:
            pytest.fail("latency() was called twice: a test has one timing, so write a test for each", pytrace=False)
        calls.append(arguments)
        return time(*arguments, **keywords)

    return timed
