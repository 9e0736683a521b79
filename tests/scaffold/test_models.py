"""Which models a first configuration has."""

import socket
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from first_hour import ARCH, write_checkpoint
from imgcls.data import class_lists
from imgcls.errors import ConfigError, WeightsMissing
from imgcls.models.sources import registry
from imgcls.models.weights import recognition
from imgcls.models.weights.recognition import Recognition
from imgcls.scaffold import models
from imgcls.scaffold.models import ProposedModel


@pytest.fixture(autouse=True)
def without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection fails the test; paths are those of the working folder."""

    def refuse(*_: object) -> NoReturn:
        pytest.fail("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)


def _proposed(*words: str) -> list[ProposedModel]:
    return models.proposed(words or None, Path())


def test_published_weights_need_no_network() -> None:
    """Torchvision's have the tag of today and what was published; timm's have classes."""
    resnet, vit, large = _proposed("torchvision:resnet50", "timm:test_vit", "timm:resnetv2_50x1_bit.goog_in21k")
    assert (resnet.name, resnet.architectures, resnet.weights) == (
        "resnet50", ("torchvision:resnet50",), "IMAGENET1K_V2",
    )  # fmt: skip
    assert resnet.published == pytest.approx(0.80858)
    assert (vit.name, vit.weights, vit.published) == ("test_vit", None, None)
    assert [len(model.classes.names) for model in (resnet, vit, large)] == [1000, 1000, 21843]
    assert large.name == "resnetv2_50x1_bit"
    assert not any(model.problem for model in (resnet, vit, large))


def test_a_bare_name_is_completed() -> None:
    """As everywhere: torchvision before timm."""
    assert [model.architectures for model in _proposed("alexnet", "test_vit")] == [
        ("torchvision:alexnet",),
        ("timm:test_vit",),
    ]


def test_names_that_would_collide_become_longer() -> None:
    """Each is one that a configuration takes; the same word twice is one model."""
    proposed = _proposed(
        "torchvision:resnet50", "timm:resnet50.a1_in1k", "timm:resnet50.a2_in1k", "timm:resnet50.a1_in1k"
    )
    assert [model.name for model in proposed] == ["resnet50", "resnet50-a1_in1k", "resnet50-a2_in1k"]
    for file in ("мод.safetensors", "a b.safetensors", "a-b.safetensors", "v2.best.safetensors"):
        write_checkpoint(Path(file))
    proposed = _proposed("мод.safetensors", "a b.safetensors", "a-b.safetensors", "v2.best.safetensors")
    assert [model.name for model in proposed] == ["model", "a-b", "a-b-2", "v2-best"]


def test_a_checkpoint_states_its_classes() -> None:
    """Those that it was trained on, or ImageNet's where it has as many outputs."""
    write_checkpoint(Path("own.safetensors"), ["кошка", "собака"])
    write_checkpoint(Path("weights/net.safetensors"))
    own, net = _proposed("own.safetensors", "weights/net.safetensors")
    assert (own.name, own.architectures, own.weights) == ("own", (ARCH,), Path("own.safetensors"))
    assert own.classes.names == ("кошка", "собака")
    assert net.classes.source == "imagenet-1k"


def test_another_number_of_outputs_is_not_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head of 7 outputs has other classes than the architecture by default."""
    monkeypatch.setattr(recognition, "recognise", lambda _: Recognition(("timm:resnet18",), 7, ""))
    torch.save({"fc.bias": torch.zeros(7)}, "net.pth")
    [model] = _proposed("net.pth")
    assert (model.classes, model.outputs) == (class_lists.UNSTATED, 7)


def test_the_only_checkpoint_is_the_model() -> None:
    """In the working folder or in weights/; several are named, and none is guessed."""
    write_checkpoint(Path("weights/net.safetensors"))
    Path("notes.txt").touch()
    [model] = _proposed()
    assert (model.name, model.weights) == ("net", Path("weights/net.safetensors"))
    assert model.guesses[0] == "the only checkpoint here, and no --models names another"
    write_checkpoint(Path("best.safetensors"))
    expected = r"^several checkpoints lie here, best.safetensors, weights/net.safetensors: name those .* --models$"
    with pytest.raises(ConfigError, match=expected):
        _proposed()


def test_without_any_word_a_small_published_network_is_taken() -> None:
    """And it is said why."""
    [model] = _proposed()
    assert model.architectures == (models.DEFAULT,)
    assert model.guesses == ("small to fetch and quick on a CPU, and no --models names another",)
    assert model.published == pytest.approx(0.75274)


def test_a_file_with_a_whole_network_is_its_own_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its suffix."""
    monkeypatch.setattr(registry, "label_list", lambda *_: class_lists.UNSTATED)
    Path("net.onnx").write_bytes(b"onnx")
    [model] = _proposed("net.onnx")
    assert (model.architectures, model.weights, model.classes) == (("onnx:net.onnx",), None, class_lists.UNSTATED)


def test_classes_that_have_to_be_fetched_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a repository on the hub; the model stands in the configuration all the same."""

    def missing(*_: object) -> NoReturn:
        raise WeightsMissing("cannot get config.json: no response")

    monkeypatch.setattr(registry, "label_list", missing)
    [model] = _proposed("timm:hf-hub:timm/resnet18")
    assert (model.name, model.architectures) == ("resnet18", ("timm:hf-hub:timm/resnet18",))
    assert model.problem == (
        "the classes of timm:hf-hub:timm/resnet18 are not known here: cannot get config.json: no response"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("resnet5O", "neither torchvision nor timm has a model 'resnet5O'; nearest: "),
        ("torchvision:resnet5", "torchvision has no classifier 'resnet5'; nearest: "),
        ("absent.pth", "--models absent.pth: there is no such file, and no architecture is called so"),
        ("keras:resnet", r"--models: \[models.resnet\] arch: 'keras:resnet' is not one of torchvision:NAME"),
        ("", "--models has an empty name in it"),
    ],
)
def test_a_word_that_is_no_model_is_refused(word: str, expected: str) -> None:
    """With what is nearest."""
    with pytest.raises(ConfigError, match=f"^{expected}"):
        _proposed(word)
