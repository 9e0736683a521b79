"""imgcls.models.sources.statement: what a weights file states about itself is read, and contradictions are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from builders import LFS_POINTER
from imgcls.data import class_lists
from imgcls.errors import ModelError
from imgcls.models.sources import registry, statement
from imgcls.models.sources.statement import Statement
from imgcls.records.config import InputSpec, ModelSpec

HALF = [0.5, 0.5, 0.5]
INPUT = {
    "resize": [40, 32],
    "crop": [32, 32],
    "crop_mode": "center",
    "interpolation": "nearest",
    "mean": HALF,
    "std": HALF,
}
HEADER = {
    "format": "imgcls-train 2",
    "arch": "timm:test_resnet",
    "options": '{"num_classes": 3}',
    "classes": '["cat", "dog", "eel"]',
    "input": json.dumps({**INPUT, "function": None}),
}
PARTS = ("resize", "crop", "crop_mode", "interpolation", "mean", "std")
GUESS = "guessed: default of the architecture"


def _trained(folder: Path, **changes: str) -> Path:
    file = folder / "best.safetensors"
    save_file({"x": torch.zeros(1)}, file, {**HEADER, **changes})
    return file


def _spec(weights: Path | str | None, arch: str = "timm:test_resnet", **keys: Any) -> ModelSpec:
    return ModelSpec("net", arch, weights, **keys)


def _published(folder: Path, config: Any, processor: Any = None) -> Path:
    """A folder of Hugging Face's layout."""
    (folder / "model.safetensors").touch()
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


# The header of our own trainings.


def test_the_header_of_a_training(tmp_path: Path) -> None:
    """Architecture, options, classes and input of a training are those of its weights."""
    spec = _spec(_trained(tmp_path))
    stated = statement.of(spec)
    assert (stated.architecture, stated.options) == ("timm:test_resnet", {"num_classes": 3})
    assert registry.label_list(spec).names == ("cat", "dog", "eel")
    halves = (0.5, 0.5, 0.5)
    assert registry.input_spec(spec) == InputSpec((40, 32), (32, 32), "center", "nearest", halves, halves)
    assert registry.input_sources(spec, registry.input_spec(spec)) == dict.fromkeys(PARTS, "best.safetensors")


def test_the_configuration_goes_before_the_header(tmp_path: Path) -> None:
    """Each key that the configuration gives replaces what the file states, and is named as its source."""
    spec = _spec(
        _trained(tmp_path), input={"resize": 64}, options={"drop_rate": 0.1, "num_classes": 4}, labels="digits"
    )
    resolved = registry.input_spec(spec)
    assert (resolved.resize, resolved.crop, resolved.interpolation) == (64, (32, 32), "nearest")
    expected = {**dict.fromkeys(PARTS, "best.safetensors"), "resize": "configuration"}
    assert registry.input_sources(spec, resolved) == expected
    assert statement.options(spec) == {"drop_rate": 0.1, "num_classes": 4}
    assert registry.label_list(spec).source == "digits"


def test_a_configured_pair_of_sides_squashes(tmp_path: Path) -> None:
    """Both sides of an image in the configuration mean that it is squashed, whatever the file states."""
    spec = _spec(_trained(tmp_path), input={"resize": (32, 32)})
    assert registry.input_spec(spec).crop_mode == "squash"
    assert registry.input_sources(spec, registry.input_spec(spec))["crop_mode"] == "configuration"


@pytest.mark.parametrize(
    ("stated", "arch"),
    [
        ("timm:test_resnet", "timm:test_resnet.r160_in1k"),
        ("reference:efficientnet_b0", "torchvision:efficientnet_b0"),
        ("timm:test_vit", "python:nets:tiny"),
        ("timm:vit_base_patch16_224", "timm:vit_base_patch16_224_in21k"),
    ],
)
def test_the_same_architecture(tmp_path: Path, stated: str, arch: str) -> None:
    """A tag, the reference in NumPy, timm's former names and a network of one's own are no contradiction."""
    assert statement.of(_spec(_trained(tmp_path, arch=stated), arch)).architecture == stated


@pytest.mark.parametrize("arch", ["timm:test_vit", "torchvision:test_resnet"])
def test_another_architecture_is_refused(tmp_path: Path, arch: str) -> None:
    """Weights of another architecture are refused before anything is built, and both are named."""
    why = (
        rf'best\.safetensors states that it holds timm:test_resnet, and arch is {arch}: write arch = "timm:test_resnet"'
    )
    with pytest.raises(ModelError, match=why):
        statement.of(_spec(_trained(tmp_path), arch))


@pytest.mark.parametrize("changes", [{"classes": "cat"}, {"input": "[]"}, {"classes": "3"}])
def test_a_damaged_header_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    """A header that states something else than it should is an error of one line."""
    with pytest.raises(
        ModelError, match=r"best\.safetensors: its header cannot be read \(.*\); fetch or train it again"
    ):
        statement.of(_spec(_trained(tmp_path, **changes)))


def test_builtin_weights_state_everything() -> None:
    """The weights of this package were made by a training of ours."""
    spec = _spec("builtin:digits_resnet")
    assert registry.input_spec(spec).crop == (32, 32)
    assert len(registry.label_list(spec).names) == 10


# Files of Hugging Face's layout.


