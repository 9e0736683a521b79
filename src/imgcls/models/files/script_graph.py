"""What a program of TorchScript shows of its input and its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgcls.models.files.layout import CHANNELS
from imgcls.models.files.program_graph import LAST, UNCHANGING

FILTERS = 4
"""The number of dimensions of a convolution's filters, of which the second is that of its input's channels."""


def channels(tensors: Mapping[str, Any]) -> int:
    """The number of channels that its first convolution takes; 3 where it has none of images."""
    first = next((tensor.shape[1] for tensor in tensors.values() if tensor.dim() == FILTERS), 0)
    return int(first) if first in CHANNELS else max(CHANNELS)


def dtype(tensors: Mapping[str, Any]) -> str:
    """The type of its first floating-point tensor, by torch's name, in which it takes images."""
    first = next((tensor for tensor in tensors.values() if tensor.is_floating_point()), None)
    return "float32" if first is None else str(first.dtype).removeprefix("torch.")


def last_operation(program: Any) -> str:
    """The operation that computes the output, but for those that only change its form, by ONNX's name for it."""
    graph = program.inlined_graph
    node = next(graph.outputs()).node()
    while _kind(node) in UNCHANGING:
        node = next(node.inputs()).node()
    return LAST.get(_kind(node), _kind(node))


def _kind(node: Any) -> str:
    return str(node.kind()).rpartition("::")[2]
