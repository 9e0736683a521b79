"""imgcls.models.loader: every way to name a network ends in that network, or in one error that states why not."""

import contextlib
import hashlib
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from imgcls import hashing
from imgcls.data import class_lists
from imgcls.errors import ConfigError, DeviceMissing, ModelError, WeightsMissing
from imgcls.models import loader
from imgcls.models.weights import download, reader
from imgcls.records.config import InputSpec
from networks import BATCH, GOOGLENET, INPUT, RESNET, SQUEEZENET, assert_same_logits, filled, make_spec, own_spec

pytestmark = pytest.mark.usefixtures("one_thread", "own_caches")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _into_the_hub(file: Path, repository: str) -> Path:
    """Put a file where timm finds what it has once downloaded."""
    folder = Path(constants.HF_HUB_CACHE) / f"models--timm--{repository}"
    for part, name in (("refs", "main"), (f"snapshots/{COMMIT}", "model.safetensors")):
        (folder / part).mkdir(parents=True)
        place = folder / part / name
    (folder / "refs" / "main").write_text(COMMIT)
    shutil.copy(file, place)
    return place


# Published weights.


def test_torchvisions_published_weights(squeezenet: Any, checkpoints: Path) -> None:
    """A torchvision network has the weights of the file in torch.hub's cache; the info states what was loaded."""
    file = checkpoints / "squeezenet1_0-b66bff10.pth"
    torch.save(squeezenet.state_dict(), file)
    model = loader.load(make_spec(SQUEEZENET), "cpu")
    assert_same_logits(squeezenet, model)
    info, imagenet = model.info, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (info.runtime, info.precision, info.device) == ("eager", "float32", "cpu")
    assert info.input == InputSpec(256, (224, 224), "center", "bilinear", *imagenet)
    assert (info.weights_file_sha256, info.parameters) == (hashing.file_sha256(file), 1_248_424)
    assert (info.weight_bytes, model.labels.source) == (4 * 1_248_424, "imagenet-1k")


@pytest.mark.parametrize("weights", ["pretrained", "IMAGENET1K_V1", "DEFAULT"])
def test_torchvisions_tags(squeezenet: Any, checkpoints: Path, weights: str) -> None:
    """The default weights can be named in words and by their tag."""
    torch.save(squeezenet.state_dict(), checkpoints / "squeezenet1_0-b66bff10.pth")
    assert_same_logits(squeezenet, loader.load(make_spec(SQUEEZENET, weights=weights), "cpu"))


def test_googlenet_is_the_published_variant(googlenet: Any, checkpoints: Path) -> None:
    """GoogLeNet's published file, auxiliary heads and all, loads into the network that torchvision makes of it."""
    torch.save(googlenet.state_dict(), checkpoints / "googlenet-1378be20.pth")
    model = loader.load(make_spec(GOOGLENET), "cpu")
    assert_same_logits(googlenet, model)
    network: Any = model.classifier
    assert (network.module.transform_input, network.module.aux1, network.module.aux2) == (True, None, None)
    assert model.info.parameters == 6_624_904


def test_googlenet_with_auxiliary_heads(googlenet: Any, checkpoints: Path) -> None:
    """With the option for auxiliary heads, they come from the published file."""
    torch.save(googlenet.state_dict(), checkpoints / "googlenet-1378be20.pth")
    model = loader.load(make_spec(GOOGLENET, options={"aux_logits": True}), "cpu")
    assert_same_logits(googlenet, model)
    assert model.info.parameters == sum(p.numel() for p in googlenet.parameters())


@pytest.mark.parametrize(
    ("arch", "weights"),
    [(RESNET, None), (RESNET, "pretrained"), (RESNET, "r160_in1k"), (f"{RESNET}.r160_in1k", None)],
)
def test_timms_published_weights(resnet: Any, resnet_file: Path, arch: str, weights: str | None) -> None:
    """A timm network, with its tag or without, has the weights of the file in the hub's cache."""
    file = _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    model = loader.load(make_spec(arch, weights=weights), "cpu")
    assert_same_logits(resnet, model)
    assert (model.info.weights_file_sha256, model.labels.source) == (hashing.file_sha256(file), "imagenet-1k")
    assert (model.info.input.resize, model.info.input.crop) == (168, (160, 160))


