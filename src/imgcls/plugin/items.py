"""What the plugin knows of pytest's items: which model and dataset a test is about, and whether that is ours."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_args

import pytest

from imgcls.plugin import OURS, PREFIX
from imgcls.session.required import Target, latency_target, parity_target, serving_target

if TYPE_CHECKING:
    from imgcls.models.model import Model
    from imgcls.records.config import DatasetSpec, ExportSpec, ModelSpec, Settings
    from imgcls.records.evaluation import PairOutcome
    from imgcls.session.session import Session

T = TypeVar("T")

OUTCOME: pytest.StashKey[PairOutcome] = pytest.StashKey()
CALLED = pytest.StashKey[bool]()
FIRST_FAILED = pytest.StashKey[dict[str, str]]()


class Owner(Protocol):
    """What a handle needs of its configuration: the session that tests run in."""

    @property
    def session(self) -> Session: ...


@dataclass(frozen=True, eq=False)
class ModelHandle:
    """What the ``model`` fixture gives: the name and the specification, and the network on demand.

    Reporters know a test by the ``repr`` of its parameters, so that is the name.
    """

    name: str
    spec: ModelSpec
    owner: Owner

    def __repr__(self) -> str:
        return self.name

    @property
    def session(self) -> Session:
        return self.owner.session

    def load(self) -> Model:
        """The loaded model, the same object for every test; it is released when no collected test needs it.

        Raises what :func:`imgcls.models.loader.load` raises.
        """
        return self.session.pool().get(self.name)


@dataclass(frozen=True, eq=False)
class DatasetHandle:
    """A configured dataset as the parameter of a test."""

    name: str
    spec: DatasetSpec

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class ExportHandle:
    """A configured export of a model as the parameter of a test."""

    model: str
    spec: ExportSpec

    @property
    def name(self) -> str:
        return f"{self.model}/{self.spec.name}"

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class ServingHandle:
    """A model that has a serving as the parameter of a test."""

    name: str

    def __repr__(self) -> str:
        return self.name


def is_ours(item: pytest.Item) -> bool:
    """Whether a test requests a fixture that only imgcls has."""
    return not OURS.isdisjoint(getattr(item, "fixturenames", ()))


def parameter_of(item: pytest.Item, kind: type[T]) -> T | None:
    """The item's fixture parameter of this type."""
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec else ()
    return next((value for value in values if isinstance(value, kind)), None)


def pair_of(item: pytest.Item) -> tuple[str, str] | None:
    """The model and the dataset that an item is about, where it is about both."""
    model, dataset = parameter_of(item, ModelHandle), parameter_of(item, DatasetHandle)
    return (model.name, dataset.name) if model and dataset else None


def targets_of(item: pytest.Item) -> set[Target]:
    """What a test evaluates, as far as its fixtures show: gates and golden records of a pair, limits of a model."""
    if parameter_of(item, ExportHandle) or parameter_of(item, ServingHandle):
        return _deployment_of(item)
    model, dataset = parameter_of(item, ModelHandle), parameter_of(item, DatasetHandle)
    requested = {name.removeprefix(PREFIX) for name in OURS.intersection(getattr(item, "fixturenames", ()))}
    if model is None:
        return set()
    targets = set()
    if dataset and {"scores", "gates"} <= requested:
        targets.add(Target("accuracy", model.name, dataset.name))
    if dataset and "golden" in requested:
        targets.add(Target("golden", model.name, dataset.name))
    return targets | (_limits_of(item, model.name, requested) if "gates" in requested else set())


def _deployment_of(item: pytest.Item) -> set[Target]:
    export, dataset, serving = (parameter_of(item, kind) for kind in (ExportHandle, DatasetHandle, ServingHandle))
    targets = {serving_target(serving.name)} if isinstance(serving, ServingHandle) else set()
    if isinstance(export, ExportHandle) and isinstance(dataset, DatasetHandle):
        targets.add(parity_target(export.model, export.spec.name, dataset.name))
    return targets


def _limits_of(item: pytest.Item, model: str, requested: Container[str]) -> set[Target]:
    """Of which device and scenario; a test without a parameter ``scenario`` may be for either."""
    parameters: Any = item.callspec.params  # type: ignore[attr-defined]  # it has a model
    device = str(parameters.get(f"{PREFIX}device"))
    targets = {Target("memory", model, device)} if "memory" in requested else set()
    if "latency" in requested:
        from imgcls.records.performance import Scenario

        given, scenarios = parameters.get("scenario"), get_args(Scenario)
        targets |= {latency_target(model, device, each) for each in ([given] if given in scenarios else scenarios)}
    return targets


def is_of_deployment(item: pytest.Item) -> bool:
    """Whether a test is about exports or serving."""
    return not {"imgcls_parity", "imgcls_serving"}.isdisjoint(getattr(item, "fixturenames", ()))


def is_unconfigured(item: pytest.Item) -> bool:
    """Whether a test is about exports or serving, and no model has any."""
    return is_of_deployment(item) and not (parameter_of(item, ExportHandle) or parameter_of(item, ServingHandle))


def is_golden_test(item: pytest.Item) -> bool:
    """Whether a test requests our golden records."""
    return "imgcls_golden" in getattr(item, "fixturenames", ())


def once(item: pytest.Item, reason: str, message: str) -> str:
    """The message of a failure; where another test failed for the same reason before, only the name of that test."""
    first = item.session.stash.setdefault(FIRST_FAILED, {}).setdefault(reason, item.nodeid)
    return message if first == item.nodeid else f"fails for the same reason as {first}"


def is_left_out_of_deployment(test: pytest.Item, settings: Settings) -> bool:
    """Whether a test of what ships is of a pair, or of a model, that is not selected."""
    export, serving = parameter_of(test, ExportHandle), parameter_of(test, ServingHandle)
    dataset = parameter_of(test, DatasetHandle)
    if export and dataset:
        return (export.model, dataset.name) not in settings.parity_pairs()
    return not (serving and serving.name in settings.models)
