"""imgcls.evaluation.preparation: a model is prepared from what the store has, and loaded where that lacks something."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conftest import Project
from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.errors import LabelError, ModelError
from imgcls.evaluation import evaluator
from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.preparation import Preparation
from imgcls.evaluation.state import DatasetState, ModelState
from imgcls.models import loader
from imgcls.models.pool import ModelPool
from imgcls.store.database import Store
from networks import RESNET_ON_COLOURS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    with closing(Store(tmp_path / "store")) as opened:
        yield opened


def _prepared(folder: Path, store: Store) -> ModelState:
    settings = configuration.load([folder / "imgcls.toml"])
    pool, dataset = ModelPool(settings.models, "cpu"), settings.datasets["colours"]
    state = DatasetState(dataset, ["resnet"])
    state.list(datasets.list_images(dataset))
    return Preparation(state, Decoding(dataset), pool, store).prepared(pool.known("resnet", store))


def test_a_model_is_loaded_only_where_predictions_are_missing(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runtime, its key and the number of its outputs are known from the store once it was scored."""
    project.configure(RESNET_ON_COLOURS)
    settings = configuration.load([project.folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    outcome = evaluator.evaluate("run", settings.datasets["colours"], ["resnet"], pool, store, lambda *_: None)

    def broken(*_: object) -> None:
        raise RuntimeError("it was loaded")

    monkeypatch.setattr(loader, "load", broken)
    state = _prepared(project.folder, store)
    assert (state.key, state.outputs, state.load_seconds) == (outcome.pairs[0].prediction_key, 3, 0.0)
    assert (state.info, state.choice) == (outcome.pairs[0].facts, outcome.pairs[0].choice)
    with pytest.raises(ModelError, match="it was loaded"):
        state.load()


def test_classes_that_do_not_match_are_named_without_loading(project: Project, store: Store) -> None:
    """With the models that a map of classes would be for, as if the network had been loaded."""
    project.configure(RESNET_ON_COLOURS)
    for _ in range(2):
        _prepared(project.folder, store)
    (project.folder / "colours" / "red").rename(project.folder / "colours" / "crimson")
    with pytest.raises(LabelError, match="crimson"):
        _prepared(project.folder, store)
