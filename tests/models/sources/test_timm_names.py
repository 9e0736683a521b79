"""imgcls.models.sources.timm_names: old names, repositories and folders of timm, and what is not a classifier."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from timm.data import infer_imagenet_subset

from imgcls.errors import ConfigError, ImgclsError, WeightsMissing
from imgcls.models import loader
from imgcls.models.sources import base, registry, timm_names
from imgcls.records.config import ModelSpec
from networks import HALF, assert_same_logits, filled, make_spec

MANY_CLASSES = 2000
"""No embedding has as many outputs, and every published classifier whose classes timm does not list has more."""

OLD_NAMES = {
    "vit_base_patch16_224_in21k": "vit_base_patch16_224.augreg_in21k",
    "tf_efficientnetv2_m_in21k": "tf_efficientnetv2_m.in21k",
    "resnetv2_50x1_bitm_in21k": "resnetv2_50x1_bit.goog_in21k",
}


def _kind(name: str) -> str:
    """What a published network turns out to be; for a classifier, its input and its list are there and fit."""
    spec = make_spec(f"timm:{name}")
    assert registry.input_spec(spec).channels == 3
    try:
        labels = registry.label_list(spec)
    except ConfigError as error:
        return "tower" if "is the image tower" in str(error) else "features" if "extractor" in str(error) else "?"
    classes = timm.get_pretrained_cfg(name).num_classes
    return "classifier" if len(labels.names) == classes else f"{len(labels.names)} of {classes}"


@pytest.mark.slow
def test_every_published_network_is_recognised() -> None:
    """Of all that timm publishes, what has no head and what has an embedding for one is refused; the rest resolves."""
    published = {name: timm.get_pretrained_cfg(name) for name in timm.list_pretrained()}
    kinds = {name: _kind(name) for name in published}
    counts = Counter(kinds.values())
    headless = {name for name, config in published.items() if config.num_classes == 0}
    assert {name for name, kind in kinds.items() if kind == "features"} == headless
    assert (len(headless) >= 269, counts["tower"] >= 110, counts["classifier"] >= 1440) == (True, True, True)
    classifiers = {name for name, config in published.items() if infer_imagenet_subset(config.to_dict())}
    assert {name for name, kind in kinds.items() if kind == "classifier"} == classifiers
    others = {
        published[name].num_classes for name in published.keys() - classifiers - headless if kinds[name] != "tower"
    }
    assert min(others) > MANY_CLASSES  # their classes are named by `labels`


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vit_small_patch14_dinov2.lvd142m",
            (
                "is a feature extractor: it has no head, and so no classes; imgcls train FOLDER --arch "
                "timm:vit_small_patch14_dinov2.lvd142m --weights pretrained makes a classifier of it; or give your own "
                "weights, and their num_classes in options"
            ),
        ),
        (
            "resnet50_clip.openai",
            (
                "is the image tower of a model of images and text: its 1024 outputs are an embedding, not classes; "
                "imgcls train FOLDER --arch timm:resnet50_clip.openai --weights pretrained makes a classifier of it; "
                "or give your own weights, and their num_classes in options"
            ),
        ),
        (
            "convnext_base.clip_laion2b",
            (
                "is the image tower of a model of images and text: its 640 outputs are an embedding, not classes; "
                "timm:convnext_base.clip_laion2b_augreg_ft_in1k is a classifier; or give your own weights, and their "
                "num_classes in options"
            ),
        ),
    ],
)
@pytest.mark.parametrize("labels", [None, "digits"])
def test_what_is_no_classifier(name: str, message: str, labels: str | None) -> None:
    """It is named for what it is, with the next step, whether it is given classes or not."""
    with pytest.raises(ConfigError) as error:
        loader.load(make_spec(f"timm:{name}", labels=labels), "cpu")
    assert str(error.value) == f"[models.net] timm:{name} {message}"


@pytest.mark.parametrize("own", [{"options": {"num_classes": 5}}, {"weights": Path("own.pth")}])
def test_own_heads_are_classifiers(own: dict[str, Any]) -> None:
    """What a user trained on top of a feature extractor is not refused."""
    timm_names.require_classifier(make_spec("timm:vit_small_patch14_dinov2.lvd142m", **own))


@pytest.mark.parametrize("old", OLD_NAMES)
def test_old_names(old: str) -> None:
    """An old name is today's network, with its input, its classes and its weights, and a note states today's name."""
    spec, today = make_spec(f"timm:{old}"), make_spec(f"timm:{OLD_NAMES[old]}")
    assert registry.architecture(old) == spec.arch
    assert registry.input_spec(spec) == registry.input_spec(today)
    assert registry.label_list(spec) == registry.label_list(today)
    assert timm_names.resolve(spec) == timm_names.resolve(today)
    assert base.of(spec).notes(spec) == (f"timm's name of {old} is {OLD_NAMES[old]} today",)
    assert base.of(today).notes(today) == ()


def test_every_old_name_has_an_input() -> None:
    """All names that timm maps lead to an input; where timm publishes no such tag, its tags are named."""
    refused = {}
    for old, new in timm.models.get_deprecated_models().items():
        try:
            assert registry.input_spec(make_spec(f"timm:{old}")).channels == 3
        except ConfigError as error:
            refused[new] = str(error)
    assert not refused.keys() & set(timm.list_pretrained())
    assert all(f"timm publishes no '{new}'; tags of " in message for new, message in refused.items())
    assert len(refused) <= 2


@pytest.mark.usefixtures("own_caches")
def test_an_old_name_fetches_todays_weights() -> None:
    """The file that is not there is that of today's name."""
    with pytest.raises(WeightsMissing, match=r"timm/resnetv2_50x1_bit\.goog_in21k"):
        loader.load(make_spec("timm:resnetv2_50x1_bitm_in21k"), "cpu")


