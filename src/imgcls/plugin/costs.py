"""What a model costs, as the plugin's tests measure it, and how that is held against limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import pytest

from imgcls.config import thresholds
from imgcls.errors import ConfigError, ImgclsError
from imgcls.gates import accuracy, cost
from imgcls.models.runtimes import base as runtimes
from imgcls.models.weights import early
from imgcls.plugin import PREFIX, benchmark_guard, properties, terminal
from imgcls.records.performance import Latency, Memory, Profile, Scenario
from imgcls.records.thresholds import LatencyGate, MemoryGate
from imgcls.reporting import progress
from imgcls.reporting.ci import junit
from imgcls.session.events import LatencyMeasured, LimitsJudged, MemoryMeasured
from imgcls.system import machine

if TYPE_CHECKING:
    from imgcls.performance.stopwatch import Rounds, Stopwatch, Timed
    from imgcls.records.evaluation import Verdict
    from imgcls.session.session import Session


class CostSession:
    """What one pytest session measures in addition to accuracy."""

    def __init__(self, session: Session, config: pytest.Config) -> None:
        self.session, self.config = session, config
        self.guard = benchmark_guard.of(config)

    def measurable(self, model: Any, device: str) -> str:
        """The model's name, where it can be measured there; a ``model`` fixture of somebody else has none."""
        name = str(getattr(model, "name", None))
        if name not in self.session.settings.models:
            pytest.fail("`latency` and `memory` go with imgcls's own `model`, and here it is another", pytrace=False)
        if not self._runs_on(name, device):
            pytest.skip(f"{device}: {name} runs on {'the CPU' if self._runs_on(name, 'cpu') else 'a CUDA device'} only")
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
        self.guard.is_concerned = True
        if not benchmark.enabled or hasattr(self.config, "workerinput"):  # older versions leave workers of xdist on
            pytest.skip(f"timings are disabled {_by_what(self.config)}: nothing was timed")
        if scenario not in get_args(Scenario):
            pytest.fail(f"latency({scenario!r}): a scenario is one of {', '.join(get_args(Scenario))}", pytrace=False)
        _require_batch(batch)
        self._require_weights(name)
        from imgcls.performance import latency

        benchmark.params = {key.removeprefix(PREFIX): _plain(value) for key, value in (benchmark.params or {}).items()}
        seconds = max(latency.SECONDS, float(self.config.getoption("benchmark_max_time")))
        timer = partial(_timed_by, benchmark)
        try:
            with terminal.status(self.config) as say:
                with progress.waiting(say, f"loading {name}"):
                    loaded = self.session.pool(device).get(name)
                measured = latency.measure(loaded, scenario, batch, seconds=seconds, timer=timer, say=say)
        except ImgclsError as error:
            pytest.fail(str(error), pytrace=False)
        benchmark.extra_info.update(extra_info(measured))
        properties.report(item, LatencyMeasured(replace(measured, rounds_ns=())), junit.of_latency(measured))
        return measured

    def _require_weights(self, name: str) -> None:
        """Fail the test before torch is imported where the model's weights are not available."""
        if absence := early.absence(self.session.settings.models[name]):
            pytest.fail(str(absence), pytrace=False)

    def measure_memory(self, item: pytest.Item, name: str, device: str, *, batch: int = 1) -> Memory:
        """Measure a model in a process of its own."""
        _require_batch(batch)
        from imgcls.performance import memory

        spec, folder = self.session.settings.models[name], self.session.options.memray_dir
        doing = f"{name} on {device}: measuring its memory"
        try:
            with terminal.status(self.config) as say, progress.waiting(say, doing):
                measured = memory.measure(spec, device, batch, memray_dir=folder)
        except ImgclsError as error:
            pytest.fail(str(error), pytrace=False)
        properties.report(item, MemoryMeasured(measured), junit.of_memory(measured))
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
        judged = LimitsJudged(cost.kind_of(measured), measured.conditions.model, verdicts)
        properties.report(item, judged, junit.of_verdicts(verdicts))
        if failed := [verdict.message for verdict in verdicts if not accuracy.holds(verdict, "fail")]:
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
        return cost.memory(cost.merged_limits(memory_of_marker, self._memory_limits(measured)), measured)

    def _memory_limits(self, measured: Memory) -> MemoryGate:
        """The configured limits of a measurement: one for a GPU is of the GPU, wherever models are scored."""
        options, device = self.session.options, measured.conditions.device
        limits = self.session.settings.memory.get(measured.conditions.model, MemoryGate())
        measured_elsewhere = device != "cuda" and "cuda" in machine.devices(options.device)
        return MemoryGate(
            host_bytes=limits.host_bytes if device == options.scoring_device else None,
            gpu_bytes=None if measured_elsewhere else limits.gpu_bytes,
        )

    def profiles(self, name: str) -> Iterator[Profile]:
        """The operators of a model on each device that it is measured on. Raises ImgclsError."""
        from imgcls.performance import profiler

        for device in machine.devices(self.session.options.device):
            if self._runs_on(name, device):
                yield profiler.profile(self.session.pool(device).get(name))


def _by_what(config: pytest.Config) -> str:
    """The option that disabled pytest-benchmark."""
    worker = getattr(config, "workerinput", None)
    if worker or config.getoption("dist", "no") != "no":
        return f"with -n {worker['workercount']}" if worker else "with xdist"
    return "with --benchmark-disable"


def extra_info(measured: Latency) -> dict[str, Any]:
    """What pytest-benchmark keeps with a benchmark: every figure and condition by its own name."""
    values = asdict(measured)
    return {**values.pop("conditions"), **values}


def _require_batch(batch: int | None) -> None:
    if batch is not None and (type(batch) is not int or batch < 1):
        pytest.fail(f"batch = {batch!r}: a batch is a whole number of images above 0", pytrace=False)


class _OutOfTime(BaseException):
    """Ends pytest-benchmark's rounds; an Exception would make it leave the benchmark out as failed."""


def _timed_by(benchmark: Any, timed: Timed, watch: Stopwatch, rounds: Rounds) -> Sequence[int]:
    """Let pytest-benchmark call and time."""

    def setup() -> None:
        if rounds.are_over(len(watch.late_ns)):
            raise _OutOfTime
        watch.synchronize()

    with suppress(_OutOfTime):
        benchmark.pedantic(timed, setup=setup, teardown=watch.settle, rounds=rounds.most)
    return [round(seconds * 1e9) for seconds in benchmark.stats.stats.data]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else str(value)