def test_a_timm_network_keeps_no_second_copy(resnet_file: Path) -> None:
    """The state dict that went into a timm network does not stay behind in its configuration."""
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    classifier: Any = loader.load(make_spec(RESNET), "cpu").classifier
    assert "state_dict" not in classifier.module.pretrained_cfg


def test_timm_fits_its_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published weights of a transformer fit another input size, as timm's own loader makes them fit."""
    save_file(filled(timm.create_model("test_vit")).state_dict(), tmp_path / "vit.safetensors")
    monkeypatch.setattr(download, "from_timm", lambda *_: tmp_path / "vit.safetensors")
    model = loader.load(make_spec("timm:test_vit", options={"img_size": 64}), "cpu")
    overlay = {"file": str(tmp_path / "vit.safetensors")}
    expected = timm.create_model("test_vit", pretrained=True, pretrained_cfg_overlay=overlay, img_size=64).eval()
    assert_same_logits(expected, model)


def test_published_weights_that_are_not_available() -> None:
    """Without a file and without a network the error names the file and the place for it."""
    with pytest.raises(WeightsMissing, match=r"squeezenet1_0-b66bff10\.pth .*put it by hand at .*checkpoints"):
        loader.load(make_spec(SQUEEZENET), "cpu")


def test_timms_heads_are_never_random(resnet_file: Path) -> None:
    """Another number of classes than the published weights have is refused, though timm would make up a head."""
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    with pytest.raises(ConfigError, match=r"have 1000 classes, and options request 10: a head is never replaced"):
        loader.load(make_spec(RESNET, options={"num_classes": 10}), "cpu")


def test_torchvisions_heads_are_never_random(squeezenet: Any, checkpoints: Path) -> None:
    """Another number of classes than torchvision's file has is refused with both sizes of the head."""
    torch.save(squeezenet.state_dict(), checkpoints / "squeezenet1_0-b66bff10.pth")
    with pytest.raises(
        ModelError,
        match=r"with options \{'num_classes': 10\}: 50 of 52 tensors fit; .*classifier\.1\.weight \(1000 x 512",
    ):
        loader.load(make_spec(SQUEEZENET, options={"num_classes": 10}), "cpu")


def test_published_weights_that_do_not_fit(tmp_path: Path, resnet_file: Path) -> None:
    """A file in the cache that belongs to another timm network is refused with the names that it lacks."""
    state = load_file(resnet_file)
    state["stem.weight"] = state.pop("conv1.0.weight")
    save_file(state, tmp_path / "other.safetensors")
    _into_the_hub(tmp_path / "other.safetensors", "test_resnet.r160_in1k")
    with pytest.raises(
        ModelError, match=r"model\.safetensors does not fit timm:test_resnet: .*conv1\.0\.weight"
    ) as caught:
        loader.load(make_spec(RESNET), "cpu")
    assert "\n" not in str(caught.value)


# Files of one's own.


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_own_files(resnet: Any, tmp_path: Path, suffix: str) -> None:
    """A network has the weights of a file, of either kind."""
    file = tmp_path / f"own{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(resnet.state_dict(), file)
    model = loader.load(make_spec(RESNET, weights=file), "cpu")
    assert_same_logits(resnet, model)
    assert model.info.weights_file_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert not model.info.untrained


