"""Trainings of a small network on a few digits, and what their folders hold."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from imgcls.data import digits
from imgcls.records.config import ModelSpec
from imgcls.training import images, trainer
from imgcls.training import split as splits
from imgcls.training.config import TrainingConfig
from imgcls.training.split import Split

ARCH = "timm:test_efficientnet"
HALVES = (0.5, 0.5, 0.5)
INPUT = {"resize": 32, "crop": (32, 32), "interpolation": "bilinear", "mean": HALVES, "std": HALVES}
SPEC = ModelSpec("x", ARCH, options={"drop_rate": 0.2}, input=INPUT)
CONFIG = TrainingConfig(
    3, batch_size=8, flip=False, scale=(0.6, 1.0), ema=0.9, warm_up=1.0, randaugment="rand-m3-mstd0.5"
)
TIMES = {"images_per_second", "seconds"}
FILES = {
    *("best.safetensors", "last.safetensors", "checkpoint.pt", "metrics.csv", "curves.svg", "curves.png"),
    *("classes.txt", "validation.csv", "imgcls.toml"),
}


@contextmanager
def one_thread(cache: Path) -> Iterator[None]:
    """Train as in the processes that tests start, whose bytes are compared: with one thread, and an empty cache."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGCLS_CACHE", str(cache))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


def copy_digits(folder: Path) -> Path:
    """Ten images each of three digits."""
    for name in ("zero", "one", "two"):
        (folder / name).mkdir()
        for file in sorted((digits.folder("test") / name).iterdir())[:10]:
            shutil.copy(file, folder / name)
    return folder


def split(data: str | Path, config: TrainingConfig) -> Split:
    """The split that a training of these images has."""
    return splits.split(images.list_images(str(data)), config)


def run(data: Path, out: Path, **changes: Any) -> trainer.TrainingResult:
    """The training that these tests share, or one with other arguments."""
    arguments: dict[str, Any] = {"spec": SPEC, "config": CONFIG}
    return trainer.train(str(data), out=out, **{**arguments, **changes})


def metadata(file: Path) -> dict[str, Any]:
    """The metadata of a file of weights."""
    with safe_open(file, framework="pt") as opened:
        text = dict(opened.metadata())
    return {key: value if key in {"format", "arch"} else json.loads(value) for key, value in text.items()}


def rows(out: Path) -> list[dict[str, str]]:
    """The metrics, except the times."""
    with (out / "metrics.csv").open() as lines:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(lines)]


def are_equal(out: Path, other: Path) -> bool:
    """Whether both folders hold the same weights, byte for byte, and the same metrics."""
    names = ("last.safetensors", "best.safetensors")
    return rows(out) == rows(other) and all((out / n).read_bytes() == (other / n).read_bytes() for n in names)
