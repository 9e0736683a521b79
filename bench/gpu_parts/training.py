"""A step of the array EfficientNet on CuPy, NumPy and PyTorch, and a training in mixed precision, twice."""

from __future__ import annotations

import csv
import shutil
import statistics
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_parts.scene import Scene
from gpu_parts.steps import Steps

EPOCHS = 3


def measure(scene: Scene, steps: Steps) -> None:
    """Training first, because every machine with a card has what it needs."""
    for precision in ("bfloat16",) if scene.dry else ("float16", "bfloat16"):
        steps.take(f"training in {precision}, twice", partial(_trained_twice, scene, precision))
    steps.take("a step in PyTorch, NumPy and CuPy", partial(_step, scene))


def _trained_twice(scene: Scene, precision: str) -> Mapping[str, Any]:
    """``imgcls train`` on the digits; the figures of both must be equal."""
    first, second = (_trained(scene, precision, scene.folder / f"{precision}{number}") for number in (1, 2))
    figures = {"epochs": first, "equal": first == second}
    if first != second:
        raise AssertionError(f"two trainings differ: {first} and {second}")
    return figures


def _trained(scene: Scene, precision: str, out: Path) -> list[Mapping[str, str]]:
    """The rows of ``metrics.csv``, without what is about time."""
    from imgcls.cli import main as command

    arguments = [
        "train",
        str(_few(scene)) if scene.dry else "builtin:digits",
        "--arch",
        "timm:test_resnet",
        "--no-flip",
        "--quiet",
    ]
    arguments += ["--input", "resize = 32, crop = 32", "--device", scene.device, "--precision", precision]
    arguments += ["--epochs", "1" if scene.dry else str(EPOCHS), "--batch-size", "128", "--out", str(out)]
    if code := command.main(arguments):
        raise AssertionError(f"imgcls {' '.join(arguments)}: exit code {code}")
    rows = list(csv.DictReader((out / "metrics.csv").read_text(encoding="utf-8").splitlines()))
    return [{key: value for key, value in row.items() if "second" not in key} for row in rows]


def _few(scene: Scene) -> Path:
    """A folder with ten of each digit, on which a dry run trains."""
    from imgcls.data import digits

    few = scene.folder / "digits"
    for of_class in sorted(digits.folder("train").iterdir()):
        (few / of_class.name).mkdir(parents=True, exist_ok=True)
        for file in sorted(of_class.iterdir())[:10]:
            shutil.copy(file, few / of_class.name)
    return few


def _step(scene: Scene) -> Mapping[str, Any]:
    """Milliseconds per image, each in turn; forward, backward and NAdam."""
    import reference_step

    size, batch, rounds = (32, 2, 1) if scene.dry else (224, 16, 5)
    drawn = reference_step.inputs_of(size, batch)
    calls = {
        "PyTorch on the card": reference_step.torch_step("efficientnet_b0", *drawn, scene.device),
        "NumPy": reference_step.array_step("efficientnet_b0", *drawn),
    }
    has_cupy = not scene.dry and find_spec("cupy") is not None
    if has_cupy:
        calls["CuPy"] = reference_step.cupy_step("efficientnet_b0", *drawn)
    turns = reference_step.in_turns(list(calls.values()), rounds)
    times = {name: 1000 * statistics.median(seconds) / batch for name, seconds in zip(calls, turns, strict=True)}
    return {"ms_per_image": times, "remark": "" if has_cupy else "CuPy is not installed or has no card here"}
