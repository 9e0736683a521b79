"""imgcls.models.identity: the key of a prediction changes with everything that it depends on, and with nothing else."""

import hashlib
import shutil
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from imgcls.errors import MachineError
from imgcls.models import identity, loader
from imgcls.models.runtimes.base import FLAGS
from imgcls.records.config import ModelSpec
from networks import NETS, RESNET, SQUEEZENET, make_spec, own_spec

pytestmark = pytest.mark.usefixtures("one_thread", "own_caches")


def _key(spec: ModelSpec) -> str:
    return loader.load(spec, "cpu").prediction_key("Pillow 13")


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"drop_rate": 0.1}},
        {"arch": f"{RESNET}.r160_in1k"},
        {"precision": "bfloat16"},
        {"decode": "fast"},
        {"output": "logits"},
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
    spec = make_spec(RESNET, weights=resnet_file)
    assert _key(spec) != _key(replace(spec, **change))


def test_a_prediction_depends_on_the_weights(resnet_file: Path, tmp_path: Path) -> None:
    """The last bit of one weight makes another prediction; the same weights in another kind of file do not."""
    state = load_file(resnet_file)
    torch.save(state, tmp_path / "same.pth")
    state["fc.bias"][0] = torch.nextafter(state["fc.bias"][0], torch.tensor(9.0))
    save_file(state, tmp_path / "nearly.safetensors")
    key, same, nearly = (
        _key(make_spec(RESNET, weights=file))
        for file in (resnet_file, tmp_path / "same.pth", tmp_path / "nearly.safetensors")
    )
    assert key == same != nearly


def test_a_prediction_depends_on_the_decoding(resnet_file: Path) -> None:
    """Another decoder of the images makes other predictions."""
    model = loader.load(make_spec(RESNET, weights=resnet_file), "cpu")
    assert model.prediction_key("Pillow 13") != model.prediction_key("Pillow 14")


