"""PyTorch as it comes: no compilation, TF32 and cuDNN's autotuning off, channels last, which is faster."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch

from imgcls import messages
from imgcls.errors import ModelError, OutOfMemory, ran_out_of_memory
from imgcls.models import outputs
from imgcls.models.runtimes.base import FLAGS, Request
from imgcls.system import devices

REDUCTIONS = ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
"""Settings of cuBLAS that are pairs of flags."""


class EagerClassifier:
    """A module in evaluation mode on one device, in one precision.

    Raises ModelError where it does not fit there, and MachineError where the device cannot be used.

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
        except RuntimeError as error:
            if ran_out_of_memory(error):
                name = type(module).__name__
                raise ModelError(f"{name} does not fit into the memory of {device}: {error}") from error
            if isinstance(error, torch.AcceleratorError):
                raise devices.unusable(device, error) from error
            raise

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
            except ModelError:
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
    """float32 means float32, and nothing is tried out, whatever the process has set; it is restored at the end.

    Operator by operator, because torch no longer reads its older settings where a process has used these. Then the
    older ones, too: torch refuses to read them, as cuDNN's own ``flags()`` does in a network, where the two differ.
    """
    _EXACT.enter()
    try:
        yield
    finally:
        _EXACT.leave()


class _Exact:
    """The settings, which are those of all threads: the first that needs them sets them, and the last restores them."""

    def __init__(self) -> None:
        self._lock, self._needed = threading.Lock(), 0
        self._before: Sequence[tuple[Any, str, Any]] = ()
        self._older = "highest", True

    def enter(self) -> None:
        with self._lock:
            if not self._needed:
                self._set()
            self._needed += 1

    def leave(self) -> None:
        with self._lock:
            self._needed -= 1
            if not self._needed:
                _set_older(*self._older)
                _set(self._before)

    def _set(self) -> None:
        settings = _settings()
        self._before = [(owner, name, _value(owner, name)) for owner, name, _ in settings]
        _set(settings)
        self._older = torch.get_float32_matmul_precision(), _is_tf32_allowed()
        _set_older("highest", is_tf32_allowed=False)
        _set(settings)  # the older ones set them, too, otherwise


_EXACT = _Exact()


@cache
def _settings() -> Sequence[tuple[Any, str, Any]]:
    """Whose they are, their names, and their values while a network runs (docs/decisions.md#flags-that-change-bits)."""
    backends: Any = torch.backends  # half of its attributes are not typed
    cudnn, onednn, matmul = backends.cudnn, backends.mkldnn, backends.cuda.matmul
    operators = (matmul, cudnn.conv, cudnn.rnn, onednn.matmul, onednn.conv, onednn.rnn)
    return (
        *((operator, "fp32_precision", "ieee") for operator in operators),
        (cudnn, "enabled", True),
        (cudnn, "benchmark", FLAGS["cudnn_benchmark"]),
        (cudnn, "deterministic", FLAGS["cudnn_deterministic"]),
        (matmul, "allow_fp16_accumulation", FLAGS["float16_accumulation"]),
        *((matmul, name, FLAGS["reduced_precision_reduction"]) for name in REDUCTIONS),
    )


def _set(settings: Sequence[tuple[Any, str, Any]]) -> None:
    for owner, name, value in settings:
        setattr(owner, name, value)


def _value(owner: Any, name: str) -> Any:
    value = getattr(owner, name)
    return (value, getattr(owner, f"{name}_split_k", True)) if name in REDUCTIONS else value


def _is_tf32_allowed() -> bool:
    """cuDNN's older setting, while the newer ones forbid it: torch refuses to read one that they contradict."""
    try:
        return torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return True


def _set_older(precision: str, is_tf32_allowed: bool) -> None:
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = is_tf32_allowed


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
