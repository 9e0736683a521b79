"""Reads what ``imgcls train`` left in a folder: its metrics epoch by epoch, and how it trained."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imgcls.config import loader
from imgcls.data import dataset
from imgcls.errors import ConfigError
from imgcls.messages import one_line
from imgcls.records.config import DatasetSpec, ModelSpec, Settings
from imgcls.training import export, history
from imgcls.training.history import Epoch, SplitMetrics

METRICS = "metrics.csv"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training. ``name``: its folder. ``train_images``: of an epoch. ``recipe``: how it trained, by key.

    ``weights``: what it began with, the sha256 of a file or as ``--weights`` has it; None where from scratch.
    """

    name: str
    arch: str
    weights: str | None
    train_images: int
    validation_images: int
    recipe: Mapping[str, Any]
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return history.best(self.epochs)

    def seconds(self) -> list[float]:
        """How long each epoch took, with its validation where ``metrics.csv`` has its seconds."""
        return [epoch.seconds for epoch in self.epochs]


def read(folders: Sequence[Path]) -> tuple[TrainingRun, ...]:
    """The trainings in these folders; named as they are given where two have one name. Raises ConfigError."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [folder.as_posix() for folder in folders]
    return tuple(_read(folder, name) for folder, name in zip(folders, names, strict=True))


def networks(folders: Sequence[Path], runs: Sequence[TrainingRun]) -> dict[str, ModelSpec]:
    """What each training kept as its best weights, by the name of the training. Raises ConfigError."""
    trained = (next(iter(_configured(folder).models.values())) for folder in folders)
    return {run.name: replace(spec, name=run.name) for run, spec in zip(runs, trained, strict=True)}


def validation(folders: Sequence[Path]) -> DatasetSpec:
    """The images that all of these trainings were validated on. Raises ConfigError where they were others for each."""
    specs = [next(iter(_configured(folder).datasets.values())) for folder in folders]
    images = [{(ref.label, ref.sha256) for ref in dataset.list_images(spec).images} for spec in specs]
    for folder, of_run in zip(folders, images, strict=True):
        if of_run != images[0]:
            raise ConfigError(
                f"--runs: {folders[0]} and {folder} were validated on different images, so their networks have no "
                "images in common; name some with --data DIR, or train both on one split"
            )
    return specs[0]


def _configured(folder: Path) -> Settings:
    """The configuration of a training, with its network and its validation split."""
    settings = loader.load([folder / export.CONFIGURATION])
    if not settings.models or not settings.datasets:
        raise ConfigError(
            f"{settings.source} has no model or no dataset any more, as `imgcls train` wrote them; "
            "name the models of the report, and their images with --data DIR"
        )
    return settings


def _read(folder: Path, name: str) -> TrainingRun:
    try:
        stated = _stated(folder / export.WEIGHTS)
        images = json.loads(stated["pictures"])
        epochs = _epochs(folder / METRICS, images["learnt"])
        return TrainingRun(
            name, stated["arch"], json.loads(stated["weights"]), images["learnt"], images["held_out"],
            json.loads(stated["recipe"]), epochs,
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"--runs {folder}: not a folder that `imgcls train` wrote ({_why(error)}); name the --out of a training"
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, OSError) and error.filename:
        return f"{Path(error.filename).name}: {error.strerror}"
    return one_line(error)


def _epochs(file: Path, train_images: int) -> tuple[Epoch, ...]:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    if not all(math.isfinite(value) for row in rows for value in row.values()):
        raise ValueError(f"{file.name} has a figure that is not finite")
    epochs = tuple(_epoch(row, train_images) for row in rows)
    if not epochs:
        raise ValueError(f"{file} has no epoch")
    return epochs


def _epoch(row: Mapping[str, float], train_images: int) -> Epoch:
    train, validation = (
        SplitMetrics(row[f"{split}_loss"], row[f"{split}_top1"], row[f"{split}_macro_f1"]) for split in ("train", "val")
    )
    rate = row["images_per_second"]
    seconds = row["seconds"] if "seconds" in row else train_images / rate  # an older training has no such column
    return Epoch(int(row["epoch"]), row["learning_rate"], train, validation, rate, seconds)


def _stated(file: Path) -> Mapping[str, str]:
    """The metadata of the weights. Raises ValueError where they are damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            return dict(opened.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{file.name}: {one_line(error)}") from error
