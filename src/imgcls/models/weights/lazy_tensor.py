"""Tensors that stay in their safetensors file until they are used."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls.models.weights import tensors

if TYPE_CHECKING:
    import torch


_DTYPES = {  # docs/decisions.md#lazy-tensors
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
}
"""The types of safetensors that are read when they are used; rarer ones are read at once."""


def spans(path: Path) -> dict[str, tuple[str, list[int], int]]:
    """Type, shape and offset in bytes of each tensor, from the header of a file that safetensors accepts."""
    header, length = _header(path)
    header.pop("__metadata__", None)
    return {
        name: (entry["dtype"], entry["shape"], 8 + length + entry["data_offsets"][0]) for name, entry in header.items()
    }


def metadata(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file; empty where it has none or is damaged.

    The library would map the whole file for them.
    """
    try:
        header, _ = _header(path)
        return {str(key): str(value) for key, value in header.get("__metadata__", {}).items()}
    except (ValueError, AttributeError, RecursionError):  # reading its tensors reports it
        return {}


def _header(path: Path) -> tuple[Any, int]:
    """What the header states, and its length in bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(min(length, path.stat().st_size))), length


def tensor_in_file(path: Path, name: str, dtype: str, shape: list[int], start: int) -> torch.Tensor:
    """A tensor that stays in its file; one of a rare type is read."""
    import torch
    from safetensors import safe_open

    if dtype in _DTYPES:
        unread: torch.Tensor = _lazy_type()(path, getattr(torch, _DTYPES[dtype]), shape, start)
        return unread
    with safe_open(path, framework="pt", device="cpu") as file:
        tensor: torch.Tensor = file.get_tensor(name)
    return tensor


@cache
def _lazy_type() -> type[Any]:
    """The class of tensors that stay in their file; every use reads one anew."""
    import torch
    from torch.utils._pytree import tree_map_only

    unread = {getattr(torch.Tensor, name).__get__ for name in ("shape", "dtype", "layout", "ndim", "is_quantized")}
    unread |= {torch.Tensor.dim, torch.Tensor.size, torch.Tensor.numel}

    class LazyTensor(torch.Tensor):
        device = torch.device("cpu")
        is_meta = False
        path: Path
        start: int

        @staticmethod
        def __new__(cls: Any, path: Path, dtype: torch.dtype, shape: list[int], start: int) -> Any:
            without_values = torch.empty(shape, dtype=dtype, device="meta")
            tensor = torch.Tensor._make_subclass(cls, without_values)  # noqa: SLF001 - as torch's own subclasses do
            tensor.path, tensor.start = path, start
            return tensor

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.Tensor.__deepcopy__:
                return args[0]
            with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - as torch's own subclasses do
                if func in unread:
                    return func(*args)
                if func is torch.Tensor.copy_ and set(types) == {cls} and args[1].goes_into(args[0]):
                    return args[1].read_into(args[0])
                args, kwargs = tree_map_only(cls, cls.read, (args, kwargs or {}))
                return func(*args, **kwargs)

        def goes_into(self, tensor: torch.Tensor) -> bool:
            same = (tensor.shape, tensor.dtype, tensor.device) == (self.shape, self.dtype, self.device)
            return same and tensor.is_contiguous()

        def read(self) -> torch.Tensor:
            return self.read_into(torch.empty(self.shape, dtype=self.dtype))

        def read_into(self, tensor: torch.Tensor) -> torch.Tensor:
            values = tensors.raw_bytes(tensor)
            with self.path.open("rb") as file:
                file.seek(self.start)
                if file.readinto(values) != len(values):
                    raise EOFError(f"{self.path} became shorter while it was read")
            return tensor

    return LazyTensor
