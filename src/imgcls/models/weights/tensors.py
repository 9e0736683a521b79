"""Tensors of a state dict: hashed, and laid out for convolutions, with little memory for copies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from imgcls.errors import ModelError

if TYPE_CHECKING:
    import torch


_CHUNK = 2**18  # docs/decisions.md#copying-in-chunks
"""The number of values that are copied at a time where the order in memory is not the required one."""


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """The sha256 of a state dict: names in order, each with dtype, shape and its values' bytes.

    The same values give the same digest whatever file, order or memory layout they come from. Bytes
    are taken as they lie in memory, little-endian on the machines that PyTorch runs on.
    """
    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        head = [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
        total.update(json.dumps(head).encode("ascii"))
        for piece in _pieces(tensor.detach().cpu()):
            total.update(raw_bytes(piece))
    return total.hexdigest()


def refuse_complex(model: str, module: torch.nn.Module) -> None:
    """Raise ModelError for complex values: put into a precision, they would lose their imaginary part."""
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        if tensor.is_complex():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ModelError(
                f"[models.{model}] {name} holds values of type {kind}, of which only the real part would be computed "
                "with: keep the two parts as a real tensor, and use torch.view_as_complex in forward"
            )


def to_channels_last(module: torch.nn.Module) -> None:
    """Lay out filters as ``module.to(memory_format=torch.channels_last)`` does, in the memory that they have.

    A filter takes the same memory in either layout, so that a few at a time are converted. What shares its memory
    with another tensor, or is in another order, is left to torch, which for each tensor holds old and new at once.
    """
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.dim() == 4 and _is_plain(tensor) and _owns_memory(tensor):
            count, channels, height, width = tensor.shape
            filters = tensor.detach().view(count, -1)
            for few in _rows(filters, max(1, _CHUNK // filters.shape[1])):
                few.copy_(few.view(-1, channels, height, width).permute(0, 2, 3, 1).reshape(few.shape))
            tensor.data = filters.view(count, height, width, channels).permute(0, 3, 1, 2)


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether the values are in their logical order, in memory that may be written."""
    import torch

    ordinary = type(tensor) in {torch.Tensor, torch.nn.Parameter} and not tensor.is_inference()
    return ordinary and is_dense(tensor) and tensor.numel() > 0 and tensor.is_contiguous()


def _owns_memory(tensor: torch.Tensor) -> bool:
    """Whether no other tensor lies in the same memory, by torch's own count of its users."""
    import torch

    count = getattr(torch._C, "_storage_Use_Count", None)  # noqa: SLF001 - there is no public count
    storage, of_its_own = tensor.untyped_storage(), torch.empty(1).untyped_storage()
    return count is not None and count(storage._cdata) <= count(of_its_own._cdata) + 1  # noqa: SLF001 - its argument


def _pieces(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensor in its logical order, as it lies in memory where that is the order, else by small copies."""
    if tensor.is_contiguous() or tensor.numel() <= _CHUNK:
        yield tensor.contiguous()
    else:
        for rows in _rows(tensor, max(1, _CHUNK * len(tensor) // tensor.numel())):
            yield from _pieces(rows if len(rows) > 1 else rows[0])


def _rows(tensor: torch.Tensor, count: int) -> Iterator[torch.Tensor]:
    return (tensor[start : start + count] for start in range(0, len(tensor), count))


def raw_bytes(contiguous: torch.Tensor) -> memoryview:
    """The memory of a contiguous tensor's values."""
    import torch

    return contiguous.detach().reshape(-1).view(torch.uint8).numpy().data


def is_dense(value: object) -> bool:
    """Whether a value is a tensor on the CPU that is neither sparse nor quantized."""
    import torch

    if not isinstance(value, torch.Tensor):
        return False
    return value.layout is torch.strided and not value.is_quantized and value.device.type == "cpu"
