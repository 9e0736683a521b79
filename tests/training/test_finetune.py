"""The initial model of a training: from scratch, from weights, and with a new head where classes are others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

from imgcls import hashing
from imgcls.errors import ConfigError, ModelError, WeightsMissing
from imgcls.models import loader
from imgcls.models.sources.base import Filled
from imgcls.models.weights import reader
from imgcls.records.config import ModelSpec
from imgcls.training import finetune

NET = "timm:test_efficientnet"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of weights of a network of seven classes."""
    file = tmp_path / "seven.safetensors"
    save_file(timm.create_model("test_efficientnet", num_classes=7).state_dict(), file)
    return file


def test_from_scratch_it_has_the_classes(weights: Path) -> None:
    """Without weights, values come from torch's generator, and nothing is replaced."""
    assert weights
    with torch.random.fork_rng():
        torch.manual_seed(5)
        initial = finetune.begin(ModelSpec("x", NET, options={"drop_rate": 0.1}), 3)
        torch.manual_seed(5)
        expected = timm.create_model("test_efficientnet", num_classes=3).state_dict()
    assert initial[1:] == ({"drop_rate": 0.1, "num_classes": 3}, (), None, ())
    assert all(torch.equal(value, expected[name]) for name, value in initial.network.state_dict().items())


def test_a_head_of_the_same_size_is_kept(weights: Path) -> None:
    """With as many classes as the weights have, every tensor is the file's."""
    initial = finetune.begin(ModelSpec("x", NET, weights), 7)
    assert (initial.replaced, initial.weights_sha256) == ((), hashing.file_sha256(weights))
    stored = load_file(weights)
    assert all(torch.equal(value, stored[name]) for name, value in initial.network.state_dict().items())


def test_a_file_that_is_replaced_while_it_is_read(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training does not begin from the values of two files."""
    read = reader.read

    def replaced(file: Path, *arguments: Any) -> Any:
        result = read(file, *arguments)
        os.utime(file, ns=(0, 0))
        return result

    monkeypatch.setattr(reader, "read", replaced)
    with pytest.raises(ModelError, match=r"seven\.safetensors was changed while it was read; run again when nothing"):
        finetune.begin(ModelSpec("x", NET, weights), 3)


def test_a_head_of_another_size_begins_anew(weights: Path) -> None:
    """The new layer is named; its weights are small, its bias zero, and everything else is the file's."""
    initial = finetune.begin(ModelSpec("x", NET, weights), 3)
    assert initial.replaced == ("classifier",)
    state, stored = initial.network.state_dict(), load_file(weights)
    assert 0.0009 < state["classifier.weight"].std() < 0.0011
    assert torch.equal(state["classifier.bias"], torch.zeros(3))
    assert all(torch.equal(state[name], stored[name]) for name in stored if not name.startswith("classifier"))


def test_a_checkpoint_of_another_script(weights: Path, tmp_path: Path) -> None:
    """Averaged weights in a checkpoint of any training script are a beginning, too, and it is said what was taken."""
    stored = load_file(weights)
    averaged = {f"module.{name}": tensor for name, tensor in stored.items() if "num_batches" not in name}
    raw = {name: torch.zeros_like(tensor) for name, tensor in stored.items()}
    torch.save({"model": raw, "model_ema": averaged}, tmp_path / "a.pth.tar")
    initial = finetune.begin(ModelSpec("x", NET, tmp_path / "a.pth.tar"), 3)
    assert torch.equal(initial.network.state_dict()["conv_stem.weight"], stored["conv_stem.weight"])
    assert initial.replaced == ("classifier",)
    first, second = initial.notes
    assert first.startswith("a.pth.tar: the averaged weights under model_ema are loaded, as timm does; ")
    assert second.startswith("a.pth.tar: the prefix module. is removed from ")


@pytest.mark.parametrize(
    ("name", "options", "head"),
    [
        ("squeezenet1_1", {}, "classifier.1"),
        ("mobilenet_v3_small", {}, "classifier.3"),
        ("resnet18", {}, "fc"),
        ("shufflenet_v2_x0_5", {}, "fc"),
        ("googlenet", {"aux_logits": False, "init_weights": False}, "fc"),
    ],
)
def test_heads_of_torchvision(tmp_path: Path, name: str, options: dict[str, object], head: str) -> None:
    """The head of torchvision's networks is the last layer with parameters."""
    file = tmp_path / "net.pth"
    torch.save(torchvision.models.get_model(name, weights=None, num_classes=5, **options).state_dict(), file)
    assert finetune.begin(ModelSpec("x", f"torchvision:{name}", file), 3).replaced == (head,)


def test_two_heads_are_both_replaced(tmp_path: Path) -> None:
    """timm's distilled networks have two layers that make logits."""
    file, options = tmp_path / "deit.safetensors", {"depth": 1, "embed_dim": 24, "num_heads": 3}
    name = "deit_tiny_distilled_patch16_224"
    save_file(timm.create_model(name, num_classes=5, **options).state_dict(), file)
    assert finetune.begin(ModelSpec("x", f"timm:{name}", file, options=options), 3).replaced == ("head", "head_dist")


def test_weights_without_a_head(tmp_path: Path) -> None:
    """Weights of only the features fit too: the head begins anew."""
    file = tmp_path / "features.safetensors"
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), file)
    assert finetune.begin(ModelSpec("x", NET, file), 3).replaced == ("classifier",)


