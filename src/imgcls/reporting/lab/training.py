"""Trainings side by side: how they ended, how long their epochs took, and in what they differ."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from imgcls.records.config import RandomWeights, parse_weights
from imgcls.reporting import markdown_text
from imgcls.reporting.lab import figures, marks
from imgcls.reporting.lab.contents import Contents
from imgcls.reporting.lab.training_runs import TrainingRun
from imgcls.training.history import Epoch

CHART = "charts/training.png"

HOW = (
    "run", "network", "computed by", "begins", "training + validation images", "epochs", "seconds per epoch",
    "seconds of all epochs",
)  # fmt: skip

BEST = ("run", "best epoch", "validation top-1 %", "validation macro F1 %", "validation loss", "training loss")

EPOCH = (
    "epoch", "training loss", "validation loss", "training top-1 %", "validation top-1 %", "training macro F1 %",
    "validation macro F1 %",
)  # fmt: skip

SHA256_DIGITS = 64

EPOCHS_SHOWN = 50  # docs/decisions.md#a-report-to-hand-in


def blocks(contents: Contents) -> Iterator[str]:
    """A row for each training, the curves of all, and what they do not have in common."""
    runs = contents.runs
    if not runs:
        return
    yield marks.table(HOW, HOW[:4], map(_how, runs))
    yield marks.table(BEST, BEST[:1], map(_best, runs))
    yield marks.paragraph(marks.image("Loss, top-1, macro F1 and seconds of each epoch", CHART))
    yield (
        "Figures are those of the best epoch, the one with the highest top-1 on the validation images. Seconds per "
        "epoch: the median, of training and validation. Macro F1: the mean of the classes' F1. Training losses are of "
        "augmented images and, where labels are smoothed, of smoothed ones, so that they may be above those of the "
        "validation.\n"
    )
    yield marks.paragraph(*_published(runs))
    if different := list(_different(runs)):
        yield "The trainings differ in:\n"
        yield markdown_text.items(different)
    yield from _seconds(runs)
    yield from _epochs(runs)


def _published(runs: Sequence[TrainingRun]) -> Iterator[str]:
    """What changes where a training begins with published weights, of those that did not."""
    names = [run.name for run in runs if is_untrained(run.weights)]
    if names:
        yield marks.strong("With published weights:")
        yield (
            f"{figures.listed(names)} began with random weights. With --weights pretrained a training begins with the "
            "published weights of its network, a new head and a tenth of the learning rate, so that losses, top-1 and "
            "F1 are those of another training; what an epoch takes stays the same."
        )


def _seconds(runs: Sequence[TrainingRun]) -> Iterator[str]:
    """Where there are several, the seconds of each epoch side by side."""
    if len(runs) < 2:
        return
    yield "### Seconds of each epoch\n"
    seconds = [{epoch.number: f"{epoch.seconds:.2f}" for epoch in run.epochs} for run in runs]
    numbers = sorted({number for of_run in seconds for number in of_run})
    rows = ((str(n), *(of_run.get(n, "-") for of_run in seconds)) for n in numbers[shown(len(numbers))])
    yield marks.table(["epoch", *(run.name for run in runs)], (), rows)


def _epochs(runs: Sequence[TrainingRun]) -> Iterator[str]:
    """The figures of each epoch, a table for each training."""
    for run in runs:
        yield f"### Epochs of {markdown_text.escaped(run.name)}\n"
        epochs = run.epochs[shown(len(run.epochs))]
        yield marks.table(EPOCH, (), map(_epoch, epochs))
        if len(epochs) < len(run.epochs):
            yield f"{len(epochs)} of {len(run.epochs)} epochs are shown, evenly spread; the curves have them all.\n"


def shown(count: int) -> slice:
    """Up to :data:`EPOCHS_SHOWN` of this number of epochs, evenly spread, with the last one."""
    step = -(-count // EPOCHS_SHOWN) or 1
    return slice((count - 1) % step, None, step)


def _epoch(epoch: Epoch) -> tuple[str, ...]:
    both = epoch.train, epoch.validation
    return (
        str(epoch.number),
        *(f"{split.loss:.4f}" for split in both),
        *(figures.per_cent(100 * split.top1) for split in both),
        *(figures.per_cent(100 * split.macro_f1) for split in both),
    )


def _how(run: TrainingRun) -> tuple[str, ...]:
    return (
        run.name,
        run.arch,
        computed_by(run),
        begins(run.weights),
        f"{run.train_images} + {run.validation_images}",
        str(len(run.epochs)),
        f"{statistics.median(run.seconds()):.2f}",
        f"{sum(run.seconds()):.1f}",
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


def is_untrained(weights: str | None) -> bool:
    """Whether a training did not begin with what another one had learned."""
    return weights is None or isinstance(parse_weights(weights), RandomWeights)


def begins(weights: str | None) -> str:
    """What a training began with, in words; of a file, which is stated by its sha256, the first digits of that."""
    if weights is None:
        return "from scratch"
    return f"with weights of sha256 {weights[:12]}" if len(weights) == SHA256_DIGITS else f"with {weights}"


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
