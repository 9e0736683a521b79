"""CUDA graphs on the CPU: the operators of a recording are kept, and run again on the same memory at each replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest import mock

import torch
from torch.utils import _python_dispatch
from torch.utils._pytree import tree_leaves

from imgcls import extensions

Mode: Any = _python_dispatch.TorchDispatchMode  # untyped

WAITS = {torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default}  # noqa: SLF001 - its own name
"""Operators that wait for the device, as far as they are known here."""


class Graph(Mode):  # type: ignore[misc] # it is of any type
    """In place of ``torch.cuda.CUDAGraph``; while it is active, it records."""

    def __init__(self, keep_graph: bool = False) -> None:
        super().__init__()
        del keep_graph
        self.calls: list[tuple[Callable[[], Any], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator, and keep it with its output."""
        if func in WAITS:
            raise torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing\nSearch for ...")

        def call() -> Any:
            return func(*args, **(kwargs or {}))

        output = call()
        self.calls.append((call, output))
        return output

    def replay(self) -> None:
        """Run all operators again, with their outputs in the memory of before."""
        for call, output in self.calls:
            for before, after in zip(tree_leaves(output), tree_leaves(call()), strict=True):
                if isinstance(before, torch.Tensor) and before.data_ptr() != after.data_ptr():
                    before.copy_(after)


class Strict(Mode):  # type: ignore[misc] # it is of any type
    """In place of torch's mode in which waiting for the device is an error."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator that does not wait."""
        if func in WAITS:
            raise RuntimeError("called a synchronizing CUDA operation")
        return func(*args, **(kwargs or {}))


@contextmanager
def recording(
    cuda_graph: Graph, pool: Any = None, stream: Any = None, capture_error_mode: str = "global"
) -> Iterator[None]:
    """In place of ``torch.cuda.graph``; its end fails after any error that invalidates a recording."""
    del pool
    assert stream
    assert capture_error_mode == "thread_local", "workers pin memory meanwhile"
    try:
        with cuda_graph:
            yield
    except torch.AcceleratorError:
        raise torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture") from None


@contextmanager
def graphs() -> Iterator[None]:
    """While it is open, networks on the CPU can be recorded."""
    strict: Any = Strict()

    def set_mode(debug_mode: int | str) -> None:
        if debug_mode == "error":
            strict.__enter__()
        else:
            strict.__exit__(None, None, None)

    row = replace(extensions.RUNTIMES["cuda-graph"], on_cpu=True)
    stream = mock.create_autospec(torch.cuda.Stream, instance=True, device_index=0)
    stand_ins: dict[str, Any] = {
        "graph": recording,
        "CUDAGraph": Graph,
        "Stream": lambda _: stream,
        "stream": lambda _: nullcontext(),
        "current_stream": lambda _=None: stream,
        "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": set_mode,
    }
    with ExitStack() as patches:
        patches.enter_context(mock.patch.dict(extensions.RUNTIMES, {"cuda-graph": row}))
        for name, stand_in in stand_ins.items():
            like = mock.create_autospec(getattr(torch.cuda, name), side_effect=stand_in)
            patches.enter_context(mock.patch.object(torch.cuda, name, like))
        yield
