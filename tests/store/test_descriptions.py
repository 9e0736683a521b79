"""imgcls.store.descriptions: what is known of a model without loading it is kept, and never served damaged."""

import time

import pytest

from imgcls.records.config import InputSpec
from imgcls.records.data import LabelList
from imgcls.records.description import ModelDescription
from imgcls.records.evaluation import ModelInfo
from imgcls.store.database import Store

ABOUT = "a" * 64
INPUT = InputSpec(256, (224, 224), "center", "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
DESCRIPTION = ModelDescription(
    ModelInfo("eager", "float32", "cpu", INPUT, None, "b" * 64, 7, 0.875, 28, notes=("a note",)),
    LabelList("labels.txt", ("cat", "dog"), ("n02123045", "n02084071")),
    {"num_classes": 2},
    {"arch": "timm:net", "options": {"num_classes": 2}},
)


def test_a_description_comes_back_as_it_was(store: Store) -> None:
    """Under its own hash and no other; of two for one hash the later one counts."""
    assert store.description(ABOUT) is None
    store.put_description(ABOUT, ModelDescription(DESCRIPTION.info, DESCRIPTION.labels, {}, {}))
    store.put_description(ABOUT, DESCRIPTION)
    assert (store.description(ABOUT), store.description("c" * 64)) == (DESCRIPTION, None)
    assert store.verify() == 0


def test_a_damaged_description_is_none(store: Store) -> None:
    """The model is loaded then, and a sentence states the damage."""
    store.put_description(ABOUT, DESCRIPTION)
    store._connection.execute("update descriptions set body = cast(replace(body, 'cat', 'cow') as blob)")
    assert store.description(ABOUT) is None
    assert "(descriptions of models: 1)" in store.damage.take()[0]
    store.put_description(ABOUT, DESCRIPTION)
    assert store.description(ABOUT) == DESCRIPTION


def test_what_no_run_used_is_pruned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A description that a run reads counts as used on that day; the other one goes."""
    day, now = 24 * 3600, time.time()
    store.put_description(ABOUT, DESCRIPTION)
    store.put_description("c" * 64, DESCRIPTION)
    monkeypatch.setattr(time, "time", lambda: now + 20 * day)
    assert store.description(ABOUT) == DESCRIPTION
    monkeypatch.setattr(time, "time", lambda: now + 31 * day)
    assert store.prune(30).keys == 0
    assert store.info().rows["descriptions"] == 1
    assert store.description(ABOUT) == DESCRIPTION
    assert store.verify() == 0
