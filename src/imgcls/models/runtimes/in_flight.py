"""Batches that a CUDA device still works on: while their threads wait for them, the next one is launched."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch

from imgcls.models.runtimes.eager import EagerClassifier, late_failure


class InFlight:
    """A batch of ``classifier``, on its device, launched with a copy of its output to pinned memory behind it.

    ``seconds``: those of the device, by events, as soon as :meth:`logits` has returned. Raises OutOfMemory, ModelError.
    """

    def __init__(self, classifier: EagerClassifier, batch: torch.Tensor) -> None:
        self._classifier, self._images, self.seconds = classifier, len(batch), 0.0
        event: Any = torch.cuda.Event  # untyped
        stream = torch.cuda.current_stream(classifier.device)
        self._started, self._done, self._copied = (event(enable_timing=True) for _ in range(3))
        self._started.record(stream)
        output = classifier.forward(batch)
        self._done.record(stream)
        is_tensor = isinstance(output, torch.Tensor)  # what is not is refused with the logits
        self._output = output.float().to("cpu", non_blocking=True) if is_tensor else output
        self._copied.record(stream)

    def logits(self) -> Any:
        """Wait for this batch only: float32 (n, classes). Raises ModelError."""
        try:
            self._copied.synchronize()
        except RuntimeError as error:
            raise late_failure(self._classifier, self._images, error) from error
        self.seconds = self._started.elapsed_time(self._done) / 1000
        return self._classifier.to_numpy(self._output, self._images)


def is_possible(classifier: object) -> TypeGuard[EagerClassifier]:
    """Whether a classifier's ``forward`` only launches its work, on one stream."""
    return isinstance(classifier, EagerClassifier) and classifier.device.type == "cuda"
