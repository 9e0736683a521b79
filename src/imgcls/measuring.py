"""The plugin's fixtures for what a model costs: ``device``, ``latency`` and ``memory``, and what they found.

Figures and verdicts travel in the tests' reports, so that with xdist the controller has them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec
import pytest

from imgcls import config, limits, machine, runtimes
from imgcls.errors import ConfigError, ImgclsError
from imgcls.measures import Latency, LatencyGate, Memory, MemoryGate, Profile, Scenario
from imgcls.records import Settings, Verdict

if TYPE_CHECKING:
    from imgcls.latency import Stopwatch, Timed
    from imgcls.models import Shelf

G = TypeVar("G", LatencyGate, MemoryGate)

LATENCY, MEMORY, VERDICTS = "imgcls_latency", "imgcls_memory", "imgcls_cost_verdicts"
"""The names under which figures travel in a test's report (and into JUnit XML)."""


class Measuring:
    """What one pytest session measures beside accuracy."""

    def __init__(self, settings: Settings, pytest_config: pytest.Config, shelf_on: Callable[[str], Shelf]) -> None:
        self.settings, self.config, self.shelf_on = settings, pytest_config, shelf_on
        self.latencies: list[Latency] = []
        self.memories: list[Memory] = []
        self.verdicts: list[Verdict] = []
        self.evaluated: set[tuple[str, str, str]] = set()

    def fixtures(self) -> ModuleType:
        """The fixtures, whose parameters come from this session."""
        asked = self.config.getoption("--imgcls-device")

        @pytest.fixture(scope="session", params=[asked] if asked else ["cpu", "cuda"][: 1 + machine.has_gpu()])
        def device(request: pytest.FixtureRequest) -> str:
            """Each device that models are measured on: the one that was asked for, or all that are here."""
            if request.param not in machine.devices(asked):
                pytest.skip("cuda: there is a driver, and torch sees no device")
            return str(request.param)

        @pytest.fixture
        def latency(request: pytest.FixtureRequest, benchmark: Any, model: Any, device: str) -> Callable[..., Latency]:
            """``latency(scenario, batch=None)``: times the model under pytest-benchmark; see :mod:`imgcls.latency`."""
            return partial(self._timed, request.node, benchmark, self._name(model, device), str(device))

        @pytest.fixture
        def memory(request: pytest.FixtureRequest, model: Any, device: str) -> Callable[..., Memory]:
            """``memory(batch=1)``: measures the model in a process of its own; see :mod:`imgcls.memory`."""
            if "latency" in request.fixturenames:
                pytest.fail("time and memory are not measured in one test: each would disturb the other", pytrace=False)
            return partial(self._weighed, request.node, self._name(model, device), str(device))

        holder = ModuleType("imgcls.cost_fixtures")
        vars(holder).update(device=device, latency=latency, memory=memory)
        return holder

    def _name(self, model: Any, device: str) -> str:
        """The model's name in the configuration; a ``model`` fixture of somebody else's has none."""
        name = str(getattr(model, "name", None))
        if name not in self.settings.models:
            pytest.fail("`latency` and `memory` go with imgcls's own `model`, and here it is another", pytrace=False)
        if not self._wanted(name, device):
            pytest.skip(f"{device}: {name} runs on the CPU alone")
        return name

    def _wanted(self, name: str, device: str) -> bool:
        """Whether a model is measured there: on a device that was asked for, or on one that its runtime knows."""
        return bool(self.config.getoption("--imgcls-device")) or runtimes.runs_on(self.settings.models[name], device)

    def _timed(
        self,
        item: pytest.Item,
        benchmark: Any,
        name: str,
        device: str,
        scenario: Scenario = "SingleStream",
        *,
        batch: int | None = None,
    ) -> Latency:
        if not benchmark.enabled or hasattr(self.config, "workerinput"):  # older versions leave workers of xdist on
            pytest.skip("benchmarks are switched off (by --benchmark-disable or by xdist): nothing was timed")
        if scenario not in get_args(Scenario):
            pytest.fail(f"latency({scenario!r}): a scenario is one of {', '.join(get_args(Scenario))}", pytrace=False)
        _require_pictures(batch)
        from imgcls import latency

        benchmark.params = {key: _plain(value) for key, value in (benchmark.params or {}).items()}
        seconds = max(latency.SECONDS, float(self.config.getoption("benchmark_max_time")))
        try:
            loaded = self.shelf_on(device).get(name)
            seen = latency.measure(loaded, scenario, batch, seconds=seconds, timer=partial(_by, benchmark))
        except ImgclsError as error:
            pytest.fail(str(error), pytrace=False)
        benchmark.extra_info.update(extra_info(seen))
        item.user_properties.append((LATENCY, msgspec.json.encode(replace(seen, rounds_ns=())).decode()))
        return seen

    def _weighed(self, item: pytest.Item, name: str, device: str, *, batch: int = 1) -> Memory:
        _require_pictures(batch)
        from imgcls import memory

        folder = self.config.getoption("--imgcls-memray-dir")
        kept = self.config.invocation_params.dir / folder if folder else None
        try:
            seen = memory.measure(self.settings.models[name], device, batch, memray_dir=kept)
        except ImgclsError as error:
            pytest.fail(str(error), pytrace=False)
        item.user_properties.append((MEMORY, msgspec.json.encode(seen).decode()))
        return seen

    # Gates.

    def check(self, item: pytest.Item, seen: Latency | Memory) -> None:
        """Fail the test unless every limit of the configuration and of its marker holds.

        Without a limit there is still what every measurement has to show: that the answers are those of scoring, and
        that memory does not grow.
        """
        try:
            verdicts = self._judged(item, seen)
        except ConfigError as error:
            pytest.fail(str(error), pytrace=False)
        said = {"model": seen.conditions.model, "kind": _kind(seen), "verdicts": [asdict(v) for v in verdicts]}
        item.user_properties.append((VERDICTS, msgspec.json.encode(said).decode()))
        if failed := [v.message for v in verdicts if v.status != "pass"]:
            pytest.fail("\n".join(failed), pytrace=False)

    def _judged(self, item: pytest.Item, seen: Latency | Memory) -> tuple[Verdict, ...]:
        """The limits of the configuration are about the device that models are scored on."""
        marker = item.get_closest_marker(_kind(seen))
        given = marker.kwargs if marker else {}
        where = f"{item.nodeid}: @pytest.mark.{_kind(seen)}"
        gated = seen.conditions.device == (self.config.getoption("--imgcls-device") or "cpu")
        name = seen.conditions.model
        if isinstance(seen, Latency):
            own = config.latency_gate(where, given) if given else LatencyGate()
            configured = self.settings.latency.get(name) if gated else None
            return limits.latency(_over(own, configured or LatencyGate()), seen)
        of_marker = config.memory_gate(where, given) if given else MemoryGate()
        in_file = self.settings.memory.get(name) if gated else None
        return limits.memory(_over(of_marker, in_file or MemoryGate()), seen)

    def gates(self, *, selected: bool) -> list[tuple[str, str, str]]:
        """Every limit of the configuration as (kind, model, key): those of the selected models, or of the others."""
        of_kinds: tuple[tuple[str, Mapping[str, Any]], ...] = (
            ("latency", self.settings.latency),
            ("memory", self.settings.memory),
        )
        return [
            (kind, name, field.name)
            for kind, gates in of_kinds
            for name, gate in gates.items()
            for field in fields(gate)
            if getattr(gate, field.name) is not None and (name in self.settings.models) is selected
        ]

    def unevaluated(self) -> list[str]:
        """The limits of the selected models that no test held anything against."""
        missing = [gate for gate in self.gates(selected=True) if gate not in self.evaluated]
        return [f"{kind} of {name}, {key}" for kind, name, key in missing]

    # pytest's hooks.

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """User properties stand in each of a test's three reports, and are whole in the last."""
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name == LATENCY:
                self.latencies.append(msgspec.json.decode(str(value), type=Latency))
            elif name == MEMORY:
                self.memories.append(msgspec.json.decode(str(value), type=Memory))
            elif name == VERDICTS:
                self._noted(msgspec.json.decode(str(value)))

    def _noted(self, said: Mapping[str, Any]) -> None:
        verdicts = [Verdict(**verdict) for verdict in said["verdicts"]]
        self.verdicts += verdicts
        for verdict in verdicts:
            key = verdict.check.partition(" ")[0]
            self.evaluated.add((said["kind"], said["model"], f"{key}_bytes" if said["kind"] == "memory" else key))

    def complaints(self) -> Iterator[str]:
        """What ``--benchmark-compare`` was asked for and could not do: pytest-benchmark alone warns of it, or less."""
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
        elif not _common(session):
            saved = ", ".join(str(path) for path in session.compared_mapping)
            yield f"FAILED --benchmark-compare: no benchmark of this run is in {saved}"

    def profiled(self, name: str) -> Iterator[Profile]:
        """The operators of a model on each device that it is measured on. Raises ImgclsError."""
        from imgcls import operators

        for device in machine.devices(self.config.getoption("--imgcls-device")):
            if self._wanted(name, device):
                yield operators.profile(self.shelf_on(device).get(name))


