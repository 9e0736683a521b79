"""imgcls.models.weights.random_init: the same bits everywhere, and predictions worth testing."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_sample_images
from timm.data import create_transform, resolve_data_config

from imgcls.models.weights import random_init

PINNED = [  # the first value exactly, and the sha256 of all as little-endian float32
    (0, "conv1.weight", (64, 3, 7, 7), -0.022120436653494835, "8b21a8a89694092b2f12744931b7d5fd"),
    (0, "layer1.0.conv2.weight", (64, 64, 3, 3), -0.089470773935318, "b2c93eafa8d29d16f4b3a45bea663067"),
    (1, "layer1.0.conv2.weight", (64, 64, 3, 3), -0.07026181370019913, "f664b9c358c33430a7b3cdea9ad2d2e3"),
    (0, "layer1.2.bn3.weight", (256,), 0.24614544212818146, "d2520e7bb936d5d0d8b66e0d475c11ff"),
    (-1, "bn1.running_var", (7,), 0.8313404321670532, "9934261a7eca1afc6b86d8cfaabbb957"),
    (0, "fc.weight", (1000, 2048), 0.2738090753555298, "c79d3d898d75ca21a1498f04e4029472"),
    (0, "logit_scale", (), 0.0019950545392930508, "c20cfa2dd1bfecf76e2e64591e7edf89"),
]
GAINS = [
    ("conv1.weight", (64, 3, 7, 7), 2.0),
    ("blocks.1.0.conv_dw.weight", (64, 1, 5, 5), 2.0),
    ("layer2.0.conv1.weight", (64, 128, 1, 1), 2 * math.pi / (math.pi - 1)),
    ("blocks.0.attn.qkv.weight", (192, 64), 2 * math.pi / (math.pi - 1)),
    ("classifier.6.weight", (100, 4096), 2 * math.pi / (math.pi - 1)),
    ("fc.weight", (100, 512), 64.0),
    ("heads.head.weight", (100, 768), 64.0),
    ("head.fc.weight", (100, 2048, 1, 1), 1024.0),
    ("classifier.1.weight", (100, 512, 1, 1), 1024.0),
]
MIDDLES = [
    ("bn1.weight", 1.0),
    ("layer1.0.bn1.weight", 1.0),
    ("features.1.0.layer_scale", 1.0),
    ("layer1.0.bn2.weight", 0.8),
    ("stages.2.blocks.4.norm3.weight", 0.8 / 5),
    ("blocks.5.10.bn3.weight", 0.8 / 11),
    ("trunk_output.block3.block3-1.f.c.1.weight", 0.8 / 2),
    ("features.6.3.block.3.1.weight", 0.8 / 4),
    ("features.6.block.3.1.weight", 0.7),
    ("bn1.running_var", 1.0),
    ("bn1.running_mean", 0.0),
    ("layer2.0.bn3.bias", 0.0),
    ("blocks.3.0.se.conv_expand.bias", 2.0),
    ("features.6.3.block.2.fc2.bias", 2.0),
    ("blocks.3.mlp.fc2.bias", 0.0),
    ("cls_token", 0.0),
]
SEVEN = [
    "torchvision:alexnet",
    "torchvision:googlenet",
    "torchvision:resnet50",
    "torchvision:regnet_y_3_2gf",
    "timm:vit_base_patch16_224.augreg_in21k",
    "timm:tf_efficientnetv2_m.in21k",
    "timm:resnetv2_50x1_bit.goog_in21k",
]
SMALL = ["torchvision:resnet18", "timm:test_vit.r160_in1k", "timm:test_resnet.r160_in1k"]
OPTIONS = {"torchvision:googlenet": {"transform_input": True, "aux_logits": False, "init_weights": False}}


def _sha256(array: Any) -> str:
    return hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()


def test_values_are_made_in_the_memory_of_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second array of a tensor's size is made, unless it lies in another order or is of another type."""
    made: list[str] = []
    values = random_init.values

    def noting(seed: int, name: str, shape: tuple[int, ...]) -> Any:
        made.append(name)
        return values(seed, name, shape)

    monkeypatch.setattr(random_init, "values", noting)
    network = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 10))
    places = [tensor.data_ptr() for tensor in network.state_dict().values()]
    random_init.fill(network, 3)
    assert made == []
    assert places == [tensor.data_ptr() for tensor in network.state_dict().values()]
    assert np.array_equal(network.state_dict()["0.weight"].numpy(), values(3, "0.weight", (8, 8, 3, 3)))
    network.to(memory_format=torch.channels_last)
    network[2].double()
    random_init.fill(network, 3)
    assert made == ["0.weight", "2.weight", "2.bias"]


