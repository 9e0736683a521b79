"""Reads weights files into state dicts, and hashes both. Nothing here runs code from a weights file."""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import digest
from imgcls.errors import ModelError, WeightsMissing, one_line

if TYPE_CHECKING:
    import torch

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # timm and Lightning, torchvision, the PyTorch tutorials
_AVERAGES = ("state_dict_ema", "model_ema")  # timm, torchvision
_PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel, torch.compile

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
    ``module.`` and ``_orig_mod.`` go where all names have them. Tensors of a safetensors file are
    private views of the mapped file: they cost its size once, and the file must not be rewritten in
    place while they live.

    Raises :class:`WeightsMissing` where there is no readable file, :class:`ModelError` where it holds no state dict
    or something that would have to be run.
    """
    if not path.is_file():
        raise _no_file(path)
    try:
        loaded = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_checkpoint(path)
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
    import torch

    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        head = [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
        total.update(json.dumps(head).encode("ascii"))
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        total.update(flat.view(torch.uint8).numpy().data)
    return total.hexdigest()


def _no_file(path: Path) -> WeightsMissing:
    return WeightsMissing(
        f"no weights file at {path.absolute()}; put it there, or correct `weights` in the configuration"
    )


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping, it only has keys()
    except SafetensorError as error:
        raise ModelError(
            f"{path} is no safetensors file, or was cut off ({one_line(error)}); fetch or save it again"
        ) from error


def _read_checkpoint(path: Path) -> Any:
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
