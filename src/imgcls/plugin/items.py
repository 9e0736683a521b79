"""What the plugin knows of pytest's items: which model and dataset a test is about, and whether that is ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from imgcls.records.config import DatasetSpec, ModelSpec
from imgcls.records.evaluation import PairOutcome
from imgcls.session.session import Session

if TYPE_CHECKING:
    from imgcls.models.model import Model

T = TypeVar("T")

OUTCOME = pytest.StashKey[PairOutcome]()
CALLED = pytest.StashKey[bool]()

GOLDEN_MARK = "imgcls_golden"
"""The attribute of our ``golden`` fixture function; fixtures of others with that name have none."""


@dataclass(frozen=True)
class ModelHandle:
    """What the ``model`` fixture gives: the name and the specification, and the network on demand."""

    name: str
    spec: ModelSpec
    session: Session

    def __str__(self) -> str:
        return self.name

    def load(self) -> Model:
        """The loaded model, the same object for every test; it is released when no collected test needs it.

        Raises what :func:`imgcls.models.loader.load` raises.
        """
        return self.session.pool().get(self.name)


def parameter_of(item: pytest.Item, kind: type[T]) -> T | None:
    """The item's fixture parameter of this type; a ``model`` fixture of somebody else has another one."""
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec else ()
    return next((value for value in values if isinstance(value, kind)), None)


def pair_of(item: pytest.Item) -> tuple[str, str] | None:
    """The model and the dataset that an item is about, where it is about our fixtures."""
    handle, spec = parameter_of(item, ModelHandle), parameter_of(item, DatasetSpec)
    return (handle.name, spec.name) if handle and spec else None


def is_golden_test(item: pytest.Item) -> bool:
    """Whether a test requests our ``golden``, and not a fixture of somebody else with this name."""
    fixtures: Any = getattr(item, "_fixtureinfo", None)
    definitions: Any = fixtures.name2fixturedefs.get("golden") if fixtures else None
    return bool(definitions) and hasattr(definitions[-1].func, GOLDEN_MARK)


def require_ours(fixture: str, model: object, dataset: object) -> None:
    """Fail the test where ``fixture`` is combined with a ``model`` or ``dataset`` fixture of somebody else."""
    if not (isinstance(model, ModelHandle) and isinstance(dataset, DatasetSpec)):
        pytest.fail(f"`{fixture}` goes with imgcls's own `model` and `dataset`, and here one is another", pytrace=False)
