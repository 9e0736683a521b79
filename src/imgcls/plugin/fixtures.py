"""The plugin's fixtures. Which models, datasets and devices a test is given is decided where tests are collected.

Each fixture requests only what nobody else defines, so a fixture of somebody else with a short name changes nothing.
This file is imported by every pytest run in an environment that has imgcls, so it imports next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from imgcls.plugin import NAMES, PREFIX, session_of

if TYPE_CHECKING:
    from imgcls.plugin.checks import Gates, GoldenPredictions
    from imgcls.plugin.deployment import Contracts, ExportParity, ModelServing
    from imgcls.plugin.items import ModelHandle
    from imgcls.plugin.projects import Project
    from imgcls.records.config import DatasetSpec
    from imgcls.records.evaluation import Scores
    from imgcls.records.performance import Latency, Memory


@pytest.fixture(scope="session")
def imgcls_model(request: pytest.FixtureRequest) -> ModelHandle:
    """A handle on each configured model: ``name``, ``spec`` and ``load()``."""
    handle: ModelHandle = _parameter(request)
    return handle


@pytest.fixture(scope="session")
def imgcls_dataset(request: pytest.FixtureRequest) -> DatasetSpec:
    """The specification of each configured dataset."""
    spec: DatasetSpec = _parameter(request).spec
    return spec


@pytest.fixture(scope="session")
def imgcls_device(request: pytest.FixtureRequest) -> str:
    """Each device that models are measured on: the requested one, or all that are available."""
    from imgcls.plugin import checks

    return checks.device(request.config, _parameter(request))


@pytest.fixture
def imgcls_scores(request: pytest.FixtureRequest, imgcls_model: ModelHandle, imgcls_dataset: DatasetSpec) -> Scores:
    """The counts of the model on the dataset; each dataset is evaluated once for all tests."""
    from imgcls.plugin import checks

    return checks.scores(request.node, imgcls_model, imgcls_dataset)


@pytest.fixture
def imgcls_golden(
    request: pytest.FixtureRequest, imgcls_model: ModelHandle, imgcls_dataset: DatasetSpec
) -> GoldenPredictions:
    """The golden record of the model on the dataset: ``golden.check()``."""
    from imgcls.plugin import checks

    return checks.GoldenPredictions(_project(request).goldens, request.node, imgcls_model.name, imgcls_dataset)


@pytest.fixture
def imgcls_gates(request: pytest.FixtureRequest) -> Gates:
    """The configured thresholds: ``gates.check(scores)``, and the same for time and memory."""
    from imgcls.plugin import checks

    return checks.Gates(_project(request), request.node)


@pytest.fixture
def imgcls_latency(
    request: pytest.FixtureRequest, benchmark: Any, imgcls_model: ModelHandle, imgcls_device: str
) -> Callable[..., Latency]:
    """``latency(scenario, batch=None)``: times the model under pytest-benchmark."""
    from imgcls.plugin import checks

    costs = _project(request).costs
    name = costs.measurable(imgcls_model, imgcls_device)
    checks.require_benchmark(benchmark)
    return checks.only_once(partial(costs.time, request.node, benchmark, name, str(imgcls_device)))


@pytest.fixture
def imgcls_memory(
    request: pytest.FixtureRequest, imgcls_model: ModelHandle, imgcls_device: str
) -> Callable[..., Memory]:
    """``memory(batch=1)``: measures the model in a process of its own."""
    if "imgcls_latency" in request.fixturenames:
        pytest.fail("time and memory are not measured in one test: each would disturb the other", pytrace=False)
    costs = _project(request).costs
    return partial(costs.measure_memory, request.node, costs.measurable(imgcls_model, imgcls_device), imgcls_device)


@pytest.fixture
def imgcls_parity(request: pytest.FixtureRequest, imgcls_dataset: DatasetSpec) -> ExportParity:
    """Each configured export on each dataset: ``parity.check()``, and ``parity.result`` for what was seen."""
    from imgcls.plugin import deployment

    return deployment.ExportParity(_project(request), request.node, _parameter(request), imgcls_dataset)


@pytest.fixture
def imgcls_serving(request: pytest.FixtureRequest) -> ModelServing:
    """The serving of each model that has one: ``serving.check()``."""
    from imgcls.plugin import deployment

    return deployment.ModelServing(_project(request), request.node, _parameter(request).name)


@pytest.fixture
def imgcls_contracts(request: pytest.FixtureRequest, imgcls_model: ModelHandle) -> Contracts:
    """What every model should keep: ``contracts.check(name)``."""
    from imgcls.plugin import deployment

    return deployment.Contracts(_project(request), request.node, imgcls_model.name)


def _project(request: pytest.FixtureRequest) -> Project:
    return session_of(request.config).project_of(request.node)


def _parameter(request: pytest.FixtureRequest) -> Any:
    """What the collection decided. A fixture that is requested by its name at run time has none."""
    if not hasattr(request, "param"):
        name = str(request.fixturename).removeprefix(PREFIX)
        raise pytest.FixtureLookupError(
            f"{PREFIX}{name}",
            request,
            f"imgcls has a {name} for tests that request it as an argument, directly or through a fixture, "
            "and for this test it has none",
        )
    return request.param


def short(names: Iterable[str]) -> ModuleType:
    """The fixtures of these short names, in a module because pytest reads fixtures from modules."""
    holder = ModuleType("imgcls.plugin.short_names")
    vars(holder).update({name: pytest.fixture(scope=_SCOPES.get(name, "function"))(_SHORT[name]) for name in names})
    return holder


def model(imgcls_model: ModelHandle) -> ModelHandle:
    """The same as ``imgcls_model``."""
    return imgcls_model


def dataset(imgcls_dataset: DatasetSpec) -> DatasetSpec:
    """The same as ``imgcls_dataset``."""
    return imgcls_dataset


def device(imgcls_device: str) -> str:
    """The same as ``imgcls_device``."""
    return imgcls_device


def golden(imgcls_golden: GoldenPredictions) -> GoldenPredictions:
    """The same as ``imgcls_golden``."""
    return imgcls_golden


def scores(imgcls_scores: Scores) -> Scores:
    """The same as ``imgcls_scores``."""
    return imgcls_scores


def gates(imgcls_gates: Gates) -> Gates:
    """The same as ``imgcls_gates``."""
    return imgcls_gates


def latency(imgcls_latency: Callable[..., Latency]) -> Callable[..., Latency]:
    """The same as ``imgcls_latency``."""
    return imgcls_latency


def memory(imgcls_memory: Callable[..., Memory]) -> Callable[..., Memory]:
    """The same as ``imgcls_memory``."""
    return imgcls_memory


def parity(imgcls_parity: ExportParity) -> ExportParity:
    """The same as ``imgcls_parity``."""
    return imgcls_parity


def serving(imgcls_serving: ModelServing) -> ModelServing:
    """The same as ``imgcls_serving``."""
    return imgcls_serving


def contracts(imgcls_contracts: Contracts) -> Contracts:
    """The same as ``imgcls_contracts``."""
    return imgcls_contracts


_SHORT: dict[str, Callable[..., Any]] = {name: globals()[name] for name in NAMES}
_SCOPES: Any = dict.fromkeys(("model", "dataset", "device"), "session")
