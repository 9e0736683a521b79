"""What a network in a file takes and returns: batches become its input, and its outputs become logits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from imgcls.errors import ModelError
from imgcls.messages import named
from imgcls.models import outputs
from imgcls.records.config import Layout, Returns

LEAST_PROBABILITY = torch.finfo(torch.float32).tiny
"""The logarithm of 0 is not finite; what is below this is taken for it."""


class Quantization(NamedTuple):
    """An integer q stands for (q - ``zero_point``) x ``scale``."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Port:
    """One input of images and one output of classes.

    ``dtype``: of the input, by torch's name. ``batch``: the number of images of every call, None for any. ``returns``:
    what the output is,
    None where the file does not show it. ``outputs``: the names of all outputs, in their order.
    """

    layout: Layout = "NCHW"
    dtype: str = "float32"
    batch: int | None = None
    returns: Returns | None = "logits"
    outputs: tuple[str, ...] = ()
    quantized_input: Quantization | None = None
    quantized_output: Quantization | None = None

    def feed(self, batch: torch.Tensor) -> torch.Tensor:
        """A float32 batch (n, channels, h, w) as the file takes it, contiguous; integers are rounded to."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        given = batch.permute(0, 2, 3, 1) if self.layout == "NHWC" else batch
        if self.quantized_input:
            given = given / self.quantized_input.scale
        if not dtype.is_floating_point:
            zero_point = self.quantized_input.zero_point if self.quantized_input else 0
            limits = torch.iinfo(dtype)
            given = (torch.round(given) + zero_point).clamp(limits.min, limits.max)
        return given.to(dtype).contiguous()

    def pieces(self, given: torch.Tensor) -> Iterator[tuple[torch.Tensor, int]]:
        """What each call takes, and how many of its images count: the last are filled up with copies of an image."""
        size = self.batch or len(given)
        for start in range(0, len(given), size):
            piece = given[start : start + size]
            lacking = size - len(piece)
            yield (torch.cat([piece, piece[:1].expand(lacking, *piece.shape[1:])]) if lacking else piece), len(piece)

    def index(self, name: str, key: str | None) -> int:
        """The place of the output with the logits: the one that the configuration names, ``logits``, or the first.

        Raises ModelError where there is none of that name; ``name``: of the model.
        """
        if key is None:
            return self.outputs.index("logits") if "logits" in self.outputs else 0
        if key not in self.outputs:
            raise ModelError(
                f'[models.{name}] output = "{key}" is not one of the outputs of the file: {named(self.outputs)}; '
                "name one of them, or leave the key out"
            )
        return self.outputs.index(key)

    def logits(self, output: torch.Tensor, images: int | None = None) -> torch.Tensor:
        """The float32 logits (n, classes) of an output; it stays as it is where its shape is another."""
        if output.ndim > 2 and all(side == 1 for side in output.shape[2:]):
            output = output.flatten(1)
        values = output.float()
        if self.quantized_output:
            values = (values - self.quantized_output.zero_point) * self.quantized_output.scale
        if self.returns == "probabilities":
            values = values.clamp_min(LEAST_PROBABILITY).log()
        result: torch.Tensor = outputs.of(values, None, images)
        return result


def described(tensors: Mapping[str, int]) -> str:
    """How many tensors there are of each type, the most frequent first: ``52 int8, 53 float32``."""
    ordered = sorted(tensors.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {dtype}" for dtype, count in ordered) or "none"
