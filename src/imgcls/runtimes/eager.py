"""PyTorch as it comes: no compilation, TF32 and cuDNN's autotuning off, channels last, which is faster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from imgcls.errors import ModelError, OutOfMemory, ran_out_of_memory
from imgcls.runtimes import Request

FLAGS = {"tf32": False, "cudnn_benchmark": False}
"""What changes answers and is off; part of every prediction's key."""


class EagerClassifier:
    """A module in evaluation mode on one device, in one precision. Raises ModelError where it does not fit there."""

    concurrent = False  # a network may keep what it likes between its layers
    compile_seconds = 0.0
    largest: int | None = None

    def __init__(self, module: torch.nn.Module, precision: str, device: str) -> None:
        self.device = torch.device(device)
        self.dtype: torch.dtype = getattr(torch, precision)
        try:
            self.module = module.eval().to(self.device, self.dtype).to(memory_format=torch.channels_last)
        except torch.OutOfMemoryError as error:
            raise ModelError(f"{type(module).__name__} does not fit into the memory of {device}: {error}") from error

    def logits(self, batch: torch.Tensor) -> Any:
        """A float32 tensor (n, 3, h, w) to a float32 NumPy array (n, classes).

        Raises OutOfMemory where so many pictures do not fit, and ModelError where the network does not take such a
        batch, or does not answer with one row each.
        """
        return self.fetched(self.forward(self.placed(batch)), len(batch))

    def fetched(self, output: Any, pictures: int) -> Any:
        """The answer on the host, float32 (n, classes) of NumPy. Raises ModelError where it is no such thing."""
        if not isinstance(output, torch.Tensor) or output.ndim != 2 or len(output) != pictures:
            raise ModelError(
                f"{type(self.module).__name__} is no classifier: for {pictures} pictures it returned {_shape(output)}"
            )
        try:
            return np.asarray(output.float().cpu().numpy())
        except RuntimeError as error:  # a GPU tells late what went wrong on it
            did = f"failed on {self.device} with {pictures} pictures"
            raise _failure(type(self.module).__name__, pictures, did, error) from error

    def placed(self, batch: torch.Tensor) -> torch.Tensor:
        """A copy of the batch as the network takes it: on its device, in its precision, channels last.

        Raises OutOfMemory, ModelError.
        """
        try:
            if batch.device.type != self.device.type:  # from pinned memory, nobody waits for the copy
                batch = batch.pin_memory().to(self.device, non_blocking=True)
            return batch.to(self.device, self.dtype, memory_format=torch.channels_last, copy=True)
        except RuntimeError as error:
            raise refusal(type(self.module).__name__, batch, error) from error

    def forward(self, placed: torch.Tensor) -> Any:
        """What the network returns, on its device and perhaps not computed yet. Raises OutOfMemory, ModelError."""
        with torch.inference_mode(), exact_float32():
            try:
                return self.answer(placed)
            except (Exception, SystemExit) as error:  # a network may raise anything, and other models go on
                raise refusal(type(self.module).__name__, placed, error) from error

    def answer(self, placed: torch.Tensor) -> Any:
        """What the network itself says to a placed batch."""
        return self.module(placed)

    def synchronize(self) -> None:
        """Wait until the device has done all that it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def device_ns(self, placed: torch.Tensor) -> int | None:
        """How long ``forward`` keeps the device itself at work, by CUDA events; None where there is no such clock."""
        if self.device.type != "cuda":
            return None
        event: Any = torch.cuda.Event  # untyped
        begun, done = event(enable_timing=True), event(enable_timing=True)
        begun.record()
        self.forward(placed)
        done.record()
        done.synchronize()
        return int(begun.elapsed_time(done) * 1e6)


def build(request: Request) -> EagerClassifier:
    """The classifier of this runtime."""
    return EagerClassifier(request.module(), request.precision, request.device)


@contextmanager
def exact_float32() -> Iterator[None]:
    """float32 means float32, whatever the process has set; its settings come back afterwards.

    Operator by operator, because torch no longer reads its older settings where a process has used these.
    """
    backends: Any = torch.backends  # half of what it has is not typed
    cudnn, onednn = backends.cudnn, backends.mkldnn
    with ExitStack() as settings:
        for operator in (backends.cuda.matmul, cudnn.conv, cudnn.rnn, onednn.matmul, onednn.conv, onednn.rnn):
            settings.enter_context(_set(operator, "fp32_precision", "ieee"))
        settings.enter_context(_set(cudnn, "enabled", True))
        settings.enter_context(_set(cudnn, "benchmark", False))
        yield


@contextmanager
def _set(place: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def refusal(name: str, batch: Any, error: BaseException, reason: str = "") -> ModelError:
    """What it means that a network raised something about a batch; ``reason``: what of its text tells why."""
    return _failure(name, len(batch), f"refuses a batch of shape {tuple(batch.shape)}", error, reason)


def _failure(name: str, pictures: int, did: str, error: BaseException, reason: str = "") -> ModelError:
    said = reason or str(error).strip().partition("\n")[0] or type(error).__name__
    if ran_out_of_memory(error):
        return OutOfMemory(f"{name} does not fit into memory with {pictures} pictures: {said}")
    return ModelError(f"{name} {did}: {said}")


def _shape(output: Any) -> str:
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    return f"a {type(output).__name__}, not logits"