def extra_info(seen: Latency) -> dict[str, Any]:
    """What pytest-benchmark keeps with a benchmark: every figure and condition by its own name."""
    values = asdict(seen)
    return {**values.pop("conditions"), **values}


def _require_pictures(batch: int | None) -> None:
    if batch is not None and (type(batch) is not int or batch < 1):
        pytest.fail(f"batch = {batch!r}: a batch is a whole number of pictures above 0", pytrace=False)


def _by(benchmark: Any, timed: Timed, watch: Stopwatch, rounds: int) -> Sequence[int]:
    """Let pytest-benchmark call and time."""
    benchmark.pedantic(timed, setup=watch.synchronize, teardown=watch.settle, rounds=rounds)
    return [round(seconds * 1e9) for seconds in benchmark.stats.stats.data]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else str(value)


def _kind(seen: Latency | Memory) -> str:
    return "latency" if isinstance(seen, Latency) else "memory"


def _over(own: G, other: G) -> G:
    """The limits of the first, and those of the second that it does not give itself."""
    given = {f.name: value for f in fields(own) if (value := getattr(own, f.name)) is not None}
    return replace(other, **given)


def _common(session: Any) -> bool:
    """Whether a benchmark that was run is among the saved ones."""
    run = {benchmark.fullname for benchmark in session.benchmarks}
    return any(run & saved.keys() for saved in session.compared_mapping.values())
