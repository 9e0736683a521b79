"""Faults that are planted in a small network, and what they are called."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import planted
from imgcls.parity.diagnosis import diagnose
from imgcls.records.parity import Fault

pytestmark = pytest.mark.slow


def _named(found: tuple[Fault, ...]) -> list[tuple[str, str]]:
    return [(fault.stage, fault.name) for fault in found]


def _wrapped(before: Any = None, after: Any = None) -> nn.Module:
    return planted.Wrapped(planted.net(), before, after)


INPUTS: dict[str, tuple[Any, list[str]]] = {
    "BGR": (lambda x: x.flip(1), ["channel order"]),
    "layout": (lambda x: x.permute(0, 2, 3, 1).reshape(x.shape), ["layout"]),
    "another mean and std": (lambda x: planted.normalised(planted.pixels(x), (0.5,) * 3, (0.5,) * 3), ["mean and std"]),
    "0 to 255": (lambda x: planted.pixels(x) * 255, ["value range"]),
    "twice": (planted.normalised, ["normalised twice"]),
    "mirrored": (lambda x: x.flip(3), ["mirrored"]),
    "BGR and 0 to 255": (lambda x: (planted.pixels(x) * 255).flip(1), ["channel order", "value range"]),
}


@pytest.mark.parametrize("name", INPUTS)
def test_what_a_file_takes_an_image_for(name: str, tmp_path: Path) -> None:
    """Each mistake of an input, and a pair of them, explains the difference where it is undone."""
    before, names = INPUTS[name]
    found = planted.faults(_wrapped(before), tmp_path)
    assert _named(found) == [("preprocessing", each) for each in names]
    assert [fault.explained for fault in found] == pytest.approx([1.0] * len(names), abs=0.01)


OUTPUTS: dict[str, tuple[Any, str, str]] = {
    "softmax": (lambda y: y.softmax(1), "output", "softmax built in"),
    "softmax twice": (lambda y: y.softmax(1).softmax(1), "output", "softmax twice"),
    "shifted": (lambda y: y.roll(1, 1), "labels", "classes shifted"),
    "background": (lambda y: torch.cat([y[:, :1] * 0, y], 1), "labels", "background class"),
    "sorted": (lambda y: y[:, np.argsort(planted.NAMES).tolist()], "labels", "class order"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_made_of_the_logits(name: str, tmp_path: Path) -> None:
    """A softmax too many, and classes that are elsewhere."""
    after, stage, fault = OUTPUTS[name]
    assert _named(planted.faults(_wrapped(after=after), tmp_path)) == [(stage, fault)]


def _dropped(network: Any) -> None:
    network.head.bias.data.zero_()


def _scaled(network: Any) -> None:
    network.first.conv.weight.data.mul_(1.05)


def _stale(network: Any) -> None:
    for block in (network.stem, network.first, network.second):
        block.conv.weight.data.copy_(block.conv.weight.data.flip(0))


def _transposed(network: Any) -> None:
    network.first.conv.weight.data.copy_(network.first.conv.weight.data.transpose(2, 3).clone())


def _epsilon(network: Any) -> None:
    for block in (network.stem, network.first, network.second):
        block.bn.eps = 1e-3


def _sigmoid(network: Any) -> None:
    network.first.act = nn.Sigmoid()


def _padding(network: Any) -> None:
    layer = network.first.conv
    pad = lambda x: functional.conv2d(functional.pad(x, (0, 2, 0, 2)), layer.weight)  # noqa: E731 - a layer's function
    network.first.conv = planted.Own(pad, layer)


def _by_the_batch(norm: Any, images: torch.Tensor) -> torch.Tensor:
    return functional.batch_norm(images, None, None, norm.weight, norm.bias, training=True)


def _training(network: Any) -> None:
    for block in (network.stem, network.first, network.second):
        norm = block.bn
        block.bn = planted.Own(functools.partial(_by_the_batch, norm), norm)


def _random(network: Any) -> None:
    network.pool = nn.Sequential(network.pool, planted.Own(lambda x: functional.dropout(x, 0.3, True)))


COMPUTED: dict[str, tuple[Callable[[Any], None], str, str, str]] = {
    "bias": (_dropped, "weights", "one bias dropped", "the bias of head is not in the file"),
    "scaled": (_scaled, "weights", "one weight scaled", "the weight of first.conv is 1.05 times the reference's"),
    "stale": (_stale, "weights", "other weights", "3 of 4 layers have other weights than the reference"),
    "transposed": (_transposed, "weights", "one weight transposed", "the weight of first.conv has its last two"),
    "epsilon": (_epsilon, "layer", "batch norm epsilon", "has epsilon 0.001, and 1e-05 in the reference"),
    "sigmoid": (_sigmoid, "layer", "activation", "first.act computes sigmoid where the reference computes silu"),
    "padding": (_padding, "layer", "padding", "first.conv pads after the image only, and evenly in the reference"),
    "training": (_training, "layer", "batch norm in training mode", "with the other images of a batch"),
    "dropout": (_random, "layer", "dropout active", "two runs of the same images differ by"),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_what_a_network_computes(name: str, tmp_path: Path) -> None:
    """Weights and steps that are others, with the layer's name and the values."""
    change, stage, fault, what = COMPUTED[name]
    network = planted.net()
    change(network)
    found = planted.faults(network, tmp_path)
    assert (found[0].stage, found[0].name) == (stage, fault)
    assert what in found[0].what


