"""Checkpoints of ``torch.save`` whose tensors stay in their file until they are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls.errors import ModelError
from imgcls.models.weights import archive, lazy_tensor, pickled
from imgcls.models.weights.lazy_tensor import TensorFile

if TYPE_CHECKING:
    import torch


class _NotInFile(Exception):
    """A value that is not made of plain values and of tensors whose bytes lie in the file as they are."""


def load(path: Path) -> Any:
    """The content of a file as :func:`imgcls.models.weights.pickled.load` gives it, which takes no memory for tensors.

    A file that is no archive, or holds tensors of a rare kind, is read into memory. Raises what that function raises.
    """
    file = TensorFile.of(path)
    members = archive.stored(path)  # docs/decisions.md#lazy-tensors
    if members:
        try:
            return _Reading(file, members).located(pickled.load(path, "meta"))
        except (ModelError, _NotInFile, RecursionError):  # read into memory, it is whole or has the right message
            pass
    return pickled.load(path)


class _Reading:
    """Puts a tensor that stays in the file in the place of each one that was loaded without values."""

    def __init__(self, file: TensorFile, members: Mapping[int, int]) -> None:
        self.file, self.members = file, members
        self.made: dict[int, tuple[Any, Any]] = {}  # by the id of what was loaded, which is held so that ids stay

    def located(self, value: Any) -> Any:
        """The value with all that it holds; a container stays the same one. Raises _NotInFile."""
        import torch

        if value is None or isinstance(value, str | bytes | bool | int | float | torch.Size | torch.dtype):
            return value
        if id(value) not in self.made:
            self.made[id(value)] = value, value  # a mapping may hold itself
            self.made[id(value)] = value, self._made(value)
        return self.made[id(value)][1]

    def _made(self, value: Any) -> Any:
        import torch

        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            value.update({key: self.located(held) for key, held in value.items()})
        elif isinstance(value, list):
            value[:] = map(self.located, value)
        elif type(value) is tuple:
            return tuple(map(self.located, value))
        elif isinstance(value, pickled.StandIn):
            value.args, value.state = self.located(value.args), self.located(value.state)
        else:
            raise _NotInFile
        return value

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        start = getattr(tensor.untyped_storage(), "_checkpoint_offset", None) if _is_plain(tensor) else None
        first, size = tensor.storage_offset() * tensor.itemsize, tensor.numel() * tensor.itemsize
        if start is None or first + size > self.members.get(start, -1):
            raise _NotInFile
        return lazy_tensor.of(self.file, tensor.dtype, tensor.shape, start + first)


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether its values would lie in memory as a file has them."""
    import torch

    ordinary = type(tensor) in {torch.Tensor, torch.nn.Parameter} and tensor.layout is torch.strided
    return ordinary and not tensor.is_neg() and tensor.is_contiguous() and lazy_tensor.is_usual(tensor.dtype)
