"""Files of PyTorch itself: programs of ``torch.export``, and recordings of TorchScript."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ImgclsError
from imgcls.models.exports import failures
from imgcls.models.exports.network import Network
from imgcls.models.exports.quiet import quiet
from imgcls.models.outputs import jit


def write_exported(network: Network, recipe: ExportRecipe, file: Path) -> tuple[str, ...]:
    """Write the program that ``torch.export`` makes of the network. Raises ModelError."""
    batch = {0: torch.export.Dim("batch")} if recipe.dynamic_batch else {}
    example = network.example(dynamic_batch=recipe.dynamic_batch)
    try:
        with torch.no_grad(), quiet():
            program = torch.export.export(network.module(recipe.precision), (example,), dynamic_shapes=(batch,))
            torch.export.save(program, file)
    except ImgclsError:
        raise
    except Exception as error:  # the network's own code may raise anything
        raise failures.failure(network.model.spec.name, recipe, error) from error
    return ()


def write_torchscript(network: Network, recipe: ExportRecipe, file: Path) -> tuple[str, ...]:
    """Write a recording of the network, with a note on what of its code the recording fixes. Raises ModelError."""
    try:
        with torch.no_grad(), quiet() as issued:
            module: Any = network.module(recipe.precision)
            jit.save(jit.trace(module, (network.example(),), check_trace=False), str(file))
    except ImgclsError:
        raise
    except Exception as error:  # the network's own code may raise anything
        raise failures.failure(network.model.spec.name, recipe, error) from error
    return () if network.traceable else fixed_by_recording(issued)


def fixed_by_recording(issued: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """A note where torch's tracer warned that the code of a network depends on what it computes."""
    doubts = [
        f"{Path(warning.filename).name}, line {warning.lineno}: {str(warning.message).partition('. ')[0]}"
        for warning in issued
        if issubclass(warning.category, jit.TracerWarning)
    ]
    if not doubts:
        return ()
    return (f"torch's tracer doubts that it computes the same for every image ({doubts[0]}); {failures.KEPT}",)