@pytest.mark.parametrize(("seed", "name", "shape", "first", "sha256"), PINNED)
def test_values_never_drift(seed: int, name: str, shape: tuple[int, ...], first: float, sha256: str) -> None:
    """Values written down once come back bit for bit, for one chunk and for several, for odd counts and none."""
    array = random_init.values(seed, name, shape)
    assert (array.dtype.name, array.shape) == ("float32", shape)
    assert (array.flat[0], _sha256(array)[:32]) == (np.float32(first), sha256)


@pytest.mark.parametrize("other", [(1, "a.weight", (8, 4)), (0, "b.weight", (8, 4)), (0, "a.weight", (4, 8))])
def test_seed_name_and_shape_each_count(other: tuple[int, str, tuple[int, ...]]) -> None:
    """Another seed, another name or another shape of as many numbers gives unrelated numbers."""
    values = random_init.values(0, "a.weight", (8, 4)).ravel()
    assert not np.isin(values, random_init.values(*other).ravel()).any()


@pytest.mark.parametrize("shape", [(41, 7), (41, 7, 3), (287,)])
def test_the_chunk_is_no_part_of_the_rule(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers made a few at a time are those made at once, for odd rows too."""
    whole = random_init.values(3, "a.weight", shape)
    monkeypatch.setattr(random_init, "_CHUNK", 16)
    assert random_init.values(3, "a.weight", shape).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("name", "shape", "gain"), GAINS)
def test_a_filters_variance_is_its_gain_over_its_fan_in(name: str, shape: tuple[int, ...], gain: float) -> None:
    """The measured variance is the documented one within 5 %, less the degree of freedom that centring takes."""
    fan_in = math.prod(shape[1:])
    variance = random_init.values(0, name, shape).var(dtype=np.float64)
    assert variance * fan_in == pytest.approx(gain, rel=0.05)


@pytest.mark.parametrize(("channels", "centred"), [(1, False), (3, False), (4, True), (64, True)])
def test_filters_over_more_than_three_channels_add_up_to_zero(channels: int, centred: bool) -> None:
    """Each output's filter has mean zero within float32's rounding, except over colours and depthwise."""
    filters = random_init.values(0, "conv.weight", (32, channels, 3, 3)).reshape(32, -1)
    assert (abs(filters.sum(axis=1, dtype=np.float64)) < 1e-6).all() == centred


@pytest.mark.parametrize(("name", "middle"), MIDDLES)
def test_other_tensors_lie_around_their_middle(name: str, middle: float) -> None:
    """Norms, scales and variances reach a fifth of their middle to either side, everything else 0.02."""
    reach = middle / 5 if name.endswith(("weight", "scale", "running_var")) else 0.02
    array = random_init.values(0, name, (10_000,))
    assert (array.min(), array.max()) == pytest.approx((middle - reach, middle + reach), abs=reach / 500)


def test_fill_gives_each_tensor_the_values_of_its_name() -> None:
    """After fill, a network's floats are values(seed, name, shape), its counters 0, and torch's generator untouched."""
    net = torchvision.models.resnet18()
    state = torch.get_rng_state()
    random_init.fill(net, 5)
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensor == 0
        else:
            assert tensor.numpy().tobytes() == random_init.values(5, name, tuple(tensor.shape)).tobytes()


def test_fill_leaves_other_buffers_as_they_are() -> None:
    """Position indices and float tables that are no parameters stay what the factory computed."""
    net = torch.nn.Module()
    net.register_buffer("relative_position_index", torch.arange(4))
    net.register_buffer("attn_mask", torch.tensor([0.0, -100.0]))
    net.register_parameter("cls_token", torch.nn.Parameter(torch.zeros(1, 1, 3)))
    random_init.fill(net, 0)
    state = net.state_dict()
    assert state.pop("cls_token").abs().min() > 0
    assert {name: tensor.tolist() for name, tensor in state.items()} == {
        "relative_position_index": [0, 1, 2, 3],
        "attn_mask": [0.0, -100.0],
    }


def test_fill_does_not_depend_on_what_was_there() -> None:
    """Filled twice, with another seed between, a network is bit for bit what it was."""
    net = timm.create_model("test_vit")
    random_init.fill(net, 0)
    once = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random_init.fill(net, 1)
    assert not torch.equal(net.head.weight, once["head.weight"])
    random_init.fill(net, 0)
    assert all(torch.equal(tensor, once[name]) for name, tensor in net.state_dict().items())


def _build(arch: str) -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """An architecture without weights, and the preprocessing that its library gives its default weights."""
    library, _, name = arch.partition(":")
    if library == "timm":
        net = timm.create_model(name, pretrained=False)
        return net.eval(), create_transform(**resolve_data_config({}, model=net, use_test_size=True))
    net = torchvision.models.get_model(name, weights=None, **OPTIONS.get(arch, {}))
    return net.eval(), torchvision.models.get_model_weights(name).DEFAULT.transforms()


def _fives(logits: torch.Tensor) -> list[tuple[int, ...]]:
    return [tuple(sorted(row)) for row in logits.topk(5).indices.tolist()]


def _faults(net: torch.nn.Module, batch: torch.Tensor) -> list[str]:
    """What makes a network's predictions for 8 images useless for tests; empty where nothing does."""
    noise = torch.randn(batch.shape, generator=torch.Generator().manual_seed(0))
    net.to(memory_format=torch.channels_last)  # in which convolutions take less time
    with torch.inference_mode():
        variants = (batch, batch.flip(1), batch * (1 + 1e-6 * noise))
        logits, bgr, noisy = (net(x.contiguous(memory_format=torch.channels_last)).double() for x in variants)
    deviation, fives = logits.std().item(), _fives(logits)
    changed = sum(rgb != swapped for rgb, swapped in zip(fives, _fives(bgr), strict=True))
    moved = ((noisy - logits).abs().max() / deviation).item()
    checks = {
        f"standard deviation {deviation}": 1 <= deviation <= 50,
        "all predictions alike": len(set(logits.argmax(1).tolist())) >= 3 or len(set(fives)) == 8,
        f"BGR changes {changed} of 8": changed >= 4,
        f"noise moves a logit by {moved} standard deviations": moved <= 1e-3,
    }
    return [fault for fault, held in checks.items() if not held]


@pytest.fixture(scope="module")
def crops() -> list[Image.Image]:
    """Four squares of each of scikit-learn's two photographs."""
    whole = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    return [image.crop((x, y, x + 213, y + 213)) for image in whole for x in (0, 427) for y in (0, 213)]


@pytest.mark.parametrize("arch", SMALL)
def test_small_networks_are_worth_testing(arch: str, crops: list[Image.Image]) -> None:
    """Eight pieces of two photographs get finite, different, colour-aware and steady predictions."""
    net, transform = _build(arch)
    random_init.fill(net, 0)
    assert _faults(net, torch.stack([transform(crop) for crop in crops])) == []


@pytest.mark.slow
def test_the_judge_can_say_no(crops: list[Image.Image]) -> None:
    """The library's own initial weights are useless: near-equal logits, the same whatever the image."""
    torch.manual_seed(0)
    net, transform = _build("torchvision:googlenet")
    faults = _faults(net, torch.stack([transform(crop) for crop in crops]))
    assert any("standard deviation" in fault for fault in faults)
    assert "all predictions alike" in faults


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("arch", SEVEN)
def test_seven_architectures_are_worth_testing(arch: str, shared_data: Path) -> None:
    """Eight photographs, one in every 125 classes, get finite, different, colour-aware and steady predictions."""
    net, transform = _build(arch)
    random_init.fill(net, 0)
    files = sorted((shared_data / "photos").glob("*/*"))[60::125]
    batch = torch.stack([transform(Image.open(file).convert("RGB")) for file in files])
    assert len(batch) == 8
    assert _faults(net, batch) == []
