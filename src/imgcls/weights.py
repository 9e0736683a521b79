"""Reads weights files into state dicts, and hashes both. Nothing here runs code from a weights file."""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import digest
from imgcls.errors import ModelError, WeightsMissing, one_line

if TYPE_CHECKING:
    import torch

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # timm and Lightning, torchvision, the PyTorch tutorials
_AVERAGES = ("state_dict_ema", "model_ema")  # timm, torchvision
_PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel, torch.compile

_DTYPES = {
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

_CHUNK = 2**18
"""Values that are copied at a time where the order in memory is another than the one that is wanted."""

# All that torch.load(weights_only=True) was seen to raise on random, cut and flipped bytes.
_DAMAGED = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def read(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a ``.safetensors`` file or a PyTorch checkpoint (any other suffix), on the CPU.

    A checkpoint that keeps it under ``state_dict``, ``model`` or ``model_state_dict`` is unwrapped;
    averaged weights beside it (``state_dict_ema``, ``model_ema``) are never taken instead. The prefixes
    ``module.`` and ``_orig_mod.`` go where all names have them. Tensors of a safetensors file take no
    memory: each use reads one from the file, ``parameter.copy_`` straight into the parameter. The file
    must stay as it is while they live.

    Raises :class:`WeightsMissing` where there is no readable file, :class:`ModelError` where it holds no state dict
    or something that would have to be run.
    """
    if not path.is_file():
        raise _no_file(path)
    try:
        loaded = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else read_checkpoint(path)
    except OSError as error:
        raise WeightsMissing(f"cannot read the weights file {path}: {error.strerror or error}") from error
    return _without_prefixes(_state_dict(loaded, path))


def check_pin(path: Path, sha256: str) -> None:
    """Raise :class:`ModelError` where a file is not the pinned one, :class:`WeightsMissing` where there is none."""
    if not path.is_file():
        raise _no_file(path)
    seen = digest.file_sha256(path)
    if seen != sha256.lower():
        raise ModelError(
            f"{path} is not the pinned file: its sha256 is {seen}, the configuration pins {sha256}; "
            "fetch the right file, or correct sha256"
        )


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
            total.update(_bytes(piece))
    return total.hexdigest()


def to_channels_last(module: torch.nn.Module) -> None:
    """Lay out filters as ``module.to(memory_format=torch.channels_last)`` does, in the memory that they have.

    A filter takes the same place in either layout, so that a few at a time are turned. What shares its memory with
    another tensor, or lies in another order, is left to torch, which for each tensor holds old and new at once.
    """
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.dim() == 4 and _is_plain(tensor) and _is_alone(tensor):
            count, channels, height, width = tensor.shape
            filters = tensor.detach().view(count, -1)
            for few in _rows(filters, max(1, _CHUNK // filters.shape[1])):
                few.copy_(few.view(-1, channels, height, width).permute(0, 2, 3, 1).reshape(few.shape))
            tensor.data = filters.view(count, height, width, channels).permute(0, 3, 1, 2)


def _is_plain(tensor: torch.Tensor) -> bool:
    """Values in their logical order, in memory that may be written."""
    import torch

    ordinary = type(tensor) in {torch.Tensor, torch.nn.Parameter} and not tensor.is_inference()
    return ordinary and _is_dense(tensor) and tensor.numel() > 0 and tensor.is_contiguous()


def _is_alone(tensor: torch.Tensor) -> bool:
    """Nothing else lies in the same memory, by torch's own count of its users."""
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


def _bytes(contiguous: torch.Tensor) -> memoryview:
    """The memory of a tensor's values."""
    import torch

    return contiguous.detach().reshape(-1).view(torch.uint8).numpy().data


def _no_file(path: Path) -> WeightsMissing:
    return WeightsMissing(
        f"no weights file at {path.absolute()}; put it there, or correct `weights` in the configuration"
    )


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):  # for torch, it would map the file twice
            spans = _spans(path)
        return {name: _stored(path, name, *span) for name, span in spans.items()}
    except SafetensorError as error:
        raise ModelError(
            f"{path} is no safetensors file, or was cut off ({one_line(error)}); fetch or save it again"
        ) from error


def _spans(path: Path) -> dict[str, tuple[str, list[int], int]]:
    """Type, shape and first byte of each tensor, from the header of a file that safetensors has found valid."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {
        name: (entry["dtype"], entry["shape"], 8 + length + entry["data_offsets"][0]) for name, entry in header.items()
    }


def _stored(path: Path, name: str, dtype: str, shape: list[int], start: int) -> torch.Tensor:
    """A tensor that stays in its file; of a rare type, it is read."""
    import torch
    from safetensors import safe_open

    if dtype in _DTYPES:
        stored: torch.Tensor = _stored_type()(path, getattr(torch, _DTYPES[dtype]), shape, start)
        return stored
    with safe_open(path, framework="pt", device="cpu") as file:
        tensor: torch.Tensor = file.get_tensor(name)
    return tensor


@cache
def _stored_type() -> type[Any]:
    """The class of tensors that stay in their file: whatever is done with one, it is read anew for that."""
    import torch
    from torch.utils._pytree import tree_map_only

    unread = {getattr(torch.Tensor, name).__get__ for name in ("shape", "dtype", "layout", "ndim", "is_quantized")}
    unread |= {torch.Tensor.dim, torch.Tensor.size, torch.Tensor.numel}

    class Stored(torch.Tensor):
        device = torch.device("cpu")
        is_meta = False
        path: Path
        start: int

        @staticmethod
        def __new__(cls: Any, path: Path, dtype: torch.dtype, shape: list[int], start: int) -> Any:
            without_values = torch.empty(shape, dtype=dtype, device="meta")
            stored = torch.Tensor._make_subclass(cls, without_values)  # noqa: SLF001 - as torch's own subclasses do
            stored.path, stored.start = path, start
            return stored

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
            room = _bytes(tensor)
            with self.path.open("rb") as file:
                file.seek(self.start)
                if file.readinto(room) != len(room):
                    raise EOFError(f"{self.path} became shorter while it was read")
            return tensor

    return Stored


def read_checkpoint(path: Path) -> Any:
    """Whatever ``torch.save`` wrote, on the CPU, without running code. Raises :class:`ModelError` and OSError."""
    import torch

    # A Namespace only holds values, and the training scripts of timm and torchvision save one beside the weights.
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        warnings.simplefilter("ignore", UserWarning)  # of unusual pickle protocols: they are read or they are refused
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except _DAMAGED as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ModelError:
    """What to say of a checkpoint; torch's own text would advise to run what is in it."""
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code:
        return ModelError(
            f"{path} is refused: loading it would run {code[1]}, and weights are read without running code; "
            "re-save its state dict as safetensors"
        )
    return ModelError(
        f"{path} is no PyTorch checkpoint of tensors, or was cut off ({type(error).__name__}); "
        "fetch it again, or re-save its state dict as safetensors"
    )


def _state_dict(loaded: Any, path: Path) -> Mapping[str, torch.Tensor]:
    if not isinstance(loaded, Mapping):
        raise _no_state_dict(path, f"it holds a {type(loaded).__name__}")
    wrapped = [key for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)]
    if len(wrapped) > 1:
        raise _no_state_dict(path, f"it holds several: {', '.join(wrapped)}")
    averages = [key for key in _AVERAGES if isinstance(loaded.get(key), Mapping)]
    if averages and not wrapped:
        raise _no_state_dict(path, f"it holds averaged weights alone, as {averages[0]}")
    return _tensors(loaded[wrapped[0]] if wrapped else loaded, path)


def _tensors(state: Mapping[Any, Any], path: Path) -> Mapping[str, torch.Tensor]:
    odd = next((name for name, value in state.items() if not (isinstance(name, str) and _is_dense(value))), None)
    if odd is not None:
        raise _no_state_dict(path, f"its {odd!r} is no dense tensor but a {type(state[odd]).__name__}")
    if not state:
        raise _no_state_dict(path, "it is empty")
    return state


def _is_dense(value: object) -> bool:
    import torch

    if not isinstance(value, torch.Tensor):
        return False
    return value.layout is torch.strided and not value.is_quantized and value.device.type == "cpu"


def _no_state_dict(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} holds no state dict to load: {why}; re-save the model's state_dict() as safetensors")


def _without_prefixes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as the bare model has them. A prefix that only some names have is a submodule's own name."""
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return dict(state)