@pytest.mark.parametrize("arch", [RESNET, SQUEEZENET])
def test_a_prediction_depends_on_the_versions(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another torch, another version of the network's library, or other numeric flags make other predictions."""
    model = loader.load(make_spec(arch, weights="random:1"), "cpu")

    def key() -> str:
        return replace(model, identity=identity.identity_of(model.spec, model.info, {})).prediction_key("Pillow 13")

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
    model = loader.load(make_spec(RESNET, weights=resnet_file), "cpu")
    first, second = (identity.identity_of(model.spec, replace(model.info, device=f"cuda:{n}"), {}) for n in (0, 1))
    assert model.identity != first == second


def test_a_prediction_depends_on_the_factorys_file(own_nets: Path) -> None:
    """One's own network is another one when its module's file has changed, be it by a comment."""
    key = _key(own_spec("tiny", weights="random:1"))
    del sys.modules["own_nets"]
    assert key == _key(own_spec("tiny", weights="random:1"))
    own_nets.write_text(f"{NETS}# changed\n")
    del sys.modules["own_nets"]
    assert key != _key(own_spec("tiny", weights="random:1"))


def test_a_prediction_depends_on_the_files_of_the_layers(own_nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network whose layers are written in another module is another one when that has changed."""
    layers = own_nets.with_name("own_layers.py")
    text = "import torch\n\n\nclass Head(torch.nn.Linear):\n    pass\n"
    layers.write_text(text)
    own_nets.write_text(
        "from torch import nn\nimport own_layers\n\n\n"
        "def net():\n    return nn.Sequential(nn.Flatten(), own_layers.Head(3, 2))\n"
    )
    spec = own_spec("net", weights="random:1")
    model = loader.load(spec, "cpu")
    assert model.identity["own_sources"].keys() == {"own_nets", "own_layers"}
    layers.write_text(f"{text}# changed\n")
    monkeypatch.delitem(sys.modules, "own_layers")
    assert model.identity != loader.load(spec, "cpu").identity


@pytest.mark.parametrize(
    "line", ["import own_package.parts", "from own_package import parts", "from own_package.parts import SCALE"]
)
def test_a_prediction_depends_on_what_own_modules_import(line: str, own_nets: Path) -> None:
    """Functions and numbers of other modules of the user's count, those that they import in turn too."""
    package = own_nets.with_name("own_package")
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text("import numpy\nfrom . import numbers\nfrom .numbers import SCALE\n")
    (package / "numbers.py").write_text("SCALE = 2\n")
    own_nets.write_text(f"from torch import nn\n{line}\n\n\ndef net():\n    return nn.Linear(3, 2)\n")
    spec = own_spec("net", weights="random:1")
    model = loader.load(spec, "cpu")
    parts = {"own_package", "own_package.parts", "own_package.numbers"}
    assert model.identity["own_sources"].keys() == {"own_nets", *parts}
    (package / "numbers.py").write_text("SCALE = 3\n")
    for name in ("own_nets", *parts):
        del sys.modules[name]
    assert model.identity != loader.load(spec, "cpu").identity
    for name in parts:
        del sys.modules[name]


def test_a_factory_that_is_written_elsewhere(own_nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named factory may only pass on one of another file, and torch may derive a class from a user's layer."""
    own_nets.write_text("from own_factory import net\n")
    text = (
        "import torch\n\n\nclass Head(torch.nn.Linear):\n    pass\n\n\n"
        "def net():\n    head = Head(3, 2)\n    torch.nn.utils.parametrizations.weight_norm(head)\n    return head\n"
    )
    own_nets.with_name("own_factory.py").write_text(text)
    identity = loader.load(own_spec("net", weights="random:1"), "cpu").identity
    monkeypatch.delitem(sys.modules, "own_factory")
    assert identity["own_sources"].keys() == {"own_nets", "own_factory"}
    assert identity["own_sources"]["own_factory"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_prediction_does_not_depend_on_names(resnet_file: Path, tmp_path: Path) -> None:
    """A model's name, the place of its file and the names of its classes are not part of a prediction's key."""
    spec = make_spec(RESNET, weights=resnet_file)
    other = ModelSpec(
        "other", RESNET, Path(shutil.copy(resnet_file, tmp_path)), labels="imagenet-21k", datasets=("photos",)
    )
    assert _key(spec) == _key(replace(spec, input={"interpolation": "bilinear"})) == _key(other)


PREDICTING = (
    "preprocessing/decode.py",
    "evaluation/metrics.py",
    "evaluation/decoder_process.py",
    "evaluation/decoders.py",
    "evaluation/inputs.py",
    "evaluation/pipeline.py",
    "models/inference.py",
    "models/outputs.py",
    "models/files/port.py",
    "models/runtimes/eager.py",
)


def test_predictions_are_those_of_this_very_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed byte in a file in which predictions are computed, and it is another prediction."""
    for name in PREDICTING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    monkeypatch.setattr(identity, "PACKAGE", tmp_path)
    before = identity.source_sha256(*identity.PREDICTION_SOURCES)
    for name in PREDICTING:
        (tmp_path / name).write_text("x = 2")
        after = identity.source_sha256(*identity.PREDICTION_SOURCES)
        assert after != before
        before = after
    (tmp_path / "tables.py").write_text("x = 3")
    assert identity.source_sha256(*identity.PREDICTION_SOURCES) == before


def test_a_pattern_without_files_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that lacks a file on which predictions depend would serve old ones, and is refused."""
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(identity, "PACKAGE", tmp_path)
    with pytest.raises(
        MachineError, match=r"has no file models/inference\.py, .*pip install --force-reinstall imgcls\Z"
    ):
        identity.source_sha256("models/inference.py")


def test_every_prediction_source_exists() -> None:
    """Each pattern names files of this installation."""
    for pattern in identity.PREDICTION_SOURCES:
        assert len(identity.source_sha256(pattern)) == 64
