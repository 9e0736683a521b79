"""Reads weights files into state dicts. Nothing here runs code from a weights file."""

from __future__ import annotations

import argparse
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import hashing
from imgcls.errors import ModelError, WeightsMissing
from imgcls.messages import one_line
from imgcls.models.weights import lazy_tensor, tensors

if TYPE_CHECKING:
    import torch


_WRAPPERS = ("state_dict", "model", "model_state_dict")  # timm and Lightning, torchvision, the PyTorch tutorials
_AVERAGES = ("state_dict_ema", "model_ema")  # timm, torchvision
_PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel, torch.compile

# All that torch.load(weights_only=True) raised on random, cut and flipped bytes in tests.
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

    A checkpoint that holds it under ``state_dict``, ``model`` or ``model_state_dict`` is unwrapped;
    averaged weights next to it (``state_dict_ema``, ``model_ema``) are never taken instead. The prefixes
    ``module.`` and ``_orig_mod.`` are removed where all names have them. Tensors of a safetensors file take no
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
    actual = hashing.file_sha256(path)
    if actual != sha256.lower():
        raise ModelError(
            f"{path} is not the pinned file: its sha256 is {actual}, the configuration pins {sha256}; "
            "fetch the right file, or correct sha256"
        )


def _no_file(path: Path) -> WeightsMissing:
    return WeightsMissing(
        f"no weights file at {path.absolute()}; put it there, or correct `weights` in the configuration"
    )


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):  # for torch, it would map the file twice
            spans = lazy_tensor.spans(path)
        return {name: lazy_tensor.tensor_in_file(path, name, *span) for name, span in spans.items()}
    except SafetensorError as error:
        raise ModelError(
            f"{path} is not a safetensors file, or was cut off ({one_line(error)}); fetch or save it again"
        ) from error


def read_checkpoint(path: Path) -> Any:
    """Whatever ``torch.save`` wrote, on the CPU, without running code. Raises :class:`ModelError` and OSError."""
    import torch

    # A Namespace only holds values, and the training scripts of timm and torchvision save one with the weights.
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        warnings.simplefilter("ignore", UserWarning)  # of unusual pickle protocols: they are read or they are refused
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except _DAMAGED as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ModelError:
    """The error for a checkpoint; torch's own text would advise to run what is in it."""
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code:
        return ModelError(
            f"{path} is refused: loading it would run {code[1]}, and weights are read without running code; "
            "re-save its state dict as safetensors"
        )
    return ModelError(
        f"{path} is not a PyTorch checkpoint of tensors, or was cut off ({type(error).__name__}); "
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
        raise _no_state_dict(path, f"it holds only averaged weights, as {averages[0]}")
    return _tensors(loaded[wrapped[0]] if wrapped else loaded, path)


def _tensors(state: Mapping[Any, Any], path: Path) -> Mapping[str, torch.Tensor]:
    odd = next((name for name, value in state.items() if not (isinstance(name, str) and tensors.is_dense(value))), None)
    if odd is not None:
        raise _no_state_dict(path, f"its {odd!r} is not a dense tensor but a {type(state[odd]).__name__}")
    if not state:
        raise _no_state_dict(path, "it is empty")
    return state


def _no_state_dict(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} holds no state dict to load: {why}; re-save the model's state_dict() as safetensors")


def _without_prefixes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as the bare model has them. A prefix that only some names have is a submodule's own name."""
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return dict(state)
