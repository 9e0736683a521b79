"""What a training begins with: from scratch, from weights, and with a new head where classes are others."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

from imgcls import digest, models, transfer
from imgcls.errors import ConfigError, ModelError, WeightsMissing
from imgcls.records import ModelSpec

NET = "timm:test_efficientnet"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a network of seven classes."""
    file = tmp_path / "seven.safetensors"
    save_file(timm.create_model("test_efficientnet", num_classes=7).state_dict(), file)
    return file


def test_from_scratch_it_has_the_classes(weights: Path) -> None:
    """Without weights, values come from torch's generator, and nothing is replaced."""
    assert weights
    with torch.random.fork_rng():
        torch.manual_seed(5)
        started = transfer.begin(ModelSpec("x", NET, options={"drop_rate": 0.1}), 3)
        torch.manual_seed(5)
        expected = timm.create_model("test_efficientnet", num_classes=3).state_dict()
    assert started[1:] == ({"drop_rate": 0.1, "num_classes": 3}, (), None)
    assert all(torch.equal(value, expected[name]) for name, value in started.network.state_dict().items())


def test_a_head_of_the_same_size_is_kept(weights: Path) -> None:
    """With as many classes as the weights have, every tensor is the file's."""
    started = transfer.begin(ModelSpec("x", NET, weights), 7)
    assert (started.replaced, started.weights_sha256) == ((), digest.file_sha256(weights))
    kept = load_file(weights)
    assert all(torch.equal(value, kept[name]) for name, value in started.network.state_dict().items())


def test_a_head_of_another_size_begins_anew(weights: Path) -> None:
    """The layer is named; its weights are small, its bias nothing, and everything else is the file's."""
    started = transfer.begin(ModelSpec("x", NET, weights), 3)
    assert started.replaced == ("classifier",)
    state, kept = started.network.state_dict(), load_file(weights)
    assert 0.0009 < state["classifier.weight"].std() < 0.0011
    assert torch.equal(state["classifier.bias"], torch.zeros(3))
    assert all(torch.equal(state[name], kept[name]) for name in kept if not name.startswith("classifier"))


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
    """torchvision does not say which layer is the head; it is the last with parameters."""
    file = tmp_path / "net.pth"
    torch.save(torchvision.models.get_model(name, weights=None, num_classes=5, **options).state_dict(), file)
    assert transfer.begin(ModelSpec("x", f"torchvision:{name}", file), 3).replaced == (head,)


def test_two_heads_are_both_replaced(tmp_path: Path) -> None:
    """timm's distilled networks have two layers that make logits."""
    file, options = tmp_path / "deit.safetensors", {"depth": 1, "embed_dim": 24, "num_heads": 3}
    name = "deit_tiny_distilled_patch16_224"
    save_file(timm.create_model(name, num_classes=5, **options).state_dict(), file)
    assert transfer.begin(ModelSpec("x", f"timm:{name}", file, options=options), 3).replaced == ("head", "head_dist")


def test_weights_without_a_head(tmp_path: Path) -> None:
    """A file of features alone fits too: the head begins anew."""
    file = tmp_path / "features.safetensors"
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), file)
    assert transfer.begin(ModelSpec("x", NET, file), 3).replaced == ("classifier",)


def test_anything_else_must_fit(weights: Path) -> None:
    """A tensor beside the head that is missing, of another shape, or one too many is an error that names it."""
    whole = load_file(weights)
    for name, there in (("conv_stem.weight", None), ("conv_stem.weight", torch.zeros(3, 3)), ("odd", torch.zeros(2))):
        spoilt = {**whole, name: there}
        save_file({key: value for key, value in spoilt.items() if value is not None}, weights)
        with pytest.raises(
            ModelError, match=rf"does not fit timm:test_efficientnet .*1 tensors .* the first is {name}, "
        ):
            transfer.begin(ModelSpec("x", NET, weights), 3)


def test_auxiliary_heads_are_left_behind(tmp_path: Path) -> None:
    """Of googlenet's published files, which have them, as everywhere else in this package."""
    file = tmp_path / "net.pth"
    network = torchvision.models.googlenet(weights=None, num_classes=5, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), file)
    assert transfer.begin(ModelSpec("x", "torchvision:googlenet", file), 3).replaced == ("fc",)


def test_builtin_weights() -> None:
    """The built-in networks know ten digits; for three classes their head begins anew."""
    spec = ModelSpec("x", "timm:test_resnet", "builtin:digits_resnet")
    assert transfer.begin(spec, 3).replaced == ("fc",)
    assert transfer.begin(spec, 10).replaced == ()


def test_random_weights_are_the_rules() -> None:
    """``random:SEED`` fills the network of so many classes by this package's own rule."""
    ours = transfer.begin(ModelSpec("x", NET, "random:3"), 3).network.state_dict()
    expected, _ = models.filled(ModelSpec("x", NET, "random:3", options={"num_classes": 3}))
    assert all(torch.equal(value, ours[name]) for name, value in expected.state_dict().items())


def test_published_weights_are_fitted_before_the_head_goes(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is filled as it was published, by its library's own rules, whatever classes are asked for."""
    asked: list[ModelSpec] = []

    def filled(spec: ModelSpec) -> tuple[torch.nn.Module, str]:
        asked.append(spec)
        network = timm.create_model("test_efficientnet", num_classes=7)
        network.load_state_dict(load_file(weights))
        return network, "of the published file"

    monkeypatch.setattr(models, "filled", filled)
    started = transfer.begin(ModelSpec("x", NET, "pretrained", options={"num_classes": 3}), 3)
    assert [dict(spec.options) for spec in asked] == [{}]
    assert (started.replaced, started.weights_sha256) == (("classifier",), "of the published file")


def test_what_does_not_exist(tmp_path: Path) -> None:
    """Another number of classes than there are, and a file that is not there, are said."""
    with pytest.raises(ConfigError, match="the option num_classes is 10, and there are 3 class folders"):
        transfer.begin(ModelSpec("x", NET, options={"num_classes": 10}), 3)
    with pytest.raises(WeightsMissing, match=r"no weights file at .*none\.pth"):
        transfer.begin(ModelSpec("x", NET, tmp_path / "none.pth"), 3)


def test_other_classes_of_the_same_number_have_another_head(tmp_path: Path) -> None:
    """A file of ours says which classes it is for; other files cannot be told apart."""
    file = tmp_path / "net.safetensors"
    metadata = {"format": "imgcls-train 2", "classes": '["cat", "dog", "eel"]'}
    save_file(timm.create_model("test_efficientnet", num_classes=3).state_dict(), file, metadata)
    spec = ModelSpec("x", NET, file)
    assert transfer.begin(spec, 3, ("cat", "dog", "eel")).replaced == ()
    assert transfer.begin(spec, 3, ("a_dog", "m_eel", "z_cat")).replaced == ("classifier",)