def test_old_names_with_a_tag() -> None:
    """A tag that is given goes before that of today's name."""
    assert timm_names.current("vit_base_patch16_224_in21k.orig_in21k") == "vit_base_patch16_224.orig_in21k"
    assert timm_names.current("resnet50.a1_in1k") == "resnet50.a1_in1k"


@pytest.mark.parametrize(
    ("keys", "notes"),
    [
        ({}, ()),
        ({"options": {"in_chans": 1}}, ("timm adapts the first layer of weights for 3 channels to 1",)),
        (
            {"input": {"crop": 64}},
            ("timm resamples the position embeddings of weights for 160 x 160 to 64 x 64",),
        ),
        ({"input": {"crop": 64}, "weights": "random:1"}, ()),
        ({"input": {"crop": 64}, "options": {"dynamic_img_size": True}}, ()),
    ],
)
def test_weights_that_timm_adapts(keys: dict[str, Any], notes: tuple[str, ...]) -> None:
    """Published weights that its loader changes for another input are stated."""
    spec = make_spec("timm:test_vit", **keys)
    assert base.of(spec).notes(spec) == notes


# Folders and repositories.


def _write(folder: Path, **changes: Any) -> Any:
    """A network of four classes as timm pushes it to the hub."""
    network = filled(timm.create_model("test_resnet", num_classes=4))
    config = {
        "architecture": "test_resnet",
        "num_classes": 4,
        "label_names": ["cat", "dog", "owl", "ox"],
        "pretrained_cfg": {
            "input_size": [3, 64, 64], "interpolation": "bilinear", "crop_pct": 0.8, "mean": HALF, "std": HALF,
            "first_conv": "conv1.0", "classifier": "fc",
        },
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    save_file(network.state_dict(), folder / "model.safetensors")
    return network


@pytest.mark.parametrize("place", ["configuration", "working", "absolute"])
def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Relative to the configuration or to the working folder: its architecture, head, input, classes and weights."""
    network, folder = _write(tmp_path / "nets" / "own"), Path()
    name = str(tmp_path / "nets" / "own") if place == "absolute" else "nets/own"
    if place == "configuration":
        folder = tmp_path
    if place == "working":
        monkeypatch.chdir(tmp_path)
    model = loader.load(ModelSpec("net", f"timm:local-dir:{name}", folder=folder), "cpu")
    assert_same_logits(network, model)
    assert str(model.input) == "resize(80, bilinear) | center_crop(64) | normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))"
    assert isinstance(hash(model.input), int)  # scoring distinguishes inputs by it
    assert model.labels.names == ("cat", "dog", "owl", "ox")
    assert model.identity["own_sources"].keys() == {"config.json"}


@pytest.mark.usefixtures("own_caches")
def test_a_repository_in_the_cache(tmp_path: Path) -> None:
    """``hf-hub:ORG/NAME`` is read from the hub's own cache, and at a revision."""
    repository = Path(constants.HF_HUB_CACHE) / "models--somebody--net"
    network = _write(repository / "snapshots" / "abc", label_names=["n02123045", "n02124075", "n1", "ox"])
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert str(tmp_path) in str(repository)
    model = loader.load(make_spec("timm:hf-hub:somebody/net"), "cpu")
    assert_same_logits(network, model)
    assert model.labels.wnids is None
    with pytest.raises(WeightsMissing, match=r"cannot get config\.json from .*somebody/net/resolve/v2/config\.json"):
        loader.load(make_spec("timm:hf-hub:somebody/net@v2"), "cpu")


def test_wordnet_ids_are_described(tmp_path: Path) -> None:
    """Where the classes of a folder are WordNet ids, their descriptions are their names."""
    descriptions = {"n02123045": "tabby", "n02124075": "Egyptian cat", "n02123394": "Persian cat"}
    names = [*descriptions, "n02123597"]
    _write(tmp_path / "own", label_names=names, label_descriptions=descriptions)
    labels = registry.label_list(make_spec(f"timm:local-dir:{tmp_path / 'own'}"))
    assert (labels.names, labels.wnids) == ((*descriptions.values(), "n02123597"), tuple(names))


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("timm:local-dir:nets/none", r"there is no folder nets/none, neither in .* nor in the working folder"),
        ("timm:local-dir:empty", r"the folder empty has no config\.json: name the one that has"),
        ("timm:local-dir:other", r"other/config\.json is not a configuration of timm .*transformers:PATH"),
        ("timm:local-dir:future", r"future/config\.json: timm has no architecture 'resnet99'"),
        ("timm:hf-hub:net", r"'net' is not a repository of the form ORG/NAME"),
        ("timm:local-dir:future in1k", r"has one file of weights and no tag 'in1k': leave `weights` out"),
    ],
)
def test_folders_that_are_not_timms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, message: str) -> None:
    """What is missing is named, and what it may be in its place."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/config.json").write_text('{"model_type": "vit"}')
    _write(tmp_path / "future", architecture="resnet99")
    name, _, tag = arch.partition(" ")
    with pytest.raises(ImgclsError, match=rf"\[models\.net\] .*{message}"):
        loader.load(make_spec(name, weights=tag or None), "cpu")


def test_no_code_of_a_folder_runs(tmp_path: Path) -> None:
    """Weights that would have to be run are refused, as everywhere."""

    class Code:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    _write(tmp_path / "own")
    (tmp_path / "own" / "model.safetensors").unlink()
    torch.save({"fc.weight": Code()}, tmp_path / "own" / "pytorch_model.bin")
    with pytest.raises(ImgclsError, match="is refused: "):
        loader.load(make_spec(f"timm:local-dir:{tmp_path / 'own'}"), "cpu")
    assert not (tmp_path / "ran").exists()
