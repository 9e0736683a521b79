"""Trainings side by side: how they ended, how long their epochs took, and in what they differ."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from imgcls.reporting import markdown_text
from imgcls.reporting.lab import figures, marks
from imgcls.reporting.lab.contents import Contents
from imgcls.reporting.lab.training_runs import TrainingRun

CHART = "charts/training.png"

HOW = ("run", "network", "computed by", "training + validation images", "epochs", "seconds per epoch")

BEST = ("run", "best epoch", "validation top-1 %", "validation F1 %", "validation loss", "training loss")


def blocks(contents: Contents) -> Iterator[str]:
    """A row for each training, the curves of all, and what they do not have in common."""
    runs = contents.runs
    if not runs:
        return
    yield marks.table(HOW, HOW[:3], map(_how, runs))
    yield marks.table(BEST, BEST[:1], map(_best, runs))
    yield marks.paragraph(marks.image("Loss, top-1, F1 and seconds of each epoch", CHART))
    yield (
        "Figures are those of the best epoch, the one with the highest top-1 on the validation images. Seconds per "
        "epoch: the median, of training only. Training losses are of augmented images and, where labels are smoothed, "
        "of smoothed ones, so that they may be above those of the validation.\n"
    )
    if different := list(_different(runs)):
        yield "The trainings differ in:\n"
        yield markdown_text.items(different)


def _how(run: TrainingRun) -> tuple[str, ...]:
    return (
        run.name,
        run.arch,
        computed_by(run),
        f"{run.train_images} + {run.validation_images}",
        str(len(run.epochs)),
        f"{statistics.median(run.seconds()):.2f}",
    )


def _best(run: TrainingRun) -> tuple[str, ...]:
    best = run.best
    return (
        run.name,
        str(best.number),
        figures.per_cent(100 * best.validation.top1),
        figures.per_cent(100 * best.validation.macro_f1),
        f"{best.validation.loss:.4f}",
        f"{best.train.loss:.4f}",
    )


def computed_by(run: TrainingRun) -> str:
    """What computed the training: NumPy, CuPy or PyTorch, and on which device."""
    names = {"torch": "PyTorch", "numpy": "NumPy", "cupy": "CuPy"}
    array, device = run.recipe.get("array", "torch"), run.recipe.get("device", "cpu")
    return f"{names.get(array, array)} on {device}" if array == "torch" else str(names.get(array, array))


def _different(runs: Sequence[TrainingRun]) -> Iterator[str]:
    """Each key of the recipe, and the network, that has more than one value, with all of them in the order of runs."""
    for key in dict.fromkeys(["network", *(key for run in runs for key in run.recipe)]):
        values = [_value(run, key) for run in runs]
        if any(value != values[0] for value in values):
            of_runs = (f"{value} in {run.name}" for value, run in zip(values, runs, strict=True))
            yield f"{key.replace('_', ' ')}: {', '.join(of_runs)}"


def _value(run: TrainingRun, key: str) -> Any:
    value = run.arch if key == "network" else run.recipe.get(key)
    return "none" if value is None else value
