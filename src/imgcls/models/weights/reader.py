"""Reads weights files into state dicts. Nothing here runs code from a weights file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls.errors import ModelError, WeightsMissing
from imgcls.messages import one_line
from imgcls.models.weights import files, foreign, lazy_checkpoint, lazy_tensor, unwrap
from imgcls.models.weights.unwrap import StateDict

if TYPE_CHECKING:
    import torch


def read(path: Path, choice: str | None = None, names: Collection[str] = ()) -> StateDict:
    """The state dict in a file, on the CPU: safetensors, or what ``torch.save`` wrote, as its content states.

    ``choice`` and ``names``: see :func:`imgcls.models.weights.unwrap.state_dict`, which finds the state dict in what a
    training script saved around it. Tensors take no memory, but for those of a file that torch wrote before 1.6: each
    use reads one from the file, ``parameter.copy_`` straight into the parameter, and is refused where the file was
    changed.

    Raises :class:`WeightsMissing` where there is no readable file, :class:`ModelError` where it holds no state dict
    or something that would have to be run.
    """
    file = files.located(path)
    return unwrap.state_dict(content(file), file, choice, names)


def content(file: Path) -> Any:
    """What a file holds: the tensors of safetensors by name, or whatever ``torch.save`` wrote, without running code.

    Raises what :func:`read` raises.
    """
    try:
        return _content(file)
    except OSError as error:
        raise WeightsMissing(f"cannot read the weights file {file}: {error.strerror or error}") from error


def _content(file: Path) -> Any:
    try:
        return _read_safetensors(file) if files.is_safetensors(file) else lazy_checkpoint.load(file)
    except ModelError as error:
        if kind := foreign.kind(file):
            step = kind.step.replace("{}", str(file))
            raise ModelError(
                f"{file} is {kind.what}, and weights are files of safetensors or of torch.save: {step}"
            ) from error
        raise


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    file = lazy_tensor.TensorFile.of(path)
    try:
        with safe_open(path, framework="np"):  # for torch, it would map the file twice
            spans = lazy_tensor.spans(path)
        return {name: lazy_tensor.tensor_in_file(file, name, *span) for name, span in spans.items()}
    except SafetensorError as error:
        raise ModelError(
            f"{path} is not a safetensors file, or was cut off ({one_line(error)}); fetch or save it again"
        ) from error
