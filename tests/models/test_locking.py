"""imgcls.models.locking: what a model loads is what its lock lists, own files and configurations included."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgcls.errors import ConfigError, WeightsMissing
from imgcls.models import loader, locking
from imgcls.models.weights import model_card
from imgcls.records.config import ModelSpec
from imgcls.records.weights import LockedFile, WeightsAccess, WeightsLock
from networks import INPUT
from weights_site import COMMIT, Reply, Site

pytestmark = pytest.mark.usefixtures("no_weights")

NAME = "test_resnet.r160_in1k"
REPOSITORY = f"timm/{NAME}"
CONFIG = {"architecture": "test_resnet", "num_classes": 1000, "pretrained_cfg": {"input_size": [3, 160, 160]}}


@pytest.fixture(autouse=True)
def _cards_are_read_anew() -> None:
    """By each test from its own site."""
    model_card.licence.cache_clear()


@pytest.fixture
def hub(site: Site, hub_at: Callable[[str], None], resnet_file: Path) -> Site:
    """A hub with timm's smallest network, as timm lists it and as somebody else publishes it."""
    site.publish(REPOSITORY, "model.safetensors", resnet_file.read_bytes())
    site.publish("org/net", "model.safetensors", resnet_file.read_bytes())
    site.publish("org/net", "config.json", json.dumps(CONFIG).encode())
    card = {"_id": "1", "id": "org/net", "sha": COMMIT, "cardData": {"license": "mit"}, "siblings": []}
    site.replies[f"/api/models/org/net/revision/{COMMIT}"] = Reply(
        json.dumps(card).encode(), headers={"Content-Type": "application/json"}
    )
    hub_at(site.url)
    return site


def _spec(arch: str, lock: WeightsLock | None = None, **keys: Any) -> ModelSpec:
    return ModelSpec("net", arch, access=WeightsAccess("net", lock), **keys)


def _lock(tmp_path: Path, *entries: LockedFile) -> WeightsLock:
    return WeightsLock(tmp_path / "imgcls.lock", entries)


def test_the_file_of_a_network_of_timm(hub: Site, resnet_file: Path, tmp_path: Path) -> None:
    """With its hash, size, commit and the licence that timm states; it stays in the hub's cache."""
    [entry] = locking.entries(_spec(f"timm:{NAME}"), None)
    data = resnet_file.read_bytes()
    assert entry == LockedFile(
        "model.safetensors",
        hashlib.sha256(data).hexdigest(),
        len(data),
        repository=REPOSITORY,
        commit=COMMIT,
        licence="apache-2.0",
        licence_from="timm's configuration of the weights",
        models=("net",),
    )
    assert (tmp_path / "hub").is_dir()
    assert hub.requests


def test_a_repository_is_listed_with_its_configuration(hub: Site, tmp_path: Path) -> None:
    """In one folder, with the licence of its card; the model loads from there when the hub is gone."""
    entries = locking.entries(_spec("timm:hf-hub:org/net"), None, tmp_path / "weights")
    folder = tmp_path / "weights" / f"org--net--{COMMIT}"
    assert {entry.path for entry in entries} == {folder / "config.json", folder / "model.safetensors"}
    assert {(entry.licence, entry.licence_from) for entry in entries} == {("mit", "the model card of the repository")}
    hub.replies.clear()
    requests = len(hub.requests)
    model = loader.load(_spec("timm:hf-hub:org/net", _lock(tmp_path, *entries)), "cpu")
    assert model.info.weights_file_sha256 in {entry.sha256 for entry in entries}
    assert len(hub.requests) == requests


def test_what_a_lock_has_is_what_is_fetched(hub: Site, tmp_path: Path) -> None:
    """Another file under a listed name is not listed in its place."""
    [entry] = locking.entries(_spec(f"timm:{NAME}"), None)
    other = replace(entry, sha256="f" * 64)
    (tmp_path / "hub").rename(tmp_path / "gone")
    with pytest.raises(WeightsMissing, match="it is another file"):
        locking.entries(_spec(f"timm:{NAME}"), _lock(tmp_path, other), tmp_path / "weights")
    assert hub.requests


def test_an_own_file_is_listed_and_then_pinned(resnet_file: Path, tmp_path: Path) -> None:
    """It loads while its bytes are those that the lock saw, and with a lock that never saw it not at all."""
    own = tmp_path / "own.safetensors"
    own.write_bytes(resnet_file.read_bytes())
    [entry] = locking.entries(_spec("timm:test_resnet", weights=own), None)
    assert (entry.path, entry.is_published, entry.source) == (own, False, "own file")
    listed = _spec("timm:test_resnet", _lock(tmp_path, entry), weights=own)
    assert loader.load(listed, "cpu").info.weights_file_sha256 == entry.sha256
    assert locking.unlisted(listed) is None
    unlisted = _spec("timm:test_resnet", _lock(tmp_path), weights=own)
    with pytest.raises(ConfigError, match=r"own\.safetensors with the sha256 .* is not in .*imgcls\.lock"):
        loader.load(unlisted, "cpu")
    assert str(locking.unlisted(unlisted)).endswith("`imgcls weights lock --models net` lists it")