def test_anything_else_must_fit(weights: Path) -> None:
    """A tensor outside the head that is missing, of another shape, or one too many is an error that names it."""
    complete = load_file(weights)
    for name, tensor in (("conv_stem.weight", None), ("conv_stem.weight", torch.zeros(3, 3)), ("odd", torch.zeros(2))):
        changed = {**complete, name: tensor}
        save_file({key: value for key, value in changed.items() if value is not None}, weights)
        with pytest.raises(
            ModelError, match=rf"does not fit timm:test_efficientnet .*1 tensor .* the first is {name}, "
        ):
            finetune.begin(ModelSpec("x", NET, weights), 3)


def test_quantized_weights_are_refused(tmp_path: Path) -> None:
    """Whole numbers are no weights to begin with either."""
    state = timm.create_model("test_efficientnet", num_classes=3).state_dict()
    torch.save({**state, "conv_stem.weight": state["conv_stem.weight"].to(torch.int8)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"does not fit .*: conv_stem\.weight holds values of type int8"):
        finetune.begin(ModelSpec("x", NET, tmp_path / "net.pth"), 3)


def test_auxiliary_heads_are_left_behind(tmp_path: Path) -> None:
    """The auxiliary heads of googlenet's published files are left out, as everywhere else in this package."""
    file = tmp_path / "net.pth"
    network = torchvision.models.googlenet(weights=None, num_classes=5, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), file)
    assert finetune.begin(ModelSpec("x", "torchvision:googlenet", file), 3).replaced == ("fc",)


def test_builtin_weights() -> None:
    """The built-in networks have ten digits; for three classes their head begins anew."""
    spec = ModelSpec("x", "timm:test_resnet", "builtin:digits_resnet")
    assert finetune.begin(spec, 3).replaced == ("fc",)
    assert finetune.begin(spec, 10).replaced == ()


def test_random_weights_are_the_rules() -> None:
    """``random:SEED`` fills the network of N classes by this package's own rule."""
    ours = finetune.begin(ModelSpec("x", NET, "random:3"), 3).network.state_dict()
    expected = loader.filled(ModelSpec("x", NET, "random:3", options={"num_classes": 3})).module
    assert all(torch.equal(value, ours[name]) for name, value in expected.state_dict().items())


def test_published_weights_are_fitted_before_the_head_goes(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is filled as it was published, by its library's own rules, whatever classes are requested."""
    requested: list[ModelSpec] = []

    def filled(spec: ModelSpec) -> Filled:
        requested.append(spec)
        network = timm.create_model("test_efficientnet", num_classes=7)
        network.load_state_dict(load_file(weights))
        return Filled(network, "of the published file", spec)

    monkeypatch.setattr(loader, "filled", filled)
    initial = finetune.begin(ModelSpec("x", NET, "pretrained", options={"num_classes": 3}), 3)
    assert [dict(spec.options) for spec in requested] == [{}]
    assert (initial.replaced, initial.weights_sha256) == (("classifier",), "of the published file")


def test_what_does_not_exist(tmp_path: Path) -> None:
    """An option with another number of classes than there are, and a file that does not exist, are refused."""
    with pytest.raises(ConfigError, match="the option num_classes is 10, and there are 3 class folders"):
        finetune.begin(ModelSpec("x", NET, options={"num_classes": 10}), 3)
    with pytest.raises(WeightsMissing, match=r"no weights file at .*none\.pth"):
        finetune.begin(ModelSpec("x", NET, tmp_path / "none.pth"), 3)


def test_other_classes_of_the_same_number_have_another_head(tmp_path: Path) -> None:
    """A file that a training of ours wrote states its classes, and others of the same number have a new head."""
    file = tmp_path / "net.safetensors"
    metadata = {"format": "imgcls-train 2", "classes": '["cat", "dog", "eel"]'}
    save_file(timm.create_model("test_efficientnet", num_classes=3).state_dict(), file, metadata)
    spec = ModelSpec("x", NET, file)
    assert finetune.begin(spec, 3, ("cat", "dog", "eel")).replaced == ()
    assert finetune.begin(spec, 3, ("a_dog", "m_eel", "z_cat")).replaced == ("classifier",)


def test_a_model_is_stated_as_in_a_configuration(tmp_path: Path) -> None:
    """A bare name is found in its library, a path of weights may be a ``Path``, and an error names its place."""
    settings = {"resize": 32, "crop": 24}
    spec = finetune.model_spec("here", "test_efficientnet", tmp_path / "w.pth", {"drop_rate": 0.1}, settings)
    assert (spec.arch, spec.weights, spec.options) == (NET, tmp_path / "w.pth", {"drop_rate": 0.1})
    assert spec.input == settings
    with pytest.raises(ConfigError, match=r"here.*crops.*did you mean"):
        finetune.model_spec("here", NET, input={"crops": 24})
