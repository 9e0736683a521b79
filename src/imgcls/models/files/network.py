"""A network that is a file: what is read from it, and the module that stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from imgcls.errors import ModelError
from imgcls.models.files.port import Port
from imgcls.records.data import LabelList


@dataclass(frozen=True, slots=True)
class Contents:
    """What is read from a file in which a network is shipped.

    ``files``: the file and all that belong to it. ``size``: (h, w) of its images, None where it takes any;
    ``channels``: None where it takes any number. ``mean`` and ``std``: of pixels in [0, 1] as its input is to be;
    None where nothing states them. ``input_source``: what states them. ``parameters``: without shapes and indices;
    ``weight_bytes``: of all tensors; ``weight_types``: the number of tensors by the name of their type.
    """

    files: tuple[Path, ...]
    port: Port
    state_sha256: str
    size: tuple[int, int] | None
    channels: int | None
    parameters: int
    weight_bytes: int
    weight_types: Mapping[str, int]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_source: str | None = None
    labels: LabelList | None = None
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class FileNetwork(torch.nn.Module):
    """Stands for a network that another library runs; it has no tensors of its own."""

    def __init__(self, contents: Contents) -> None:
        super().__init__()
        self.contents = contents

    @property
    def file(self) -> Path:
        """The file itself."""
        return self.contents.files[0]

    def forward(self, batch: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - nothing takes it
        """Raises ModelError: PyTorch cannot run it."""
        raise ModelError(f"{self.file} is not a network of PyTorch, and runs only on its own runtime")
