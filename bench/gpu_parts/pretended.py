"""A pretended card for the dry run: torch's functions of CUDA, on the CPU, with torch's own signatures.

What the parts call they call in a dry run, too, with arguments that the real functions would take. Figures are made up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

TOTAL_BYTES = 8 * 10**9
ALLOCATED_BYTES = 100 * 10**6

PROPERTIES = SimpleNamespace(
    name="a pretended card", total_memory=TOTAL_BYTES, multi_processor_count=1, major=9, minor=0
)

FRAMES = [
    {"filename": "/site-packages/torch/functional.py", "line": 1, "name": "full"},
    {"filename": "planted.py", "line": 2, "name": "forward"},
]

SNAPSHOT: dict[str, Any] = {
    "segments": [],
    "device_traces": [
        [
            {"action": "alloc", "addr": 1, "size": 512, "stream": 0, "frames": FRAMES[:1]},
            {"action": "alloc", "addr": 2, "size": ALLOCATED_BYTES, "stream": 0, "frames": FRAMES},
            {"action": "free_completed", "addr": 2, "size": ALLOCATED_BYTES, "stream": 0, "frames": []},
        ]
    ],
}
"""As ``torch.cuda.memory._snapshot`` returns it, as far as it is read."""


class Event:
    """The host's clock in place of the card's."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        del enable_timing, blocking, interprocess
        self.at = 0.0

    def record(self, stream: Any = None) -> None:
        del stream
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        """Nothing is asynchronous here."""

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds."""
        return 1000 * (end_event.at - self.at)


class Allocator:
    """Memory is short as soon as a part of it is forbidden: then half a batch fits, as if activations filled it."""

    def __init__(self) -> None:
        self.is_short = False

    def limit(self, fraction: float, *_: object) -> None:
        self.is_short = fraction < 1

    def infer(self, classifier: Any, batch: Any) -> Any:
        """In place of :meth:`EagerClassifier.infer`, which the classifiers of compiled networks have their own of."""
        import torch

        from imgcls.models import outputs

        if self.is_short and len(batch) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate what a pretended card does not have.")
        return outputs.of(classifier.module(batch), classifier.output, len(batch))


@contextmanager
def card() -> Iterator[None]:
    """While it is open, torch's functions of CUDA behave as if there were one."""
    import torch

    from gpu_parts import pretended_graph
    from imgcls.models.runtimes.eager import EagerClassifier

    allocator = Allocator()

    def infer(classifier: Any, batch: Any) -> Any:
        return allocator.infer(classifier, batch)

    answers: dict[str, Any] = {
        "get_device_properties": PROPERTIES,
        "get_arch_list": ["sm_90"],
        "mem_get_info": (TOTAL_BYTES, TOTAL_BYTES),
        "max_memory_allocated": ALLOCATED_BYTES,
        "max_memory_reserved": 2 * ALLOCATED_BYTES,
        "memory_allocated": ALLOCATED_BYTES,
        "synchronize": None,
        "empty_cache": None,
        "reset_peak_memory_stats": None,
    }
    with ExitStack() as patches:
        patches.enter_context(pretended_graph.graphs())
        for name, answer in answers.items():
            like = mock.create_autospec(getattr(torch.cuda, name), return_value=answer)
            patches.enter_context(mock.patch.object(torch.cuda, name, like))
        limit = mock.create_autospec(torch.cuda.set_per_process_memory_fraction, side_effect=allocator.limit)
        patches.enter_context(mock.patch.object(torch.cuda, "set_per_process_memory_fraction", limit))
        patches.enter_context(mock.patch.object(torch.cuda, "Event", Event))
        history: Any = torch.cuda.memory
        for name, answer in (("_record_memory_history", None), ("_snapshot", SNAPSHOT)):
            like = mock.create_autospec(getattr(history, name), return_value=answer)
            patches.enter_context(mock.patch.object(history, name, like))
        patches.enter_context(mock.patch.object(EagerClassifier, "infer", infer))
        patches.enter_context(mock.patch.object(torch.Tensor, "pin_memory", lambda self: self))
        traced = partial(torch.compile, backend="eager")  # code for the CPU would take its compiler half a minute
        patches.enter_context(mock.patch.object(torch, "compile", traced))
        yield
