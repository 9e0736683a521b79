"""A network in a file as a classifier; each library that runs such files adds one function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from imgcls import messages
from imgcls.errors import MachineError, ModelError
from imgcls.messages import named
from imgcls.models import outputs
from imgcls.models.files.network import FileNetwork
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import refusal
from imgcls.system import versions


class FileClassifier:
    """Runs a file with a library of its own. Raises MachineError where that is not installed, ModelError."""

    compile_seconds = 0.0
    max_batch_size: int | None
    concurrent = False

    def __init__(self, request: Request) -> None:
        self.request = request
        self.module: FileNetwork = request.module().eval()
        self.port = self.module.contents.port
        self.max_batch_size = self.port.batch
        self.output = self.port.index(request.name, request.output)

    def run(self, images: Any) -> Sequence[Any]:
        """All outputs for an array that the file takes, as NumPy arrays. May raise whatever the library raises."""
        raise NotImplementedError

    def reason(self, error: BaseException) -> str:  # noqa: ARG002 - a default
        """The part of the library's text to quote; empty for its first line."""
        return ""

    def logits(self, batch: torch.Tensor) -> Any:
        """A float32 tensor (n, channels, h, w) to a float32 array (n, classes). Raises OutOfMemory, ModelError."""
        return self.to_numpy(self.forward(self.to_device(batch)), len(batch))

    def to_device(self, batch: torch.Tensor) -> torch.Tensor:
        """The batch in the layout and type of the file, on the host."""
        given: torch.Tensor = self.port.feed(batch.cpu())
        return given

    def forward(self, batch: torch.Tensor) -> Any:
        """What the file returns for the batch, as a NumPy array. Raises OutOfMemory, ModelError."""
        results = []
        for piece, images in self.port.pieces(batch):
            try:
                output = self.run(piece.numpy())[self.output]
            except (Exception, SystemExit) as error:  # each library has errors of its own
                raise refusal(self.request.name, piece, error, self.reason(error)) from error
            results.append(np.array(output[:images] if self.port.batch else output))  # its memory may be used again
        return results[0] if len(results) == 1 else np.concatenate(results)

    def to_numpy(self, output: Any, images: int) -> Any:
        """The logits (n, classes), float32. Raises ModelError where it is of another shape."""
        is_number = np.issubdtype(output.dtype, np.floating) or self.port.quantized_output is not None
        if not is_number:
            raise self._no_logits(f"values of the type {output.dtype}", images)
        values = torch.from_numpy(output)
        logits = self.port.logits(values, images)
        if logits.ndim != 2 or len(logits) != images:
            raise self._no_logits(outputs.described(values), images)
        return logits.numpy()

    def _no_logits(self, returned: str, images: int) -> outputs.NoLogits:
        """The error for an output that is something else: the next step is another output, or another export."""
        others = [name for name in self.port.outputs if name != self.port.outputs[self.output]]
        known = f"(it has {named(self.port.outputs)})"
        choice = f'name the one with the logits, as output = "{others[0]}" {known}, or ' if others else ""
        return outputs.NoLogits(
            f"{self.request.name} is not a classifier: for {messages.counted(images, 'image')} it returned {returned}; "
            f"{choice}"
            "export the network so that it returns logits (n, classes)"
        )

    def synchronize(self) -> None:
        """The library returns when it is done."""

    def device_ns(self, batch: Any) -> None:
        """The host's clock is the only one."""


def require(runtime: str, extra: str, what: str) -> None:
    """Raise MachineError where the library of a runtime is not installed."""
    if not versions.has_library(runtime):
        raise MachineError(f"{what} needs a package that is not installed: pip install 'imgcls[{extra}]'")


def require_cpu(request: Request, what: str) -> None:
    """Raise MachineError for another device."""
    if request.device != "cpu":
        raise MachineError(f"{what} run on the CPU, not on {request.device}: use the device cpu")


def cannot_start(name: str, file: Any, reason: str, step: str) -> ModelError:
    """The error for a file that its library does not load; ``name``: of the model."""
    return ModelError(f"[models.{name}] {file} cannot be run: {reason}; {step}")