def test_timms_config(tmp_path: Path) -> None:
    """timm's ``config.json`` states architecture, arguments, classes and evaluation transform at the test size."""
    cfg = {
        "input_size": [3, 64, 64], "test_input_size": [3, 96, 96], "crop_pct": 0.8, "interpolation": "bilinear",
        "mean": HALF, "std": [0.25] * 3, "crop_mode": "center", "label_names": ["a", "b"],
    }  # fmt: skip
    config = {"architecture": "test_resnet", "num_classes": 2, "model_args": {"drop_rate": 0.1}, "pretrained_cfg": cfg}
    spec = _spec(_published(tmp_path, config))
    resolved = registry.input_spec(spec)
    assert (resolved.resize, resolved.crop, resolved.interpolation) == (120, (96, 96), "bilinear")
    assert registry.input_sources(spec, resolved) == dict.fromkeys(PARTS, "config.json")
    assert registry.label_list(spec).names == ("a", "b")
    assert statement.options(spec) == {"drop_rate": 0.1}


def test_what_timms_config_leaves_out(tmp_path: Path) -> None:
    """Keys that a ``pretrained_cfg`` does not have are those of the architecture, and are called a guess."""
    spec = _spec(_published(tmp_path, {"architecture": "test_resnet", "pretrained_cfg": {"mean": HALF}}))
    resolved = registry.input_spec(spec)
    published = registry.input_spec(_spec(None))
    assert (resolved.mean, resolved.std, resolved.crop) == ((0.5, 0.5, 0.5), published.std, published.crop)
    assert registry.input_sources(spec, resolved) == {**dict.fromkeys(PARTS, GUESS), "mean": "config.json"}


def test_the_labels_of_transformers(tmp_path: Path) -> None:
    """``id2label`` is the list of classes, in the order of its numbers."""
    spec = _spec(_published(tmp_path, {"id2label": {"1": "dog", "0": "cat"}}))
    assert registry.label_list(spec).names == ("cat", "dog")


def test_made_up_labels_state_nothing(tmp_path: Path) -> None:
    """``LABEL_0`` is what transformers writes where nobody named the classes."""
    assert statement.of(_spec(_published(tmp_path, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}))).labels is None


def test_imagenets_names_are_imagenets_classes(tmp_path: Path) -> None:
    """The names of ImageNet's 1000 classes have their WordNet ids."""
    imagenet = class_lists.imagenet("imagenet-1k")
    spec = _spec(_published(tmp_path, {"id2label": dict(enumerate(imagenet.names))}))
    assert registry.label_list(spec) == imagenet


NORMAL = {"image_mean": HALF, "image_std": HALF, "resample": 3}


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        ({"size": {"height": 224, "width": 192}},
         {"resize": (224, 192), "crop": (224, 192), "crop_mode": "squash"}),
        ({"size": 224}, {"resize": (224, 224), "crop": (224, 224), "crop_mode": "squash"}),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, {"resize": 256, "crop": 224, "crop_mode": "center"}),
        ({"size": {"shortest_edge": 384}, "crop_pct": 1.0},
         {"resize": (384, 384), "crop": (384, 384), "crop_mode": "squash"}),
        ({"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
         {"resize": 256, "crop": (224, 224), "crop_mode": "center"}),
        ({"size": {"shortest_edge": 256}}, {}),
    ],
)  # fmt: skip
def test_the_processor_of_transformers(tmp_path: Path, processor: dict[str, Any], expected: dict[str, Any]) -> None:
    """Size, crop, interpolation, mean and deviation of an image processor, where our transforms have the same."""
    halves = (0.5, 0.5, 0.5)
    stated = statement.of(_spec(_published(tmp_path, {}, {**NORMAL, **processor})))
    assert stated.input == {"mean": halves, "std": halves, "interpolation": "bicubic", **expected}
    assert set(stated.sources.values()) == {"preprocessor_config.json"}


@pytest.mark.parametrize("config", ["{", "[]", "{}", '{"id2label": 3}'])
def test_other_configs_state_nothing(tmp_path: Path, config: str) -> None:
    """A ``config.json`` about something else is no error: the weights next to it can be used all the same."""
    assert statement.of(_spec(_published(tmp_path, config))) == Statement()


def test_only_weights_of_the_usual_name_have_a_config(tmp_path: Path) -> None:
    """A ``config.json`` that happens to lie next to a checkpoint is not about it."""
    _published(tmp_path, {"id2label": {"0": "cat"}})
    (tmp_path / "own.pth").touch()
    assert statement.of(_spec(tmp_path / "own.pth")) == Statement()


# Weights without any statement.


@pytest.mark.parametrize(
    ("weights", "arch", "source"),
    [
        (None, "timm:test_resnet", "timm"),
        ("pretrained", "torchvision:resnet18", "torchvision"),
        (None, "reference:efficientnet_b0", "torchvision"),
        ("random:1", "timm:test_resnet", "timm"),
        (Path("own.pth"), "timm:test_resnet", GUESS),
    ],
)
def test_defaults_name_their_publisher(weights: Path | str | None, arch: str, source: str) -> None:
    """The input of published weights is the library's own; for a file that states none, it is a guess."""
    spec = _spec(weights, arch)
    assert registry.input_sources(spec, registry.input_spec(spec)) == dict.fromkeys(PARTS, source)


def test_absent_files_state_nothing(tmp_path: Path) -> None:
    """A file that is not there is an error only where its weights are needed."""
    assert statement.of(_spec(tmp_path / "none.pth")) == Statement()


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_config_that_git_lfs_did_not_fetch_states_something(tmp_path: Path, name: str) -> None:
    """Only what it states is not known, so nothing is guessed."""
    (tmp_path / name).write_bytes(LFS_POINTER)
    with pytest.raises(ModelError, match=rf"{name}: a Git LFS pointer, not the statement .*`git lfs pull`$"):
        statement.next_to(tmp_path / "model.safetensors")