def test_the_places_of_pixels(tmp_path: Path) -> None:
    """A resize by corners inside of the network, for one by the centres of pixels."""
    tested, shipped = (
        planted.net(planted.Own(functools.partial(_enlarged, corners=corners))) for corners in (False, True)
    )
    found = planted.faults(shipped, tmp_path, tested)
    assert _named(found) == [("layer", "resize")]
    assert (
        "is bilinear with align_corners True, and bilinear with align_corners False in the reference" in found[0].what
    )


def _enlarged(images: torch.Tensor, *, corners: bool) -> torch.Tensor:
    return functional.interpolate(images[..., ::2, ::2], size=(32, 32), mode="bilinear", align_corners=corners)


def test_what_float16_cannot_hold(tmp_path: Path) -> None:
    """The step whose values are too large, with how large they are."""
    tested = planted.net(planted.Own(lambda x: (x * 1e5) * 1e-5))
    shipped = planted.net(planted.Own(lambda x: (x * 1e5) * 1e-5)).half()
    found = planted.faults(shipped, tmp_path, tested)
    assert _named(found) == [("precision", "float16 overflow")]
    assert "e+05 in the reference, and float16 holds up to 65504" in found[0].what


def test_a_weight_that_is_not_finite(tmp_path: Path) -> None:
    """In float32 nothing overflows at such values: the tensor in the file is named."""
    shipped = planted.net()
    next(layer for layer in shipped.modules() if isinstance(layer, nn.Conv2d)).weight.data[0, 0, 0, 0] = torch.nan
    found = planted.faults(shipped, tmp_path)
    assert _named(found) == [("weights", "not finite")]
    assert "its weight in the file is NaN or infinite" in found[0].what


def test_an_export_with_other_classes_has_no_reason_to_find(tmp_path: Path) -> None:
    """Two classes fewer are no background, and nothing of the network can be compared with them."""
    assert planted.faults(_wrapped(after=lambda y: y[:, :-2]), tmp_path) == ()


def test_a_clean_export_has_no_fault(tmp_path: Path) -> None:
    """In float32 and in float16, whose rounding is larger."""
    assert planted.faults(planted.net(), tmp_path) == ()
    assert planted.faults(planted.net().half(), tmp_path) == ()


def test_an_input_of_its_own(tmp_path: Path) -> None:
    """An export that is fed otherwise: the keys that differ, and how much of the difference they explain."""
    ours = planted.reference()
    theirs = planted.exported(planted.net(), tmp_path, input={**planted.SETTINGS, "mean": (0.5, 0.5, 0.5)})
    fed = planted.normalised(planted.pixels(planted.BATCH), (0.5,) * 3)
    (fault,) = diagnose.faults(ours, theirs, planted.sample(ours, theirs, fed))
    assert (fault.stage, fault.name) == ("preprocessing", "mean and std")
    assert fault.explained == pytest.approx(1, abs=0.01)
    assert fault.what == "mean is 0.5, 0.5, 0.5 for the export and 0.485, 0.456, 0.406 for the reference"


def test_images_lost(tmp_path: Path) -> None:
    """How many images are predicted wrong because of a fault."""
    (fault,) = planted.faults(_wrapped(after=lambda y: y.roll(1, 1)), tmp_path)
    assert fault.top1_lost == len(planted.BATCH)


def test_an_unknown_fault_is_located(tmp_path: Path) -> None:
    """Where nothing that is known explains a difference, the step from which on it is there."""
    network = planted.net()
    network.first.act = planted.Own(lambda x: torch.sin(3 * x))
    (fault,) = planted.faults(network, tmp_path)
    assert (fault.stage, fault.name, fault.explained) == ("layer", "layer first.act", None)
    assert fault.what.startswith("the output of first.act (silu) differs by")


def test_names_of_classes(tmp_path: Path) -> None:
    """A file that states other names for the same outputs."""
    ours, theirs = planted.reference(), planted.exported(planted.net(), tmp_path)
    names = (*planted.NAMES[1:], planted.NAMES[0])
    theirs = replace(theirs, labels=replace(ours.labels, names=names))
    (fault,) = diagnose.faults(ours, theirs, planted.sample(ours, theirs))
    assert (fault.stage, fault.name) == ("labels", "class names")
    assert "10 of 10 classes have other names in the file: 0 is fig there and kiwi in the reference" in fault.what


def test_steps_that_cannot_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs and inputs are tried all the same, and what was not compared is stated."""

    def refuse(_export: Any) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr("imgcls.parity.diagnosis.tracers.of", refuse)
    assert _named(planted.faults(_wrapped(lambda x: x.flip(1)), tmp_path)) == [("preprocessing", "channel order")]
    network = planted.net()
    _scaled(network)
    (fault,) = planted.faults(network, tmp_path)
    assert fault.name == "not located"
    assert fault.what == (
        "the steps of the file cannot be seen (no such operator), so that its weights and layers were not compared"
    )
