"""A program of PyTorch's own formats as a module that takes what every network takes, and returns logits."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule

from imgcls.models import outputs
from imgcls.models.files.network import Contents
from imgcls.models.files.port import Port


class ProgramNetwork(torch.nn.Module):
    """Runs a program as it was written: its tensors keep their types and their places in memory.

    It takes a float32 batch (n, channels, h, w).
    """

    def __init__(self, program: torch.nn.Module, contents: Contents, output: str | None) -> None:
        """``output``: which part of what the program returns its logits are, where the configuration names it."""
        super().__init__()
        self.program, self.contents, self.output = program, contents, output

    @property
    def fixed_batch(self) -> int | None:
        """The number of images of every call; None for any."""
        return self.contents.port.batch

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The logits (n, classes). Raises NoLogits where the program returns none."""
        port = self.contents.port
        results = [self._run(port, piece)[:images] for piece, images in port.pieces(port.feed(batch))]
        return results[0] if len(results) == 1 else torch.cat(results)

    def train(self, mode: bool = True) -> ProgramNetwork:
        """A program has one mode, the one that it was exported in."""
        self.training = mode
        return self

    def to(self, *args: Any, **kwargs: Any) -> ProgramNetwork:
        """Moved to the device; it is not cast and not laid out anew."""
        parse: Any = torch._C._nn._parse_to  # noqa: SLF001 - as torch.nn.Module.to itself
        device = parse(*args, **kwargs)[0]
        if device is not None:
            super().to(device)
            _move_constants(self.program, device)
        return self

    def _run(self, port: Port, piece: torch.Tensor) -> torch.Tensor:
        """The logits of one call. Raises NoLogits where the program returns none."""
        returned = self.program(piece)
        output = outputs.head(returned, self.output)
        if output is None:
            raise outputs.refusal(self.contents.files[0].name, returned, len(piece), self.output)
        return port.logits(output, len(piece))


def _move_constants(program: torch.nn.Module, device: torch.device) -> None:
    """Let what a graph makes by itself be made on this device."""
    if not isinstance(program, GraphModule):
        return
    made = [node for node in program.graph.nodes if node.kwargs.get("device") is not None]
    for node in made:
        node.kwargs = {**node.kwargs, "device": device}
    if made:
        program.recompile()
