"""imgcls.session.prediction: images that belong to no dataset."""

from contextlib import closing
from pathlib import Path

import pytest

from conftest import Project
from imgcls.errors import ConfigError
from imgcls.models.pool import ModelPool
from imgcls.session import selection
from imgcls.session.prediction import Predictions


@pytest.fixture
def pool(importable: Project) -> ModelPool:  # noqa: ARG001 - its networks are imported
    """The project's model."""
    return ModelPool({spec.name: spec for spec in selection.requested_models([], None)}, "cpu")


def test_the_best_classes_of_files_and_folders(pool: ModelPool) -> None:
    """In the order given, each once."""
    predictions = Predictions(pool, [Path("colours/red/0001.png"), Path("colours/red")], lambda *_: None)
    with closing(predictions):
        best = list(predictions.best(1))
    assert [p.path for p in best] == [f"colours/red/000{n}.png" for n in (1, 0, 2, 3)]
    assert {p.top[0].name for p in best} == {"red"}


def test_more_than_is_stored_is_refused(pool: ModelPool) -> None:
    """Ten classes of an image are stored."""
    with (
        closing(Predictions(pool, [Path("colours")], lambda *_: None)) as predictions,
        pytest.raises(ConfigError, match="top = 11: between 1 and 10"),
    ):
        predictions.best(11)


def test_nothing_to_predict_is_an_error(pool: ModelPool, project: Project) -> None:
    """An empty folder is not an empty success."""
    (project.folder / "empty").mkdir()
    with pytest.raises(ConfigError, match="there is no image in what was given"):
        Predictions(pool, [Path("empty")], lambda *_: None)
