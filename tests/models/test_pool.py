"""imgcls.models.pool: models are loaded once, at the first request, and released."""

import gc
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from imgcls.errors import WeightsMissing
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.models.pool import ModelPool
from imgcls.records.config import ModelSpec
from networks import RESNET, make_spec

pytestmark = pytest.mark.usefixtures("one_thread", "own_caches")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded, in order."""
    names: list[str] = []
    load = loader.load

    def counting(spec: ModelSpec, device: str, artefacts: Path | None = None) -> Model:
        names.append(spec.name)
        return load(spec, device, artefacts)

    monkeypatch.setattr(loader, "load", counting)
    return names


def test_the_pool_loads_once(resnet_file: Path, loaded: list[str]) -> None:
    """A model is loaded at the first request, and is the same object from then on."""
    pool = ModelPool(
        {name: replace(make_spec(RESNET, weights=resnet_file), name=name) for name in ("one", "two")}, "cpu"
    )
    assert loaded == []
    assert pool.get("one") is pool.get("one")
    assert (pool.get("two").spec.name, loaded) == ("two", ["one", "two"])


def test_the_pool_remembers_failures(resnet_file: Path, tmp_path: Path, loaded: list[str]) -> None:
    """A model that failed to load fails alike at the next request, and is tried again after its release."""
    pool = ModelPool({"net": make_spec(RESNET, weights=tmp_path / "own.safetensors")}, "cpu")
    with pytest.raises(WeightsMissing, match="no weights file") as first:
        pool.get("net")
    shutil.copy(resnet_file, tmp_path / "own.safetensors")
    with pytest.raises(WeightsMissing, match="no weights file") as second:
        pool.get("net")
    assert (first.value is second.value, loaded) == (True, ["net"])
    pool.release("net")
    assert (pool.get("net").spec.name, loaded) == ("net", ["net", "net"])


def test_the_pool_lets_go(resnet_file: Path, loaded: list[str]) -> None:
    """A released model's memory is free, and the next request loads it again; releasing nothing is not an error."""
    pool = ModelPool({"net": make_spec(RESNET, weights=resnet_file)}, "cpu")
    pool.release("net")
    network = weakref.ref(getattr(pool.get("net").classifier, "module"))  # noqa: B009 - the protocol has no module
    pool.release("net")
    gc.collect()
    assert network() is None
    assert (pool.get("net").spec.name, loaded) == ("net", ["net", "net"])
