"""The faults of deployment that are planted, and what they are to be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import parity_integers as integers
import parity_layers as of_layers
from imgcls.models.model import Model
from parity_ends import after, alphabetical, before, normalised_twice, of_clip, pixels
from parity_integers import Finish
from parity_networks import Change, Network, middle, put

RUNTIMES = ("onnx", "openvino", "exported", "torchscript")
INT8 = ("onnx", "openvino")
PYTORCH = ("exported", "torchscript")


def _unchanged(network: Network, _: Model) -> Network:
    return network


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault. ``change``: of the network that is exported; ``reference``: of both, before.

    ``integers``: how an int8 file with it is written. ``settings``: of the export's input. ``names``: what it may be
    called, and ``stage``. ``runtimes``: where it can be, and ``applies`` to which networks.
    """

    stage: str
    names: tuple[str, ...]
    change: Change = _unchanged
    reference: Change = _unchanged
    integers: Finish | None = None
    settings: Any = None
    runtimes: tuple[str, ...] = RUNTIMES
    applies: Callable[[str], bool] = lambda _network: True


def _has_norms(network: str) -> bool:
    return network != "squeezenet"


def _sigmoid(network: Network, _: Model) -> Network:
    return put(network, middle(network, torch.nn.SiLU), torch.nn.Sigmoid())


def _by_corners(network: Network, model: Model) -> Network:
    return of_layers.resized(aligned=True)(network.network, model)


PLANTED: dict[str, Planted] = {
    "layout": Planted("preprocessing", ("layout",), before(lambda x, _: x.permute(0, 2, 3, 1).reshape(x.shape))),
    "BGR": Planted("preprocessing", ("channel order",), before(lambda x, _: x.flip(1))),
    "mean and std of CLIP": Planted("preprocessing", ("mean and std",), before(of_clip)),
    "[0, 255]": Planted("preprocessing", ("value range",), before(lambda x, m: pixels(x, m) * 255)),
    "normalised twice": Planted("preprocessing", ("normalised twice",), before(normalised_twice)),
    "crop of another size": Planted("preprocessing", ("resize",), settings={"resize": 232}),
    "another interpolation": Planted("preprocessing", ("interpolation",), settings={"interpolation": "nearest"}),
    "one pixel off": Planted("preprocessing", ("one pixel off",), before(lambda x, _: x.roll(1, 3))),
    "softmax built in": Planted("output", ("softmax built in",), after(lambda y: y.softmax(1))),
    "softmax twice": Planted("output", ("softmax twice",), after(lambda y: y.softmax(1).softmax(1))),
    "labels shifted by one": Planted("labels", ("classes shifted",), after(lambda y: y.roll(1, 1))),
    "background class": Planted("labels", ("background class",), after(lambda y: torch.cat([y[:, :1] * 0, y], 1))),
    "alphabetical classes": Planted("labels", ("class order",), alphabetical),
    "one bias dropped": Planted("weights", ("one bias dropped", "one bias differs"), of_layers.without_bias),
    "stale weights": Planted("weights", ("other weights",), of_layers.stale),
    "one weight scaled": Planted("weights", ("one weight scaled",), of_layers.scaled),
    "one weight transposed": Planted("weights", ("one weight transposed",), of_layers.transposed),
    "int8 scale of one layer x1.05": Planted(
        "weights", ("one weight scaled",), integers=integers.scaled, runtimes=INT8
    ),
    "per-tensor for per-channel": Planted(
        "precision", ("per-tensor weights",), integers=integers.per_tensor, runtimes=INT8
    ),
    "calibration on one class": Planted(
        "precision", ("calibration too narrow",), integers=integers.narrow, runtimes=INT8
    ),
    "float16 overflow": Planted(
        "precision", ("float16 overflow",), lambda network, _: network.half(), of_layers.huge,
        runtimes=("onnx", "exported", "torchscript"),
    ),
    "batch norm in training mode": Planted(
        "layer", ("batch norm in training mode",), of_layers.in_training_mode, applies=_has_norms
    ),
    "batch norm epsilon": Planted("layer", ("batch norm epsilon",), of_layers.other_epsilon, applies=_has_norms),
    "sigmoid for SiLU": Planted("layer", ("activation",), _sigmoid, of_layers.activation(torch.nn.SiLU)),
    "another activation": Planted("layer", ("activation",), of_layers.activation(torch.nn.LeakyReLU)),
    "padding on one side": Planted("layer", ("padding",), of_layers.asymmetric),
    "resize by corners": Planted("layer", ("resize",), _by_corners, of_layers.resized(aligned=False)),
    "dropout active": Planted("layer", ("dropout active",), of_layers.dropout, runtimes=PYTORCH),
}  # fmt: skip
