"""imgcls.models: every way to name a network ends in that network, or in one error that says why not."""

import contextlib
import copy
import gc
import hashlib
import shutil
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from imgcls import digest, models, published, random_weights
from imgcls.errors import ConfigError, DeviceMissing, ModelError, WeightsMissing
from imgcls.models import Model, Shelf
from imgcls.records import InputSpec, ModelSpec
from imgcls.runtimes.eager import FLAGS

BATCH = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
HALF = (0.5, 0.5, 0.5)
INPUT = {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": HALF, "std": HALF}
RESNET, SQUEEZENET, GOOGLENET = "timm:test_resnet", "torchvision:squeezenet1_0", "torchvision:googlenet"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

NETS = """
import torch

def tiny(classes=10):
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, classes))

def broken():
    raise RuntimeError("no such\\nbackbone")

def nothing():
    return {"model": None}

number = 7
"""


def _spec(arch: str, **keys: Any) -> ModelSpec:
    return ModelSpec("net", arch, **keys)


def _own(factory: str, **keys: Any) -> ModelSpec:
    return _spec(f"python:own_nets:{factory}", **{"labels": "digits", "input": INPUT, **keys})


def _filled(network: Any) -> Any:
    random_weights.fill(network, 1)
    return network.eval()


def _answers(network: Any) -> Any:
    with torch.inference_mode():
        like_ours = copy.deepcopy(network).to(memory_format=torch.channels_last)
        return like_ours(BATCH.to(memory_format=torch.channels_last)).numpy()


def _assert_answers_like(network: Any, model: Model) -> None:
    """The loaded model gives the network's own logits, which are worth comparing."""
    expected = _answers(network)
    assert expected.std() > 0
    assert np.array_equal(expected, model.classifier.logits(BATCH))


# Networks with known weights, and places for them.


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """On a busy machine the threads of such small networks wait for each other far longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def resnet() -> Any:
    return _filled(timm.create_model("test_resnet"))


@pytest.fixture(scope="module")
def squeezenet() -> Any:
    return _filled(torchvision.models.squeezenet1_0())


@pytest.fixture(scope="module")
def googlenet() -> Any:
    """As torchvision builds it for its published weights, whose file holds the auxiliary heads too."""
    return _filled(torchvision.models.GoogLeNet(transform_input=True, init_weights=False))


@pytest.fixture(scope="module")
def resnet_file(resnet: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "resnet.safetensors"
    save_file(resnet.state_dict(), file)
    return file


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, and nobody to fetch from."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Where torchvision keeps what it downloads."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def _into_the_hub(file: Path, repository: str) -> Path:
    """Put a file where timm finds what it has once downloaded."""
    folder = Path(constants.HF_HUB_CACHE) / f"models--timm--{repository}"
    for part, name in (("refs", "main"), (f"snapshots/{COMMIT}", "model.safetensors")):
        (folder / part).mkdir(parents=True)
        place = folder / part / name
    (folder / "refs" / "main").write_text(COMMIT)
    shutil.copy(file, place)
    return place


@pytest.fixture
def own_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's module of factories, importable by its name."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "own_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(folder)
    yield folder / "own_nets.py"
    sys.modules.pop("own_nets", None)


# Published weights.


def test_torchvisions_published_weights(squeezenet: Any, checkpoints: Path) -> None:
    """A torchvision network answers with the published file of torch.hub's cache; the facts say what was loaded."""
    file = checkpoints / "squeezenet1_0-b66bff10.pth"
    torch.save(squeezenet.state_dict(), file)
    model = models.load(_spec(SQUEEZENET), "cpu")
    _assert_answers_like(squeezenet, model)
    facts, imagenet = model.facts, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (facts.runtime, facts.precision, facts.device) == ("eager", "float32", "cpu")
    assert facts.input == InputSpec(256, (224, 224), "center", "bilinear", *imagenet)
    assert (facts.weights_file_sha256, facts.parameters) == (digest.file_sha256(file), 1_248_424)
    assert (facts.weight_bytes, model.labels.source) == (4 * 1_248_424, "imagenet-1k")


@pytest.mark.parametrize("weights", ["pretrained", "IMAGENET1K_V1", "DEFAULT"])
def test_torchvisions_tags(squeezenet: Any, checkpoints: Path, weights: str) -> None:
    """The default weights can be asked for in words and by their tag."""
    torch.save(squeezenet.state_dict(), checkpoints / "squeezenet1_0-b66bff10.pth")
    _assert_answers_like(squeezenet, models.load(_spec(SQUEEZENET, weights=weights), "cpu"))


def test_googlenet_is_the_published_variant(googlenet: Any, checkpoints: Path) -> None:
    """GoogLeNet's published file, auxiliary heads and all, loads into the network that torchvision makes of it."""
    torch.save(googlenet.state_dict(), checkpoints / "googlenet-1378be20.pth")
    model = models.load(_spec(GOOGLENET), "cpu")
    _assert_answers_like(googlenet, model)
    network: Any = model.classifier
    assert (network.module.transform_input, network.module.aux1, network.module.aux2) == (True, None, None)
    assert model.facts.parameters == 6_624_904


def test_googlenet_with_auxiliary_heads(googlenet: Any, checkpoints: Path) -> None:
    """Somebody who asks for the auxiliary heads gets them from the published file."""
    torch.save(googlenet.state_dict(), checkpoints / "googlenet-1378be20.pth")
    model = models.load(_spec(GOOGLENET, options={"aux_logits": True}), "cpu")
    _assert_answers_like(googlenet, model)
    assert model.facts.parameters == sum(p.numel() for p in googlenet.parameters())


@pytest.mark.parametrize(
    ("arch", "weights"),
    [(RESNET, None), (RESNET, "pretrained"), (RESNET, "r160_in1k"), (f"{RESNET}.r160_in1k", None)],
)
def test_timms_published_weights(resnet: Any, resnet_file: Path, arch: str, weights: str | None) -> None:
    """A timm network, with its tag or without, answers with the file in the hub's cache."""
    file = _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    model = models.load(_spec(arch, weights=weights), "cpu")
    _assert_answers_like(resnet, model)
    assert (model.facts.weights_file_sha256, model.labels.source) == (digest.file_sha256(file), "imagenet-1k")
    assert (model.facts.input.resize, model.facts.input.crop) == (168, (160, 160))


def test_a_timm_network_keeps_no_second_copy(resnet_file: Path) -> None:
    """The state dict that went into a timm network does not stay behind in its configuration."""
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    classifier: Any = models.load(_spec(RESNET), "cpu").classifier
    assert "state_dict" not in classifier.module.pretrained_cfg


def test_timm_fits_its_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published weights of a transformer fit another input size, as timm's own loader makes them fit."""
    save_file(_filled(timm.create_model("test_vit")).state_dict(), tmp_path / "vit.safetensors")
    monkeypatch.setattr(published, "from_timm", lambda _: tmp_path / "vit.safetensors")
    model = models.load(_spec("timm:test_vit", options={"img_size": 64}), "cpu")
    overlay = {"file": str(tmp_path / "vit.safetensors")}
    expected = timm.create_model("test_vit", pretrained=True, pretrained_cfg_overlay=overlay, img_size=64).eval()
    _assert_answers_like(expected, model)


def test_published_weights_that_are_not_to_be_had() -> None:
    """Without a file and without a network the error names the file and the place for it."""
    with pytest.raises(WeightsMissing, match=r"squeezenet1_0-b66bff10\.pth .*put it by hand at .*checkpoints"):
        models.load(_spec(SQUEEZENET), "cpu")


def test_timms_heads_are_never_random(resnet_file: Path) -> None:
    """Another number of classes than the published weights have is refused, though timm would make up a head."""
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    with pytest.raises(ConfigError, match=r"have 1000 classes, and options ask for 10: a head is never replaced"):
        models.load(_spec(RESNET, options={"num_classes": 10}), "cpu")


def test_torchvisions_heads_are_never_random(squeezenet: Any, checkpoints: Path) -> None:
    """Another number of classes than torchvision's file has is refused with the tensor that does not fit."""
    torch.save(squeezenet.state_dict(), checkpoints / "squeezenet1_0-b66bff10.pth")
    with pytest.raises(
        ModelError, match=r"with options \{'num_classes': 10\}: .*size mismatch for classifier\.1\.weight"
    ):
        models.load(_spec(SQUEEZENET, options={"num_classes": 10}), "cpu")


def test_published_weights_that_do_not_fit(tmp_path: Path, resnet_file: Path) -> None:
    """A file in the cache that belongs to another timm network is refused with the names that it lacks."""
    state = load_file(resnet_file)
    state["stem.weight"] = state.pop("conv1.0.weight")
    save_file(state, tmp_path / "other.safetensors")
    _into_the_hub(tmp_path / "other.safetensors", "test_resnet.r160_in1k")
    with pytest.raises(
        ModelError, match=r"model\.safetensors does not fit timm:test_resnet: .*conv1\.0\.weight"
    ) as caught:
        models.load(_spec(RESNET), "cpu")
    assert "\n" not in str(caught.value)


# Files of one's own.


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_own_files(resnet: Any, tmp_path: Path, suffix: str) -> None:
    """A network answers with the weights of a file, of either kind."""
    file = tmp_path / f"own{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(resnet.state_dict(), file)
    model = models.load(_spec(RESNET, weights=file), "cpu")
    _assert_answers_like(resnet, model)
    assert model.facts.weights_file_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_own_files_with_another_head(tmp_path: Path) -> None:
    """A file of one's own may have as many classes as the options say."""
    network = _filled(timm.create_model("test_resnet", num_classes=10))
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    spec = _spec(RESNET, weights=tmp_path / "own.safetensors", options={"num_classes": 10}, labels="digits")
    model = models.load(spec, "cpu")
    _assert_answers_like(network, model)
    assert (models.outputs(model), len(model.labels.names)) == (10, 10)


def test_files_that_do_not_fit(resnet_file: Path, tmp_path: Path) -> None:
    """A file with a tensor too few and one too many is refused in one line that names both."""
    state = load_file(resnet_file)
    state["fc.scale"] = state.pop("fc.bias")
    save_file(state, tmp_path / "own.safetensors")
    expected = r"own\.safetensors does not fit timm:test_resnet with options \{\}: .*\"fc\.bias\".*\"fc\.scale\""
    with pytest.raises(ModelError, match=expected) as caught:
        models.load(_spec(RESNET, weights=tmp_path / "own.safetensors"), "cpu")
    assert "\n" not in str(caught.value)


def test_absent_files(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(WeightsMissing, match=r"no weights file at .*own\.pth"):
        models.load(_spec(RESNET, weights=tmp_path / "own.pth"), "cpu")


def test_the_pinned_file_loads(resnet_file: Path) -> None:
    """A file that has the pinned hash loads."""
    pin = digest.file_sha256(resnet_file)
    assert models.load(_spec(RESNET, weights=resnet_file, sha256=pin), "cpu").facts.weights_file_sha256 == pin


def test_another_file_than_the_pinned_one(resnet_file: Path) -> None:
    """A file that does not have the pinned hash is refused, one's own and a published one."""
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    for weights in (resnet_file, None):
        with pytest.raises(
            ModelError, match=r"resnet.*is not the pinned file: its sha256 is .*, the configuration pins 0{64}"
        ):
            models.load(_spec(RESNET, weights=weights, sha256="0" * 64), "cpu")


# Built-in and random weights.


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet", {}), ("efficientnet", {}), ("vit", {"img_size": 32, "patch_size": 8})],
)
def test_builtin_weights(name: str, options: dict[str, Any]) -> None:
    """The three networks that come with the package load, and answer with ten classes."""
    keys = {"options": {"num_classes": 10, **options}, "labels": "digits", "input": INPUT}
    model = models.load(_spec(f"timm:test_{name}", weights=f"builtin:digits_{name}", **keys), "cpu")
    assert (models.outputs(model), len(model.labels.names)) == (10, 10)
    assert model.facts.weights_file_sha256 is not None


def test_unknown_builtin_weights() -> None:
    """Weights that do not come with the package are refused with those that do."""
    with pytest.raises(
        ConfigError, match=r"no built-in weights 'digits'; known: digits_efficientnet, digits_resnet, digits_vit\Z"
    ):
        models.load(_spec(RESNET, weights="builtin:digits"), "cpu")


@pytest.mark.parametrize("arch", [SQUEEZENET, RESNET, f"{RESNET}.r160_in1k"])
def test_random_weights(arch: str) -> None:
    """Random weights are those of their seed: the same seed gives the same network, another seed another, no file."""
    one, again, other = (models.load(_spec(arch, weights=f"random:{seed}"), "cpu") for seed in (1, 1, 2))
    assert one.facts.state_sha256 == again.facts.state_sha256 != other.facts.state_sha256
    assert one.facts.weights_file_sha256 is None


def test_random_weights_are_filled_in(resnet: Any, googlenet: Any) -> None:
    """Random weights mean the values of their rule in the published variant of the architecture."""
    _assert_answers_like(resnet, models.load(_spec(RESNET, weights="random:1"), "cpu"))
    _assert_answers_like(googlenet, models.load(_spec(GOOGLENET, weights="random:1"), "cpu"))


@pytest.mark.usefixtures("own_nets")
def test_random_weights_of_own_networks() -> None:
    """A network of one's own can be given random weights too."""
    one, again = (models.load(_own("tiny", weights="random:1"), "cpu") for _ in range(2))
    assert np.array_equal(one.classifier.logits(BATCH), again.classifier.logits(BATCH))


# Networks of one's own.


@pytest.mark.usefixtures("own_nets")
def test_own_networks() -> None:
    """A factory's network is used as it comes, with the options as its arguments."""
    model = models.load(_own("tiny", options={"classes": 7}), "cpu")
    assert (models.outputs(model), model.facts.parameters, model.facts.weights_file_sha256) == (7, 7 * 13, None)
    assert (model.facts.input.crop, model.labels.source) == ((32, 32), "digits")


@pytest.mark.usefixtures("own_nets")
def test_own_networks_with_a_file(tmp_path: Path) -> None:
    """A factory's network can be filled from a file."""
    save_file({"2.weight": torch.ones(10, 12), "2.bias": torch.arange(10.0)}, tmp_path / "own.safetensors")
    model = models.load(_own("tiny", weights=tmp_path / "own.safetensors"), "cpu")
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
        ("nothing", {}, ModelError, r"python:own_nets:nothing returned a dict, no torch\.nn\.Module\Z"),
        ("number", {}, ModelError, r"number failed: TypeError: 'int' object is not callable\Z"),
        ("absent", {}, ConfigError, r"python:own_nets:absent cannot be imported: .*has no attribute 'absent'\Z"),
        ("tiny", {"weights": "IMAGENET1K_V1"}, ConfigError, r"publishes no 'IMAGENET1K_V1'; give a file\Z"),
    ],
)
def test_own_networks_that_fail(factory: str, keys: dict[str, Any], error: type[Exception], message: str) -> None:
    """Whatever a factory does instead of giving a network is one line that names the model and the factory."""
    with pytest.raises(error, match=rf"\A\[models\.net\] .*{message}"):
        models.load(_own(factory, **keys), "cpu")


