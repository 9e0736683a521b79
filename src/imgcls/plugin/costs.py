"""What a model costs, as the plugin's tests measure it, and how that is held against limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import pytest

from imgcls.config import thresholds
from imgcls.errors import ConfigError, ImgclsError
from imgcls.gates import cost
from imgcls.models.runtimes import base as runtimes
from imgcls.records.config import LatencyGate, MemoryGate
from imgcls.records.evaluation import Verdict
from imgcls.records.performance import Latency, Memory, Profile, Scenario
from imgcls.session import events
from imgcls.session.events import LatencyMeasured, LimitsJudged, MemoryMeasured
from imgcls.session.session import Session
from imgcls.system import machine

if TYPE_CHECKING:
    from imgcls.performance.stopwatch import Stopwatch, Timed


class CostSession:
    """What one pytest session measures in addition to accuracy."""

    def __init__(self, session: Session, config: pytest.Config) -> None:
        self.session, self.config = session, config

    def measurable(self, model: Any, device: str) -> str:
        """The model's name, where it can be measured there; a ``model`` fixture of somebody else has none."""
        name = str(getattr(model, "name", None))
        if name not in self.session.settings.models:
            pytest.fail("`latency` and `memory` go with imgcls's own `model`, and here it is another", pytrace=False)
        if not self._runs_on(name, device):
            pytest.skip(f"{device}: {name} runs on the CPU only")
        return name

    def _runs_on(self, name: str, device: str) -> bool:
        """Whether a model is measured there: on a device that was requested, or on one that its runtime knows."""
        return bool(self.session.options.device) or runtimes.runs_on(self.session.settings.models[name], device)

    def time(
        self,
        item: pytest.Item,
        benchmark: Any,
        name: str,
        device: str,
        scenario: Scenario = "SingleStream",
        *,
        batch: int | None = None,
    ) -> Latency:
        """Time a model under pytest-benchmark."""
        if not benchmark.enabled or hasattr(self.config, "workerinput"):  # older versions leave workers of xdist on
            pytest.skip("benchmarks are switched off (by --benchmark-disable or by xdist): nothing was timed")
        if scenario not in get_args(Scenario):
            pytest.fail(f"latency({scenario!r}): a scenario is one of {', '.join(get_args(Scenario))}", pytrace=False)
        _require_batch(batch)
        from imgcls.performance import latency

        benchmark.params = {key: _plain(value) for key, value in (benchmark.params or {}).items()}
        seconds = max(latency.SECONDS, float(self.config.getoption("benchmark_max_time")))
        try:
            loaded = self.session.pool(device).get(name)
            measured = latency.measure(loaded, scenario, batch, seconds=seconds, timer=partial(_timed_by, benchmark))
        except ImgclsError as error:
            pytest.fail(str(error), pytrace=False)
        benchmark.extra_info.update(extra_info(measured))
        _report(item, LatencyMeasured(replace(measured, rounds_ns=())))
        return measured

    def measure_memory(self, item: pytest.Item, name: str, device: str, *, batch: int = 1) -> Memory:
        """Measure a model in a process of its own."""
        _require_batch(batch)
        from imgcls.performance import memory

        spec, folder = self.session.settings.models[name], self.session.options.memray_dir
        try:
            measured = memory.measure(spec, device, batch, memray_dir=folder)
        except ImgclsError as error:
            pytest.fail(str(error), pytrace=False)
        _report(item, MemoryMeasured(measured))
        return measured

    def check(self, item: pytest.Item, measured: Latency | Memory) -> None:
        """Fail the test unless every limit of the configuration and of its marker holds.

        Without a limit there is still what every measurement has to show: that the predictions are those of scoring,
        and that memory does not grow.
        """
        try:
            verdicts = self._judged(item, measured)
        except ConfigError as error:
            pytest.fail(str(error), pytrace=False)
        _report(item, LimitsJudged(cost.kind_of(measured), measured.conditions.model, verdicts))
        if failed := [verdict.message for verdict in verdicts if verdict.status != "pass"]:
            pytest.fail("\n".join(failed), pytrace=False)

    def _judged(self, item: pytest.Item, measured: Latency | Memory) -> tuple[Verdict, ...]:
        """The limits of the configuration are about the device that models are scored on."""
        marker = item.get_closest_marker(cost.kind_of(measured))
        given = marker.kwargs if marker else {}
        where = f"{item.nodeid}: @pytest.mark.{cost.kind_of(measured)}"
        settings, name = self.session.settings, measured.conditions.model
        gated = measured.conditions.device == self.session.options.scoring_device
        if isinstance(measured, Latency):
            of_marker = thresholds.latency_gate(where, given) if given else LatencyGate()
            configured = settings.latency.get(name) if gated else None
            return cost.latency(cost.merged_limits(of_marker, configured or LatencyGate()), measured)
        memory_of_marker = thresholds.memory_gate(where, given) if given else MemoryGate()
        memory_configured = settings.memory.get(name) if gated else None
        return cost.memory(cost.merged_limits(memory_of_marker, memory_configured or MemoryGate()), measured)

    def errors(self) -> Iterator[str]:
        """What ``--benchmark-compare`` could not do: pytest-benchmark only warns of it, or less."""
        session = self.config.pluginmanager.getplugin("pytest-benchmark")
        if session is None or not session.compare:
            return
        if session.disabled:
            yield "FAILED --benchmark-compare: benchmarks are switched off (by --benchmark-disable or by xdist)"
        elif not session.compared_mapping:
            yield (
                f"FAILED --benchmark-compare: nothing is saved in {session.storage}; "
                "run with --benchmark-autosave where the model is as it should stay"
            )
        elif not _has_common_benchmark(session):
            saved = ", ".join(str(path) for path in session.compared_mapping)
            yield f"FAILED --benchmark-compare: no benchmark of this run is in {saved}"

    def profiles(self, name: str) -> Iterator[Profile]:
        """The operators of a model on each device that it is measured on. Raises ImgclsError."""
        from imgcls.performance import profiler

        for device in machine.devices(self.session.options.device):
            if self._runs_on(name, device):
                yield profiler.profile(self.session.pool(device).get(name))


def extra_info(measured: Latency) -> dict[str, Any]:
    """What pytest-benchmark keeps with a benchmark: every figure and condition by its own name."""
    values = asdict(measured)
    return {**values.pop("conditions"), **values}


def _report(item: pytest.Item, event: events.Event) -> None:
    item.user_properties.append((events.PROPERTY, events.encode(event)))


def _require_batch(batch: int | None) -> None:
    if batch is not None and (type(batch) is not int or batch < 1):
        pytest.fail(f"batch = {batch!r}: a batch is a whole number of images above 0", pytrace=False)


def _timed_by(benchmark: Any, timed: Timed, watch: Stopwatch, rounds: int) -> Sequence[int]:
    """Let pytest-benchmark call and time."""
    benchmark.pedantic(timed, setup=watch.synchronize, teardown=watch.settle, rounds=rounds)
    return [round(seconds * 1e9) for seconds in benchmark.stats.stats.data]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else str(value)


def _has_common_benchmark(session: Any) -> bool:
    """Whether a benchmark that was run is among the saved ones."""
    run = {benchmark.fullname for benchmark in session.benchmarks}
    return any(run & saved.keys() for saved in session.compared_mapping.values())
