"""Tensors that stay in their file until they are used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imgcls.errors import ModelError
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


class TensorFile(NamedTuple):
    """A file in which tensors stay: its ``size`` in bytes, and when it was changed, before anything was read of it."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> TensorFile:
        """The file as it is now. Raises OSError."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    def read_into(self, values: memoryview, start: int) -> None:
        """Fill ``values`` with the bytes from ``start`` on. Raises what :meth:`require_unchanged` raises."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                count = file.readinto(values)
        except OSError as error:
            raise self._refused(f"cannot be read any more ({error.strerror})") from error
        self.require_unchanged()
        if count != len(values):
            raise self._refused("became shorter while it was read")

    def require_unchanged(self) -> None:
        """Raise ModelError where the file was changed, replaced or removed."""
        try:
            current = TensorFile.of(self.path)
        except OSError as error:
            raise self._refused(f"cannot be read any more ({error.strerror})") from error
        if current != self:
            raise self._refused("was changed while it was read")

    def _refused(self, why: str) -> ModelError:
        return ModelError(f"{self.path} {why}; run again when nothing writes it")


def require_unchanged(tensors: Iterable[object]) -> None:
    """Raise ModelError where one of these stays in a file that was changed, replaced or removed."""
    for tensor in tensors:
        if isinstance(tensor, _lazy_type()):
            tensor.file.require_unchanged()


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


def tensor_in_file(file: TensorFile, name: str, dtype: str, shape: list[int], start: int) -> torch.Tensor:
    """A tensor that stays in its file; one of a rare type is read."""
    import torch
    from safetensors import safe_open

    if dtype in _DTYPES:
        return of(file, getattr(torch, _DTYPES[dtype]), shape, start)
    with safe_open(file.path, framework="pt", device="cpu") as opened:
        tensor: torch.Tensor = opened.get_tensor(name)
    return tensor


def of(file: TensorFile, dtype: torch.dtype, shape: Sequence[int], start: int) -> torch.Tensor:
    """A tensor of a usual type that stays in its file, where its values begin at the byte ``start``, in C order."""
    unread: torch.Tensor = _lazy_type()(file, dtype, shape, start)
    return unread


def is_usual(dtype: torch.dtype) -> bool:
    """Whether tensors of this type can stay in their file."""
    return str(dtype).removeprefix("torch.") in _DTYPES.values()


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
        file: TensorFile
        start: int

        @staticmethod
        def __new__(cls: Any, file: TensorFile, dtype: torch.dtype, shape: Sequence[int], start: int) -> Any:
            without_values = torch.empty(shape, dtype=dtype, device="meta")
            tensor = torch.Tensor._make_subclass(cls, without_values)  # noqa: SLF001 - as torch's own subclasses do
            tensor.file, tensor.start = file, start
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
            self.file.read_into(tensors.raw_bytes(tensor), self.start)
            return tensor

    return LazyTensor
