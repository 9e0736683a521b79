"""Reads what ``imgcls train`` left in a folder: its metrics epoch by epoch, and how it trained."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgcls.errors import ConfigError
from imgcls.messages import one_line
from imgcls.training import export, history
from imgcls.training.history import Epoch, SplitMetrics

METRICS = "metrics.csv"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training. ``name``: its folder. ``train_images``: of an epoch. ``recipe``: how it trained, by key."""

    name: str
    arch: str
    train_images: int
    validation_images: int
    recipe: Mapping[str, Any]
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return history.best(self.epochs)

    def seconds(self) -> list[float]:
        """How long each epoch trained, without its validation."""
        return [self.train_images / epoch.images_per_second for epoch in self.epochs]


def read(folders: Sequence[Path]) -> tuple[TrainingRun, ...]:
    """The trainings in these folders; named as they are given where two have one name. Raises ConfigError."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [folder.as_posix() for folder in folders]
    return tuple(_read(folder, name) for folder, name in zip(folders, names, strict=True))


def _read(folder: Path, name: str) -> TrainingRun:
    try:
        epochs, stated = _epochs(folder / METRICS), _stated(folder / export.WEIGHTS)
        images = json.loads(stated["pictures"])
        return TrainingRun(
            name, stated["arch"], images["learnt"], images["held_out"], json.loads(stated["recipe"]), epochs
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"--runs {folder}: not a folder that `imgcls train` wrote ({_why(error)}); name the --out of a training"
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, OSError) and error.filename:
        return f"{Path(error.filename).name}: {error.strerror}"
    return one_line(error)


def _epochs(file: Path) -> tuple[Epoch, ...]:
    with file.open(encoding="utf-8", newline="") as stream:
        epochs = tuple(_epoch({key: float(value) for key, value in row.items()}) for row in csv.DictReader(stream))
    if not epochs:
        raise ValueError(f"{file} has no epoch")
    return epochs


def _epoch(row: Mapping[str, float]) -> Epoch:
    train, validation = (
        SplitMetrics(row[f"{split}_loss"], row[f"{split}_top1"], row[f"{split}_macro_f1"]) for split in ("train", "val")
    )
    return Epoch(int(row["epoch"]), row["learning_rate"], train, validation, row["images_per_second"])


def _stated(file: Path) -> Mapping[str, str]:
    """The metadata of the weights. Raises ValueError where they are damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            return dict(opened.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{file.name}: {one_line(error)}") from error
