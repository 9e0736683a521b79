"""Networks whose memory is known: they keep 100 MB, leak, die, or fail, each where it is told to."""

import os
from typing import Any

import torch
from torch import nn

from imgcls.records.config import ModelSpec

HALF = (0.5, 0.5, 0.5)
INPUT = {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": HALF, "std": HALF}

KEPT: list[torch.Tensor] = []


def model_spec(factory: str, **options: Any) -> ModelSpec:
    """The specification of a network of this module, with images of 32 x 32."""
    return ModelSpec("net", f"python:memory_nets:{factory}", labels="digits", input=INPUT, options=options)


def tensor() -> torch.Tensor:
    """100 MB."""
    return torch.ones(25_000_000)


class Keeper(nn.Module):
    """Keeps 100 MB, or misbehaves otherwise, at the point that ``where`` names."""

    def __init__(self, where: str | None) -> None:
        super().__init__()
        self.head = nn.Linear(3, 10)
        self.register_buffer("scale", torch.ones(10, dtype=torch.int64), persistent=False)
        self.where, self.calls = where, 0
        self.kept = tensor() if where == "factory" else None

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.where == "first call" and self.calls == 1:
            self.kept = tensor()
        if self.where == "every call":
            self.kept = None
            self.kept = tensor()
        if self.where == "leak":
            KEPT.append(torch.ones(250_000))
        if self.where == "killed":
            print("a last word")  # noqa: T201 - what a model prints is not shown
            os.kill(os.getpid(), 9)
        if self.where == "refuses":
            raise ValueError("no such images")
        scaled: torch.Tensor = self.head(batch.relu().mean((2, 3))) * self.scale  # more bytes than settings take
        return scaled


def keeper(where: str | None = None) -> nn.Module:
    """A network that keeps nothing, or misbehaves."""
    return Keeper(where)


def leaves() -> nn.Module:
    """Ends its process."""
    os._exit(7)


def broken() -> nn.Module:
    """Raises."""
    raise RuntimeError("no such backbone")


def wide() -> nn.Module:
    """Its weights take 100 MB."""
    return nn.Sequential(
        nn.Conv2d(3, 256, 3, 2), nn.Conv2d(256, 512, 3, 2), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(8192, 2900), nn.Linear(2900, 10),
    )  # fmt: skip


class Plain(nn.Module):
    """Convolves in double precision, which oneDNN does not: its own copies no profiler tells from tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.ones(64, 3, 3, 3))
        self.more = nn.Parameter(torch.ones(10, 64, 3, 3))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.conv2d(batch.double(), self.filters.double()).relu()
        return nn.functional.conv2d(hidden, self.more.double()).mean((2, 3))


def plain() -> nn.Module:
    """A network without oneDNN."""
    return Plain()
