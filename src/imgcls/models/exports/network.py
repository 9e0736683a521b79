"""A network as it is exported: a module that takes images and returns logits, both float32, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch

from imgcls.errors import ModelError
from imgcls.models import loader, outputs
from imgcls.models.model import Model
from imgcls.models.sources import base as sources
from imgcls.records.config import ModelSpec

EXAMPLES = 2
"""Images in the batch by which a network for any number of them is recorded: of one, its code may not treat more."""


class Reduced(torch.nn.Module):
    """A network in a narrower type, whose inputs and logits stay float32."""

    def __init__(self, network: torch.nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network.to(dtype), dtype
        self.eval()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 (n, channels, h, w) to float32 (n, classes)."""
        result: torch.Tensor = self.network(batch.to(self.dtype)).float()
        return result


class Network(NamedTuple):
    """A reference, loaded in float32 on the CPU; ``traceable``: it computes the same whatever the images are."""

    model: Model
    traceable: bool

    def module(self, precision: str = "float32") -> torch.nn.Module:
        """The network as it is recorded, in evaluation mode. In a narrower type it has lost its float32 weights."""
        logits = outputs.Logits(self.model.classifier.module.eval(), self.model.spec.output)
        return logits if precision == "float32" else Reduced(logits, getattr(torch, precision)).eval()

    def example(self, *, dynamic_batch: bool = True) -> torch.Tensor:
        """A batch of blank images, float32 (n, channels, h, w)."""
        return torch.zeros(EXAMPLES if dynamic_batch else 1, *self.model.input.shape)


def load(spec: ModelSpec) -> Network:
    """The reference of an export. Raises what :func:`loader.load` raises, and ModelError where it is not PyTorch's."""
    model = loader.load(replace(spec, runtime="eager", precision="float32"), "cpu")
    if model.info.runtime != "eager":
        raise ModelError(
            f"{spec.name} cannot be exported: {spec.arch} runs on {model.info.runtime}, and only networks that PyTorch "
            'runs are; name the file that ships, as in onnx = "FILE"'
        )
    return Network(model, sources.of(model.spec).traceable)
