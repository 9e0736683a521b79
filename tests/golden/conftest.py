"""A model that was scored on a dataset of a small project, in this process."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from conftest import Project
from imgcls.config import loader as configuration
from imgcls.evaluation import evaluator
from imgcls.golden.check import Pair
from imgcls.models.pool import ModelPool
from imgcls.store.database import Store

Scored = Callable[[], Pair]


@pytest.fixture
def scored(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scored]:
    """The project's model scored on its images as the project is now, with a store of its own each time."""
    monkeypatch.syspath_prepend(project.folder)
    with ExitStack() as stack:

        def score() -> Pair:
            monkeypatch.delitem(sys.modules, "nets", raising=False)
            settings = configuration.load([project.folder / "imgcls.toml"])
            store, pool = stack.enter_context(closing(Store(None))), ModelPool(settings.models, "cpu")
            dataset = settings.datasets["colours"]
            outcome = evaluator.evaluate("run", dataset, ["colour"], pool, store, lambda *_: None)
            return Pair("run", store, pool, dataset, outcome, "colour")

        yield score