def test_modules_that_cannot_be_imported(own_nets: Path) -> None:
    """A module that is not there, or that fails while it is imported, is a wrong configuration."""
    with pytest.raises(
        ConfigError, match=r"python:absent_nets:tiny cannot be imported: No module named 'absent_nets'\Z"
    ):
        models.load(replace(_own("tiny"), arch="python:absent_nets:tiny"), "cpu")
    own_nets.write_text("def tiny(:\n")
    with pytest.raises(ConfigError, match=r"python:own_nets:tiny cannot be imported: invalid syntax"):
        models.load(_own("tiny"), "cpu")


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
        models.load(_spec(arch, weights=weights), "cpu")


@pytest.mark.parametrize("weights", ["random:1", "pretrained"])
@pytest.mark.parametrize("arch", [SQUEEZENET, RESNET])
def test_unknown_options(squeezenet: Any, resnet_file: Path, checkpoints: Path, arch: str, weights: str) -> None:
    """An option that the architecture does not have is a wrong configuration, whatever the weights."""
    torch.save(squeezenet.state_dict(), checkpoints / "squeezenet1_0-b66bff10.pth")
    _into_the_hub(resnet_file, "test_resnet.r160_in1k")
    spec = _spec(arch, weights=weights, options={"num_clases": 10})
    with pytest.raises(
        ConfigError, match=rf"{arch} cannot be built with {{'num_clases': 10}}: .*argument 'num_clases'"
    ):
        models.load(spec, "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuda: there is a CUDA device here")
