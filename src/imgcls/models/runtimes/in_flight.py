"""Batches that a CUDA device still works on: while their threads wait for them, the next one is launched."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch

from imgcls.models.runtimes.eager import EagerClassifier, late_failure


class Fetched:
    """A tensor on its way to pinned memory, behind everything that the stream of its CUDA device has to do before.

    ``device``: the CUDA device, where a network itself returns a tensor of the host.
    """

    def __init__(self, tensor: torch.Tensor, device: torch.device) -> None:
        event: Any = torch.cuda.Event  # untyped
        self._copy = tensor.to("cpu", non_blocking=True)
        self._copied = event(blocking=True)  # docs/decisions.md#batches-in-flight
        self._copied.record(torch.cuda.current_stream(tensor.device if tensor.is_cuda else device))

    def wait(self) -> torch.Tensor:
        """Its values, in host memory. Raises RuntimeError for whatever the device failed at since."""
        self._copied.synchronize()
        return self._copy


class InFlight:
    """A batch of ``classifier``, on its device, launched with a copy of its output to pinned memory behind it.

    ``seconds``: those of the device, by events, as soon as :meth:`logits` has returned. Raises OutOfMemory, ModelError.
    """

    def __init__(self, classifier: EagerClassifier, batch: torch.Tensor) -> None:
        self._classifier, self._images, self.seconds = classifier, len(batch), 0.0
        event: Any = torch.cuda.Event  # untyped
        stream = torch.cuda.current_stream(classifier.device)
        self._started, self._done = (event(enable_timing=True) for _ in range(2))
        self._started.record(stream)
        output = classifier.forward(batch)
        self._done.record(stream)
        self._output = Fetched(output.float(), classifier.device) if isinstance(output, torch.Tensor) else output

    def logits(self) -> Any:
        """Wait for this batch only: float32 (n, classes). Raises ModelError."""
        if not isinstance(self._output, Fetched):
            return self._classifier.to_numpy(self._output, self._images)  # which refuses it
        try:
            output = self._output.wait()
        except RuntimeError as error:
            raise late_failure(self._classifier, self._images, error) from error
        self.seconds = self._started.elapsed_time(self._done) / 1000
        return self._classifier.to_numpy(output, self._images)


def is_possible(classifier: object) -> TypeGuard[EagerClassifier]:
    """Whether a classifier's ``forward`` only launches its work, on one stream."""
    return isinstance(classifier, EagerClassifier) and classifier.device.type == "cuda"
