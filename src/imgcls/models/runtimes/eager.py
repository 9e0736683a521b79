"""PyTorch as it comes: no compilation, TF32 and cuDNN's autotuning off, channels last, which is faster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from imgcls import messages
from imgcls.errors import ModelError, OutOfMemory, ran_out_of_memory
from imgcls.models import outputs
from imgcls.models.runtimes.base import Request
from imgcls.system import devices


class EagerClassifier:
    """A module in evaluation mode on one device, in one precision. Raises ModelError where it does not fit there.

    ``output``: where its logits are in what it returns, see :mod:`imgcls.models.outputs`.
    """

    concurrent = False  # a network may hold state of its own between its layers
    compile_seconds = 0.0
    max_batch_size: int | None

    def __init__(self, module: torch.nn.Module, precision: str, device: str, output: str | None = None) -> None:
        self.device, self.output = torch.device(device), output
        self.max_batch_size = getattr(module, "fixed_batch", None)
        self.dtype: torch.dtype = getattr(torch, precision)
        try:
            self.module = module.eval().to(self.device, self.dtype).to(memory_format=torch.channels_last)
        except torch.OutOfMemoryError as error:
            raise ModelError(f"{type(module).__name__} does not fit into the memory of {device}: {error}") from error

    def logits(self, batch: torch.Tensor) -> Any:
        """A float32 tensor (n, channels, h, w) to a float32 NumPy array (n, classes).

        Raises OutOfMemory where n images do not fit, and ModelError where the network does not take such a batch, or
        does not return one row per image.
        """
        return self.to_numpy(self.forward(self.to_device(batch)), len(batch))

    def to_device(self, batch: torch.Tensor) -> torch.Tensor:
        """A copy of the batch as the network takes it: on its device, in its precision, channels last.

        Raises OutOfMemory, ModelError.
        """
        try:
            if batch.device.type != self.device.type:  # from pinned memory, the copy is asynchronous
                pins_memory = devices.of(self.device.type).pins_memory
                batch = (batch.pin_memory() if pins_memory else batch).to(self.device, non_blocking=pins_memory)
            return batch.to(self.device, self.dtype, memory_format=torch.channels_last, copy=True)
        except RuntimeError as error:
            raise refusal(type(self.module).__name__, batch, error) from error

    def forward(self, batch: torch.Tensor) -> Any:
        """The network's output, on its device and perhaps not computed yet. Raises OutOfMemory, ModelError."""
        with torch.inference_mode(), exact_float32():
            try:
                return self.infer(batch)
            except outputs.NoLogits:
                raise
            except (Exception, SystemExit) as error:  # a network may raise anything, and other models go on
                raise refusal(type(self.module).__name__, batch, error) from error

    def infer(self, batch: torch.Tensor) -> Any:
        """The logits of the network itself for a batch on its device, or whatever it returned in their place."""
        return outputs.of(self.module(batch), self.output, len(batch))

    def to_numpy(self, output: Any, images: int) -> Any:
        """The output on the host, float32 (n, classes). Raises ModelError where it is of another kind or shape."""
        if not isinstance(output, torch.Tensor) or output.ndim != 2 or len(output) != images:
            raise outputs.refusal(type(self.module).__name__, output, images, self.output)
        try:
            return np.asarray(output.float().cpu().numpy())
        except RuntimeError as error:  # a GPU reports late what went wrong on it
            raise late_failure(self, images, error) from error

    def synchronize(self) -> None:
        """Wait until the device has done all that was started."""
        devices.of(self.device.type).synchronize(self.device)

    def device_ns(self, batch: torch.Tensor) -> int | None:
        """The time that ``forward`` takes by CUDA events, in ns; None where there is no such clock."""
        if self.device.type != "cuda":
            return None
        event: Any = torch.cuda.Event  # untyped
        started, done, stream = *(event(enable_timing=True) for _ in range(2)), torch.cuda.current_stream(self.device)
        started.record(stream)
        self.forward(batch)
        done.record(stream)
        done.synchronize()
        return int(started.elapsed_time(done) * 1e6)


def build(request: Request) -> EagerClassifier:
    """The classifier of this runtime."""
    return EagerClassifier(request.module(), request.precision, request.device, request.output)


@contextmanager
def exact_float32() -> Iterator[None]:
    """float32 means float32, whatever the process has set; its settings are restored afterwards.

    Operator by operator, because torch no longer reads its older settings where a process has used these.
    """
    backends: Any = torch.backends  # half of its attributes are not typed
    cudnn, onednn = backends.cudnn, backends.mkldnn
    with ExitStack() as settings:
        for operator in (backends.cuda.matmul, cudnn.conv, cudnn.rnn, onednn.matmul, onednn.conv, onednn.rnn):
            settings.enter_context(_set(operator, "fp32_precision", "ieee"))
        settings.enter_context(_set(cudnn, "enabled", True))
        settings.enter_context(_set(cudnn, "benchmark", False))
        yield


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def refusal(name: str, batch: Any, error: BaseException, reason: str = "") -> ModelError:
    """The error for whatever a network raised about a batch; ``reason``: the part of its text to quote."""
    return _failure(name, len(batch), f"refuses a batch of shape {tuple(batch.shape)}", error, reason)


def late_failure(classifier: EagerClassifier, images: int, error: BaseException) -> ModelError:
    """The error for what a device reports of a batch after it was launched."""
    what = f"failed on {classifier.device} with {messages.counted(images, 'image')}"
    return _failure(type(classifier.module).__name__, images, what, error)


def _failure(name: str, images: int, what: str, error: BaseException, reason: str = "") -> ModelError:
    text = reason or str(error).strip().partition("\n")[0] or type(error).__name__
    if "to have 1 channels, but got 3" in text:
        text += "; mean and std of one number each in [models.NAME.input] make images grey"
    if ran_out_of_memory(error):
        return OutOfMemory(f"{name} does not fit into memory with {messages.counted(images, 'image')}: {text}")
    return ModelError(f"{name} {what}: {text}")