def test_absent_devices() -> None:
    """A device that is not there is told before anything is loaded."""
    with pytest.raises(DeviceMissing, match="device 'cuda' was asked for"):
        models.load(_spec("timm:no_such_network"), "cuda")


# What loading leaves alone, and what it finds.


@pytest.mark.parametrize("arch", [SQUEEZENET, RESNET, "python:own_nets:tiny"])
@pytest.mark.usefixtures("own_nets")
def test_random_numbers_are_left_alone(arch: str) -> None:
    """Loading a network draws none of the process's random numbers."""
    before = torch.get_rng_state()
    models.load(_spec(arch, weights="random:1", labels="digits", input=INPUT), "cpu")
    assert torch.equal(before, torch.get_rng_state())


def test_lower_precisions(resnet_file: Path) -> None:
    """In half precision a network takes half the memory, and is still the same state."""
    whole, half = (
        models.load(_spec(RESNET, weights=resnet_file, precision=precision), "cpu")
        for precision in ("float32", "bfloat16")
    )
    assert half.facts.state_sha256 == whole.facts.state_sha256
    assert half.facts.weight_bytes < 0.51 * whole.facts.weight_bytes


# What tells predictions apart.


def _key(spec: ModelSpec) -> str:
    return models.load(spec, "cpu").prediction_key("Pillow 13")


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"drop_rate": 0.1}},
        {"arch": f"{RESNET}.r160_in1k"},
        {"precision": "bfloat16"},
        {"decode": "fast"},
        {"input": {"resize": 200}},
        {"input": {"crop": 128}},
        {"input": {"crop_mode": "squash"}},
        {"input": {"interpolation": "bicubic"}},
        {"input": {"mean": (0.5, 0.5, 0.5000001)}},
        {"input": {"std": (0.5, 0.5, 0.5000001)}},
    ],
    ids=str,
)
def test_a_prediction_depends_on_its_model(resnet_file: Path, change: dict[str, Any]) -> None:
    """Change what the network is, is fed or computes with, and it is another prediction."""
    spec = _spec(RESNET, weights=resnet_file)
    assert _key(spec) != _key(replace(spec, **change))