def test_builtin_and_random_weights_need_no_entry(tmp_path: Path) -> None:
    """One is part of this package, the other is no file."""
    for weights, arch in (("random:0", "timm:test_resnet"), ("builtin:digits_resnet", "timm:test_resnet")):
        spec = _spec(arch, _lock(tmp_path), weights=weights)
        assert locking.entries(spec, None) == []
        assert locking.unlisted(spec) is None
        assert locking.not_covered(spec) is None
    assert loader.load(_spec("timm:test_resnet", _lock(tmp_path), weights="random:0"), "cpu")


def test_a_published_file_that_is_not_listed(hub: Site, tmp_path: Path) -> None:
    """Is refused before anything is requested, and named by the check of the lock."""
    spec = _spec(f"timm:{NAME}", _lock(tmp_path))
    with pytest.raises(ConfigError, match=rf"model\.safetensors from {REPOSITORY} is not in"):
        loader.load(spec, "cpu")
    assert "is not in" in str(locking.unlisted(spec))
    assert hub.requests == []


def test_a_listed_file_that_is_not_here_is_covered(tmp_path: Path) -> None:
    """Whether it is here is another question."""
    entry = LockedFile("model.safetensors", "0" * 64, 1, repository=REPOSITORY, commit=COMMIT)
    assert locking.unlisted(_spec(f"timm:{NAME}", _lock(tmp_path, entry))) is None


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        ("python:own_nets:tiny", "its own code loads its weights"),
        ("timm:test_resnet", None),
        ("torchvision:alexnet", None),
    ],
)
def test_code_that_loads_its_own_weights_is_not_covered(arch: str, reason: str | None) -> None:
    """And this is stated."""
    stated = locking.not_covered(_spec(arch))
    assert stated is None if reason is None else reason in str(stated)


def test_entries_of_a_model_replace_its_own(tmp_path: Path) -> None:
    """Those of other models stay, files that several load are one entry, and what no model has any more goes."""
    a, b = (LockedFile(name, "0" * 64, 1, url=f"https://weights.example/{name}") for name in "ab")
    before = _lock(tmp_path, replace(a, models=("one", "two")), replace(b, models=("gone",)))
    after = locking.merged(before, ["one"], [replace(b, models=("one",))], None)
    assert {(entry.name, entry.models) for entry in after.files} == {("a", ("two",)), ("b", ("gone", "one"))}
    pruned = locking.merged(
        after, ["one", "two"], [replace(a, models=("one",)), replace(a, models=("two",))], ["one", "two"]
    )
    assert [(entry.name, entry.models) for entry in pruned.files] == [("a", ("one", "two"))]


def test_where_a_file_was_carried_stays(tmp_path: Path) -> None:
    """A lock that is written again from the caches keeps the paths of what is in its folder."""
    carried = tmp_path / "weights" / "net"
    carried.parent.mkdir()
    carried.write_bytes(b"weights")
    entry = LockedFile("net", hashlib.sha256(b"weights").hexdigest(), 7, url="https://w.example/net", path=carried)
    again = locking.merged(_lock(tmp_path, entry), ["net"], [replace(entry, path=None, models=("net",))], None)
    assert [entry.path for entry in again.files] == [None]  # it is listed under no model, so nothing is known of it
    listed = _lock(tmp_path, replace(entry, models=("net", "other")))
    again = locking.merged(listed, ["net"], [replace(entry, path=None, models=("net",))], None)
    assert [entry.path for entry in again.files] == [carried]


# Transformers, whose networks need two files more.


@pytest.fixture
def vit(site: Site, hub_at: Callable[[str], None], tmp_path: Path) -> Site:
    """A hub with a tiny vision transformer, as ``save_pretrained`` writes it."""
    from imgcls.models.sources import transformers as source

    with source._quiet():
        from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

        config = ViTConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32,
            patch_size=8, id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1},
        )  # fmt: skip
        ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
        ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "vit")
    for file in (tmp_path / "vit").iterdir():
        site.publish("org/vit", file.name, file.read_bytes())
    hub_at(site.url)
    return site


@pytest.mark.slow
def test_a_processor_is_listed_where_there_is_one(vit: Site, tmp_path: Path) -> None:
    """The three files load from one folder; one that lacks the processor is an error, and no other input."""
    entries = locking.entries(_spec("transformers:org/vit"), None, tmp_path / "weights")
    assert {entry.name for entry in entries} == {"config.json", "preprocessor_config.json", "model.safetensors"}
    vit.replies.clear()
    listed = _spec("transformers:org/vit", _lock(tmp_path, *entries))
    model = loader.load(listed, "cpu")
    assert (model.labels.names, model.input.crop_mode) == (("cat", "dog"), "squash")
    [processor] = [entry.path for entry in entries if entry.name.startswith("pre")]
    assert processor is not None
    processor.unlink()
    with pytest.raises(WeightsMissing, match=r"cannot get preprocessor_config\.json"):
        loader.load(listed, "cpu")


@pytest.mark.slow
def test_a_processor_that_is_not_listed_is_not_there(vit: Site, tmp_path: Path) -> None:
    """Where the repository had none when it was locked, none is requested; the configuration gives the input."""
    del vit.replies["/org/vit/resolve/main/preprocessor_config.json"]
    entries = locking.entries(_spec("transformers:org/vit", input=INPUT), None, tmp_path / "weights")
    assert {entry.name for entry in entries} == {"config.json", "model.safetensors"}
    requests = len(vit.requests)
    assert loader.load(_spec("transformers:org/vit", _lock(tmp_path, *entries), input=INPUT), "cpu").labels.names
    assert len(vit.requests) == requests
