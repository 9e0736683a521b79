"""CUDA graphs: a network's kernels are recorded once for each batch size, and then all started at once."""

import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch

from imgcls.errors import ModelError, ran_out_of_memory
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import EagerClassifier, refusal

WARM_UP = 3  # docs/decisions.md#cuda-graphs
"""Batches before a recording, which load kernels and take what memory the network keeps."""

_ONE_AT_A_TIME = threading.Lock()
"""A process may record one graph at a time."""


class Recording(NamedTuple):
    """The kernels of a network for one shape: they read ``images``, and write ``output``."""

    graph: Any
    images: torch.Tensor
    output: Any


class GraphClassifier(EagerClassifier):
    """A module of which each batch size is recorded once and then replayed.

    Raises ModelError where a network waits for the device, and so may do what is not among its kernels.
    """

    def __init__(self, module: torch.nn.Module, precision: str, device: str, output: str | None = None) -> None:
        self._recordings: dict[torch.Size, Recording] = {}
        self._is_tried = False
        super().__init__(module, precision, device, output)

    @property
    def max_batch_size(self) -> int | None:
        """As of every classifier; no recording of a larger batch, nor its memory, is kept."""
        return self._max_batch_size

    @max_batch_size.setter
    def max_batch_size(self, images: int | None) -> None:
        self._max_batch_size = images
        fitting = {shape: made for shape, made in self._recordings.items() if images is None or shape[0] <= images}
        self._recordings = fitting

    @cached_property
    def _stream(self) -> Any:
        """One for each network: torch keeps a buffer for products of matrices by stream, which the recordings use."""
        stream: Any = torch.cuda.Stream  # untyped
        return stream(self.device)

    def infer(self, batch: torch.Tensor) -> Any:
        """As the network itself, in new memory: the next replay writes into that of the recording."""
        if not len(batch):
            return super().infer(batch)  # it may have no kernels, of which torch warns
        recording = self._recordings.get(batch.shape)
        if recording is None:
            recording = self._recordings[batch.shape] = self._recorded(batch)
        recording.images.copy_(batch)
        recording.graph.replay()
        return recording.output.clone() if isinstance(recording.output, torch.Tensor) else recording.output

    def _recorded(self, batch: torch.Tensor) -> Recording:
        """A recording for batches of this shape, made on a stream of its own. Raises what the network raises."""
        started, current = time.perf_counter(), torch.cuda.current_stream(self.device)
        images = torch.empty_like(batch, dtype=self.dtype, memory_format=torch.channels_last).copy_(batch)
        self._stream.wait_stream(current)
        try:
            with _ONE_AT_A_TIME, torch.cuda.stream(self._stream):
                for _ in range(WARM_UP):
                    super().infer(images)
                self._try(images)
                return self._captured(images)
        finally:
            current.wait_stream(self._stream)
            self.compile_seconds += time.perf_counter() - started

    def _try(self, images: torch.Tensor) -> None:
        """Raise ModelError where the network waits for the device: a recording that fails leaves torch in disorder."""
        if not self._is_tried:
            try:
                with _without_waiting():
                    super().infer(images)
            except RuntimeError as error:
                raise self._refusal(images, error) from error
        self._is_tried = True

    def _captured(self, images: torch.Tensor) -> Recording:
        """A recording that reads these images. Raises ModelError where torch cannot record the network."""
        graph, first = torch.cuda.CUDAGraph(), None
        recording = torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        try:
            with recording:  # other threads may meanwhile do on the device what it may not
                try:
                    output = super().infer(images)
                except Exception as error:
                    first = error  # at the end of a recording, torch raises another in its place
                    raise
        except Exception as error:
            raise self._refusal(images, first or error) from error
        finally:
            del first  # its frames hold memory of the device
        return Recording(graph, images, output)

    def _refusal(self, images: torch.Tensor, error: Exception) -> ModelError:
        """OutOfMemory where memory is short, else with the line of code that cannot be recorded."""
        name, place = type(self.module).__name__, traceback.extract_tb(error.__traceback__)[-1]
        if ran_out_of_memory(error):
            return refusal(name, images, error)
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        return ModelError(
            f"{name} cannot be recorded as a CUDA graph: {what} ({Path(place.filename).name}, line {place.lineno}); "
            'use runtime = "eager"'
        )


@contextmanager
def _without_waiting() -> Iterator[None]:
    """What waits for the device raises RuntimeError, in every thread."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def build(request: Request) -> GraphClassifier:
    """The classifier of this runtime."""
    return GraphClassifier(request.module(), request.precision, request.device, request.output)