def test_a_prediction_depends_on_the_weights(resnet_file: Path, tmp_path: Path) -> None:
    """The last bit of one weight makes another prediction; the same weights in another kind of file do not."""
    state = load_file(resnet_file)
    torch.save(state, tmp_path / "same.pth")
    state["fc.bias"][0] = torch.nextafter(state["fc.bias"][0], torch.tensor(9.0))
    save_file(state, tmp_path / "nearly.safetensors")
    key, same, nearly = (
        _key(_spec(RESNET, weights=file))
        for file in (resnet_file, tmp_path / "same.pth", tmp_path / "nearly.safetensors")
    )
    assert key == same != nearly


def test_a_prediction_depends_on_the_decoding(resnet_file: Path) -> None:
    """Another decoder of the pictures makes other predictions."""
    model = models.load(_spec(RESNET, weights=resnet_file), "cpu")
    assert model.prediction_key("Pillow 13") != model.prediction_key("Pillow 14")


@pytest.mark.parametrize("arch", [RESNET, SQUEEZENET])
def test_a_prediction_depends_on_the_versions(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another torch, another version of the network's library, or other numeric flags make other predictions."""
    model = models.load(_spec(arch, weights="random:1"), "cpu")

    def key() -> str:
        return replace(model, identity=models._identity(model.spec, model.facts, {})).prediction_key("Pillow 13")

    keys = {key(), key(), model.prediction_key("Pillow 13")}
    for place, name, value in ((torch, "__version__", "99.0"), (metadata, "version", lambda _: "99.0")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, value)
            keys.add(key())
    monkeypatch.setitem(FLAGS, "tf32", True)
    keys.add(key())
    assert len(keys) == 4


def test_a_prediction_depends_on_the_kind_of_device(resnet_file: Path) -> None:
    """What a graphics card computes is another prediction, whichever of several cards it is."""
    model = models.load(_spec(RESNET, weights=resnet_file), "cpu")
    first, second = (models._identity(model.spec, replace(model.facts, device=f"cuda:{n}"), {}) for n in (0, 1))
    assert model.identity != first == second


def test_a_prediction_depends_on_the_factorys_file(own_nets: Path) -> None:
    """One's own network is another one when its module's file has changed, be it by a comment."""
    key = _key(_own("tiny", weights="random:1"))
    del sys.modules["own_nets"]
    assert key == _key(_own("tiny", weights="random:1"))
    own_nets.write_text(f"{NETS}# changed\n")
    del sys.modules["own_nets"]
    assert key != _key(_own("tiny", weights="random:1"))


def test_a_prediction_depends_on_the_files_of_the_layers(own_nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network whose layers are written in another module is another one when that has changed."""
    layers = own_nets.with_name("own_layers.py")
    text = "import torch\n\n\nclass Head(torch.nn.Linear):\n    pass\n"
    layers.write_text(text)
    own_nets.write_text(
        "from torch import nn\nimport own_layers\n\n\n"
        "def net():\n    return nn.Sequential(nn.Flatten(), own_layers.Head(3, 2))\n"
    )
    spec = _own("net", weights="random:1")
    model = models.load(spec, "cpu")
    assert model.identity["own_sources"].keys() == {"own_nets", "own_layers"}
    layers.write_text(f"{text}# changed\n")
    monkeypatch.delitem(sys.modules, "own_layers")
    assert model.identity != models.load(spec, "cpu").identity


def test_a_factory_that_is_written_elsewhere(own_nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for may only pass on what is written in another file, and torch may dress up a user's layer."""
    own_nets.write_text("from own_factory import net\n")
    text = (
        "import torch\n\n\nclass Head(torch.nn.Linear):\n    pass\n\n\n"
        "def net():\n    head = Head(3, 2)\n    torch.nn.utils.parametrizations.weight_norm(head)\n    return head\n"
    )
    own_nets.with_name("own_factory.py").write_text(text)
    identity = models.load(_own("net", weights="random:1"), "cpu").identity
    monkeypatch.delitem(sys.modules, "own_factory")
    assert identity["own_sources"].keys() == {"own_nets", "own_factory"}
    assert identity["own_sources"]["own_factory"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_factory_that_goes_elsewhere_goes_alone(own_nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its working folder is not that of the run."""
    monkeypatch.chdir(own_nets.parent)  # and back, whatever comes of this
    own_nets.write_text("import os, torch\n\n\ndef net():\n    os.chdir('/')\n    return torch.nn.Linear(2, 2)\n")
    before = Path.cwd()
    with contextlib.suppress(ModelError):
        models.load(_own("net", weights="random:1"), "cpu")
    assert Path.cwd() == before


def test_a_prediction_does_not_depend_on_names(resnet_file: Path, tmp_path: Path) -> None:
    """What a model is called, where its file lies and how its classes are named is no part of a prediction."""
    spec = _spec(RESNET, weights=resnet_file)
    other = ModelSpec(
        "other", RESNET, Path(shutil.copy(resnet_file, tmp_path)), labels="imagenet-21k", datasets=("photos",)
    )
    assert _key(spec) == _key(replace(spec, input={"interpolation": "bilinear"})) == _key(other)


# The shelf.


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded, in order."""
    names: list[str] = []
    load = models.load

    def counting(spec: ModelSpec, device: str, artefacts: Path | None = None) -> Model:
        names.append(spec.name)
        return load(spec, device, artefacts)

    monkeypatch.setattr(models, "load", counting)
    return names


def test_the_shelf_loads_once(resnet_file: Path, loaded: list[str]) -> None:
    """A model is loaded when it is first asked for, and is the same object from then on."""
    shelf = Shelf({name: replace(_spec(RESNET, weights=resnet_file), name=name) for name in ("one", "two")}, "cpu")
    assert loaded == []
    assert shelf.get("one") is shelf.get("one")
    assert (shelf.get("two").spec.name, loaded) == ("two", ["one", "two"])


def test_the_shelf_remembers_failures(resnet_file: Path, tmp_path: Path, loaded: list[str]) -> None:
    """A model that failed to load fails alike for whoever asks next, and is tried again once it was released."""
    shelf = Shelf({"net": _spec(RESNET, weights=tmp_path / "own.safetensors")}, "cpu")
    with pytest.raises(WeightsMissing, match="no weights file") as first:
        shelf.get("net")
    shutil.copy(resnet_file, tmp_path / "own.safetensors")
    with pytest.raises(WeightsMissing, match="no weights file") as second:
        shelf.get("net")
    assert (first.value is second.value, loaded) == (True, ["net"])
    shelf.release("net")
    assert (shelf.get("net").spec.name, loaded) == ("net", ["net", "net"])


def test_the_shelf_lets_go(resnet_file: Path, loaded: list[str]) -> None:
    """A released model's memory is free, and asked for again it is loaded again; releasing nothing is no error."""
    shelf = Shelf({"net": _spec(RESNET, weights=resnet_file)}, "cpu")
    shelf.release("net")
    network = weakref.ref(getattr(shelf.get("net").classifier, "module"))  # noqa: B009 - the protocol has no module
    shelf.release("net")
    gc.collect()
    assert network() is None
    assert (shelf.get("net").spec.name, loaded) == ("net", ["net", "net"])


def test_predictions_are_those_of_this_very_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed byte in a file that an answer comes about in, and it is another prediction."""
    for name in ("pixels.py", "preprocess.py", "scoring.py", "pipeline.py", "runtimes/eager.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    monkeypatch.setattr(models, "PACKAGE", tmp_path)
    before = models._source_sha256(*models.ANSWERING)
    for name in ("pixels.py", "preprocess.py", "scoring.py", "pipeline.py", "runtimes/eager.py"):
        (tmp_path / name).write_text("x = 2")
        after = models._source_sha256(*models.ANSWERING)
        assert after != before
        before = after
    (tmp_path / "tables.py").write_text("x = 3")
    assert models._source_sha256(*models.ANSWERING) == before