def test_a_file_that_is_replaced_while_it_is_read(
    resnet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that writes its checkpoint again does not make a network of two: the line says what happened."""
    file = tmp_path / "own.safetensors"
    file.write_bytes(resnet_file.read_bytes())
    content = reader.content

    def replaced(path: Path) -> Any:
        read = content(path)
        os.utime(path, ns=(0, 0))
        return read

    monkeypatch.setattr(reader, "content", replaced)
    with pytest.raises(ModelError, match=r"^\S+own\.safetensors was changed while it was read; run again when nothing"):
        loader.load(make_spec(RESNET, weights=file), "cpu")


def test_own_files_with_another_head(tmp_path: Path) -> None:
    """A file of one's own may have as many classes as the options state."""
    network = filled(timm.create_model("test_resnet", num_classes=10))
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    spec = make_spec(RESNET, weights=tmp_path / "own.safetensors", options={"num_classes": 10}, labels="digits")
    model = loader.load(spec, "cpu")
    assert_same_logits(network, model)
    assert (loader.output_count(model), len(model.labels.names)) == (10, 10)


def test_files_that_do_not_fit(resnet_file: Path, tmp_path: Path) -> None:
    """A file with a tensor too few and one too many is refused in one line that names both."""
    state = load_file(resnet_file)
    state["fc.scale"] = state.pop("fc.bias")
    save_file(state, tmp_path / "own.safetensors")
    expected = r"own\.safetensors does not fit timm:test_resnet with options \{\}: .*: fc\.bias; .*: fc\.scale"
    with pytest.raises(ModelError, match=expected) as caught:
        loader.load(make_spec(RESNET, weights=tmp_path / "own.safetensors"), "cpu")
    assert "\n" not in str(caught.value)


def test_a_head_of_another_size_sets_num_classes(tmp_path: Path) -> None:
    """A file with another number of outputs is built for that number, which is said, and part of what it is."""
    torch.save(filled(timm.create_model("test_resnet", num_classes=37)).state_dict(), tmp_path / "own.pth")
    model = loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")
    assert (loader.output_count(model), model.spec.options, model.identity["options"]) == (
        37, {"num_classes": 37}, {"num_classes": 37},
    )  # fmt: skip
    assert model.info.notes == ("own.pth: the head has 37 outputs: num_classes = 37",)
    assert model.labels is class_lists.UNSTATED


def test_constants_of_other_pixels_are_among_the_notes() -> None:
    """A mean of 127 is hardly meant."""
    model = loader.load(make_spec(RESNET, weights="random:0", input={"mean": (127.0,) * 3}), "cpu")
    assert [note for note in model.info.notes if note.startswith("a mean or std of 127 is")]


def test_another_number_in_the_options_is_refused(tmp_path: Path) -> None:
    """Where the options state another number than the file has, both are named."""
    torch.save(timm.create_model("test_resnet", num_classes=37).state_dict(), tmp_path / "own.pth")
    why = "the head in the file has 37 outputs, and options state num_classes = 10: leave it out"
    with pytest.raises(ModelError, match=rf"75 of 77 tensors fit; .*{why}\Z"):
        loader.load(make_spec(RESNET, weights=tmp_path / "own.pth", options={"num_classes": 10}), "cpu")


def test_a_file_without_a_head(tmp_path: Path) -> None:
    """Weights of only the features are refused with the way to a head."""
    torch.save(timm.create_model("test_resnet", num_classes=0).state_dict(), tmp_path / "own.pth")
    why = r"not in the file: fc\.weight, fc\.bias; the file has no head: train one with imgcls train --weights\Z"
    with pytest.raises(ModelError, match=why):
        loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")


def test_a_head_of_another_name_is_a_head(tmp_path: Path) -> None:
    """A head that the file calls otherwise is not said to be absent, whatever its size."""
    trained = filled(timm.create_model("test_resnet", num_classes=37)).state_dict()
    torch.save({name.replace("fc.", "classifier.1."): t for name, t in trained.items()}, tmp_path / "own.pth")
    model = loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")
    assert loader.output_count(model) == 37
    assert [note.partition(": ")[2] for note in model.info.notes] == [
        "classifier.1.weight is loaded as fc.weight; classifier.1.bias is loaded as fc.bias",
        "the head has 37 outputs: num_classes = 37",
    ]
    other = {name: t[..., :3] if name.startswith("fc.") else t for name, t in trained.items()}
    torch.save({name.replace("fc.", "classifier.1."): t for name, t in other.items()}, tmp_path / "own.pth")
    with pytest.raises(ModelError, match=r"not in the network: classifier\.1\.weight, classifier") as caught:
        loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")
    assert "has no head" not in str(caught.value)


def test_what_was_taken_of_a_file_that_does_not_fit(tmp_path: Path) -> None:
    """Where averaged weights do not fit, the message states that they are what was taken, and the way to the others."""
    state = timm.create_model("test_resnet").state_dict()
    averaged = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    torch.save({"model": state, "model_ema": averaged}, tmp_path / "own.pth")
    with pytest.raises(ModelError, match=r'; the averaged weights under model_ema .*; checkpoint = "raw" loads those'):
        loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")
    loader.load(make_spec(RESNET, weights=tmp_path / "own.pth", checkpoint="raw"), "cpu")


def test_quantized_weights_are_refused(resnet: Any, tmp_path: Path) -> None:
    """Whole numbers are never converted to weights."""
    state = {**resnet.state_dict(), "fc.weight": torch.ones_like(resnet.fc.weight, dtype=torch.int8)}
    torch.save(state, tmp_path / "own.pth")
    with pytest.raises(ModelError, match=r"does not fit .*: fc\.weight holds values of type int8, as quantized"):
        loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")


@pytest.mark.usefixtures("own_nets")
def test_a_factory_that_takes_no_number_of_classes(tmp_path: Path) -> None:
    """Where the architecture does not take the number, the size of the head and the reason are named."""
    save_file({"2.weight": torch.ones(7, 12), "2.bias": torch.ones(7)}, tmp_path / "own.safetensors")
    why = r"the head in .*own\.safetensors has 7 outputs, and .*:tiny does not take num_classes = 7 .*`options`\Z"
    with pytest.raises(ModelError, match=why):
        loader.load(own_spec("tiny", weights=tmp_path / "own.safetensors"), "cpu")
    options = {"classes": 7}
    assert loader.load(own_spec("tiny", weights=tmp_path / "own.safetensors", options=options), "cpu").spec.options


@pytest.mark.parametrize(
    ("saved", "names"),
    [({"classes": ["cat", "dog", "eel"]}, ("cat", "dog", "eel")), ({"classes": ["cat", "dog"]}, ()), ({}, ())],
)
def test_classes_of_a_checkpoint(saved: dict[str, Any], names: tuple[str, ...], tmp_path: Path) -> None:
    """The classes that a script saved are those of the outputs, if there are as many of them."""
    state = timm.create_model("test_resnet", num_classes=3).state_dict()
    torch.save({"model": state, **saved}, tmp_path / "own.pth")
    spec = make_spec(RESNET, weights=tmp_path / "own.pth")
    model = loader.load(spec, "cpu")
    assert model.labels.names == names
    unused = "own.pth: the 2 classes that it states are not used: the head has 3 outputs"
    assert (unused in model.info.notes) is (saved != {} and names == ())
    assert loader.load(replace(spec, labels="digits"), "cpu").labels.source == "digits"


def test_averaged_weights_are_named(resnet: Any, tmp_path: Path) -> None:
    """Which of a checkpoint's weights were loaded, and how their names changed, is part of what is known of a model."""
    averaged = {f"module.{name}": tensor for name, tensor in resnet.state_dict().items()}
    torch.save({"model": timm.create_model("test_resnet").state_dict(), "model_ema": averaged}, tmp_path / "own.pth")
    model = loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")
    assert_same_logits(resnet, model)
    why = 'under model_ema are loaded, as timm does; checkpoint = "raw" loads those under model instead'
    removal = "own.pth: the prefix module. is removed from 92 names"
    assert model.info.notes == (f"own.pth: the averaged weights {why}", removal)
    raw = loader.load(make_spec(RESNET, weights=tmp_path / "own.pth", checkpoint="raw"), "cpu")
    assert raw.info.state_sha256 != model.info.state_sha256


def test_a_header_states_options_input_and_classes(tmp_path: Path) -> None:
    """The weights of a training of ours need only their architecture, and are the same model as with all keys."""
    settings = {"resize": 32, "crop": [32, 32], "crop_mode": "center", "interpolation": "bicubic", "mean": [0.1] * 3}
    settings["std"] = [0.2] * 3
    header = {
        "format": "imgcls-train 2", "arch": RESNET, "options": '{"num_classes": 3}', "classes": '["a", "b", "c"]',
        "input": json.dumps(settings),
    }  # fmt: skip
    file = tmp_path / "best.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=3).state_dict(), file, header)
    bare = loader.load(make_spec(RESNET, weights=file), "cpu")
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    full = loader.load(make_spec(RESNET, weights=file, options={"num_classes": 3}, input=given), "cpu")
    assert bare.prediction_key("x") == full.prediction_key("x")
    assert bare.labels.names == ("a", "b", "c")
    assert set(bare.info.input_sources.values()) == {"best.safetensors"}
    assert set(full.info.input_sources.values()) == {"configuration"}


@pytest.mark.parametrize(("tag", "is_noted"), [("r160_in1k", True), ("own_in1k", False)])
def test_a_file_named_like_a_tag(resnet: Any, tmp_path: Path, tag: str, is_noted: bool) -> None:
    """Where a file has the name of published weights, it is said that the file is loaded."""
    torch.save(resnet.state_dict(), tmp_path / tag)
    model = loader.load(make_spec(RESNET, weights=tmp_path / tag), "cpu")
    assert_same_logits(resnet, model)
    note = f"weights: {tmp_path / tag} exists and is loaded, and not the published weights {tag}"
    assert model.info.notes == ((note,) if is_noted else ())


def test_the_file_of_a_folder(resnet_file: Path, tmp_path: Path) -> None:
    """A folder is the file of weights in it, which is named, also for a pin."""
    shutil.copy(resnet_file, tmp_path / "model.safetensors")
    pin = hashing.file_sha256(resnet_file)
    model = loader.load(make_spec(RESNET, weights=tmp_path, sha256=pin), "cpu")
    assert model.info.weights_file_sha256 == pin
    assert model.info.notes == (f"weights: of the folder {tmp_path}, model.safetensors is loaded",)
    with pytest.raises(ModelError, match=r"model\.safetensors is not the pinned file"):
        loader.load(make_spec(RESNET, weights=tmp_path, sha256="0" * 64), "cpu")


def test_safetensors_are_not_matched_by_order(resnet_file: Path) -> None:
    """The library sorts tensors by name, so that their order states nothing: it is refused, and not proposed."""
    with pytest.raises(ModelError, match=r'match = "order" needs .*, and safetensors keeps no order\Z'):
        loader.load(make_spec(RESNET, weights=resnet_file, match="order"), "cpu")


def test_absent_files(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(WeightsMissing, match=r"no weights file at .*own\.pth"):
        loader.load(make_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")


def test_the_pinned_file_loads(resnet_file: Path) -> None:
    """A file that has the pinned hash loads."""
    pin = hashing.file_sha256(resnet_file)
    assert loader.load(make_spec(RESNET, weights=resnet_file, sha256=pin), "cpu").info.weights_file_sha256 == pin


def test_another_file_than_the_pinned_one(resnet_file: Path) -> None:
    """A file that does not have the pinned hash is refused, one's own and a published one."""
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    for weights in (resnet_file, None):
        with pytest.raises(
            ModelError, match=r"resnet.*is not the pinned file: its sha256 is .*, the configuration pins 0{64}"
        ):
            loader.load(make_spec(RESNET, weights=weights, sha256="0" * 64), "cpu")


# Built-in and random weights.


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet", {}), ("efficientnet", {}), ("vit", {"img_size": 32, "patch_size": 8})],
)
def test_builtin_weights(name: str, options: dict[str, Any]) -> None:
    """The three networks that come with the package load, and have ten classes."""
    keys = {"options": {"num_classes": 10, **options}, "labels": "digits", "input": INPUT}
    model = loader.load(make_spec(f"timm:test_{name}", weights=f"builtin:digits_{name}", **keys), "cpu")
    assert (loader.output_count(model), len(model.labels.names)) == (10, 10)
    assert model.info.weights_file_sha256 is not None


def test_unknown_builtin_weights() -> None:
    """Weights that do not come with the package are refused with those that do."""
    with pytest.raises(
        ConfigError, match=r"no built-in weights 'digits'; known: digits_efficientnet, digits_resnet, digits_vit\Z"
    ):
        loader.load(make_spec(RESNET, weights="builtin:digits"), "cpu")


@pytest.mark.parametrize("arch", [SQUEEZENET, RESNET, f"{RESNET}.r160_in1k"])
def test_random_weights(arch: str) -> None:
    """Random weights are those of their seed: the same seed gives the same network, another seed another, no file."""
    one, again, other = (loader.load(make_spec(arch, weights=f"random:{seed}"), "cpu") for seed in (1, 1, 2))
    assert one.info.state_sha256 == again.info.state_sha256 != other.info.state_sha256
    assert one.info.weights_file_sha256 is None
    assert one.info.untrained


def test_random_weights_are_filled_in(resnet: Any, googlenet: Any) -> None:
    """Random weights mean the values of their rule in the published variant of the architecture."""
    assert_same_logits(resnet, loader.load(make_spec(RESNET, weights="random:1"), "cpu"))
    assert_same_logits(googlenet, loader.load(make_spec(GOOGLENET, weights="random:1"), "cpu"))


@pytest.mark.usefixtures("own_nets")
def test_random_weights_of_own_networks() -> None:
    """A network of one's own can be given random weights too."""
    one, again = (loader.load(own_spec("tiny", weights="random:1"), "cpu") for _ in range(2))
    assert np.array_equal(one.classifier.logits(BATCH), again.classifier.logits(BATCH))


# Networks of one's own.


@pytest.mark.usefixtures("own_nets")
def test_own_networks() -> None:
    """A factory's network is used as it comes, with the options as its arguments."""
    model = loader.load(own_spec("tiny", options={"classes": 7}), "cpu")
    assert (loader.output_count(model), model.info.parameters, model.info.weights_file_sha256) == (7, 7 * 13, None)
    assert (model.info.input.crop, model.labels.source) == ((32, 32), "digits")


@pytest.mark.usefixtures("own_nets")
def test_own_networks_with_a_file(tmp_path: Path) -> None:
    """A factory's network can be filled from a file."""
    save_file({"2.weight": torch.ones(10, 12), "2.bias": torch.arange(10.0)}, tmp_path / "own.safetensors")
    model = loader.load(own_spec("tiny", weights=tmp_path / "own.safetensors"), "cpu")
    assert np.array_equal(model.classifier.logits(torch.zeros(1, 3, 4, 4)), [range(10)])


@pytest.mark.usefixtures("own_nets")
@pytest.mark.parametrize(
    ("factory", "keys", "error", "message"),
    [
        ("broken", {}, ModelError, r"python:own_nets:broken failed: RuntimeError: no such backbone\Z"),
        (
            "tiny",
            {"options": {"clases": 7}},
            ModelError,
            r"tiny failed: TypeError: .*unexpected keyword argument 'clases'",
        ),
        ("nothing", {}, ModelError, r"python:own_nets:nothing returned a dict, not a torch\.nn\.Module\Z"),
        ("number", {}, ModelError, r"number failed: TypeError: 'int' object is not callable\Z"),
        ("absent", {}, ConfigError, r"python:own_nets:absent cannot be imported: .*has no attribute 'absent'\Z"),
        ("tiny", {"weights": "IMAGENET1K_V1"}, ConfigError, r"publishes no 'IMAGENET1K_V1'; give a file\Z"),
    ],
)
def test_own_networks_that_fail(factory: str, keys: dict[str, Any], error: type[Exception], message: str) -> None:
    """Whatever a factory does instead of giving a network is one line that names the model and the factory."""
    with pytest.raises(error, match=rf"\A\[models\.net\] .*{message}"):
        loader.load(own_spec(factory, **keys), "cpu")


def test_modules_that_cannot_be_imported(own_nets: Path) -> None:
    """A module that is not there, or that fails while it is imported, is a wrong configuration."""
    with pytest.raises(
        ConfigError, match=r"python:absent_nets:tiny cannot be imported: No module named 'absent_nets'\Z"
    ):
        loader.load(replace(own_spec("tiny"), arch="python:absent_nets:tiny"), "cpu")
    own_nets.write_text("def tiny(:\n")
    with pytest.raises(ConfigError, match=r"python:own_nets:tiny cannot be imported: invalid syntax"):
        loader.load(own_spec("tiny"), "cpu")


# Names and options.


@pytest.mark.parametrize(
    ("arch", "weights", "message"),
    [
        ("torchvision:squeezenet1_00", None, r"'squeezenet1_00'; nearest: squeezenet1_0\b"),
        ("timm:test_resnett", "random:1", r"'test_resnett'; nearest: test_resnet\b"),
        ("timm:test_resnet.r161_in1k", None, r"'test_resnet\.r161_in1k'; tags of test_resnet: r160_in1k\Z"),
        (SQUEEZENET, "IMAGENET1K_V2", r"no 'IMAGENET1K_V2' of squeezenet1_0; it has IMAGENET1K_V1"),
    ],
)
def test_unknown_names(arch: str, weights: str | None, message: str) -> None:
    """An architecture or tag that does not exist is refused with those that do."""
    with pytest.raises(ConfigError, match=message):
        loader.load(make_spec(arch, weights=weights), "cpu")


@pytest.mark.parametrize("weights", ["random:1", "pretrained"])
@pytest.mark.parametrize("arch", [SQUEEZENET, RESNET])
def test_unknown_options(squeezenet: Any, resnet_file: Path, checkpoints: Path, arch: str, weights: str) -> None:
    """An option that the architecture does not have is a wrong configuration, whatever the weights."""
    torch.save(squeezenet.state_dict(), checkpoints / "squeezenet1_0-b66bff10.pth")
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    spec = make_spec(arch, weights=weights, options={"num_clases": 10})
    with pytest.raises(
        ConfigError, match=rf"{arch} cannot be built with {{'num_clases': 10}}: .*argument 'num_clases'"
    ):
        loader.load(spec, "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuda: there is a CUDA device here")
def test_absent_devices() -> None:
    """An absent device is reported before anything is loaded."""
    with pytest.raises(DeviceMissing, match="device 'cuda' was requested"):
        loader.load(make_spec("timm:no_such_network"), "cuda")


# What loading does not change, and precision.


@pytest.mark.parametrize("arch", [SQUEEZENET, RESNET, "python:own_nets:tiny"])
@pytest.mark.usefixtures("own_nets")
def test_random_numbers_are_not_drawn(arch: str) -> None:
    """Loading a network draws none of the process's random numbers."""
    before = torch.get_rng_state()
    loader.load(make_spec(arch, weights="random:1", labels="digits", input=INPUT), "cpu")
    assert torch.equal(before, torch.get_rng_state())


def test_lower_precisions(resnet_file: Path) -> None:
    """In half precision a network takes half the memory, and is still the same state."""
    whole, half = (
        loader.load(make_spec(RESNET, weights=resnet_file, precision=precision), "cpu")
        for precision in ("float32", "bfloat16")
    )
    assert half.info.state_sha256 == whole.info.state_sha256
    assert half.info.weight_bytes < 0.51 * whole.info.weight_bytes


def test_a_factory_cannot_move_the_working_folder(own_nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A factory that changes the working folder changes it only for itself."""
    monkeypatch.chdir(own_nets.parent)  # and back, whatever comes of this
    own_nets.write_text("import os, torch\n\n\ndef net():\n    os.chdir('/')\n    return torch.nn.Linear(2, 2)\n")
    before = Path.cwd()
    with contextlib.suppress(ModelError):
        loader.load(own_spec("net", weights="random:1"), "cpu")
    assert Path.cwd() == before


# The number of outputs.


NETWORKS = (
    *((f"timm:{name}", {}) for name in timm.list_models("test_*")),
    *((f"timm:{name}", {"num_classes": 1}) for name in ("test_resnet", "test_vit")),
    *((f"torchvision:{name}", {}) for name in ("squeezenet1_1", "mnasnet0_5", "googlenet")),
    ("timm:deit_tiny_distilled_patch16_224", {}),
)


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "options"), NETWORKS)
def test_the_last_layer_states_the_number_of_outputs(arch: str, options: dict[str, Any]) -> None:
    """As many as the network returns, whatever its last layer is called, and two of a single one."""
    model = loader.load(make_spec(arch, weights="random:1", options=options), "cpu")
    logits = model.classifier.logits(torch.zeros(1, *model.info.input.shape))
    assert model.outputs == loader.output_count(model) == logits.shape[1]


@pytest.mark.parametrize(
    "keys", [{"options": {"num_classes": 0}}, {"options": {"global_pool": ""}}, {"output": "logits"}]
)
def test_a_network_that_is_not_as_published_states_no_number(keys: dict[str, Any]) -> None:
    """What it returns is known when it is run."""
    assert loader.load(make_spec(RESNET, weights="random:1", **keys), "cpu").outputs is None


@pytest.mark.usefixtures("own_nets")
def test_a_network_of_ones_own_states_no_number() -> None:
    """Its last layer may be anything."""
    model = loader.load(own_spec("tiny", options={"classes": 7}), "cpu")
    assert (model.outputs, loader.output_count(model)) == (None, 7)


def test_a_network_that_cannot_be_copied_has_one_precision() -> None:
    """One error states why, whatever it is that Python does not copy."""
    module = filled(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)))
    module.lock = threading.Lock()
    settings = {"resize": 2, "crop": 2, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3}
    exact = loader.from_module(module, "net", settings, ["a", "b", "c"], "cpu")
    reduced = loader.scored_again(exact, "bfloat16", "photos")
    with pytest.raises(ModelError, match=r"^\[models\.net\] the network cannot be copied and cast: TypeError: "):
        _ = reduced.classifier
