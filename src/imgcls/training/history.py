"""The epochs of a training: their metrics, as a table, as curves and as event files for TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imgcls.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "epoch", "learning_rate", "train_loss", "train_top1", "train_macro_f1",
    "val_loss", "val_top1", "val_macro_f1", "images_per_second", "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SplitMetrics:
    """The metrics of one split: the mean loss, top-1 accuracy and macro F1, both in [0, 1]."""

    loss: float
    top1: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """The metrics of one epoch.

    ``train``: over the batches as they were trained on, augmented, and each before the step that it led to; its
    loss is the one that is minimised. ``validation``: plain cross-entropy of the network after the epoch.
    ``images_per_second``: of training only. ``seconds``: of the whole epoch, with its validation.
    """

    number: int
    learning_rate: float
    train: SplitMetrics
    validation: SplitMetrics
    images_per_second: float
    seconds: float


def best(history: Sequence[Epoch]) -> Epoch:
    """The epoch with the highest validation top-1; of several, the lowest validation loss, then the first."""
    return min(history, key=lambda epoch: (-epoch.validation.top1, epoch.validation.loss))


def row(epoch: Epoch) -> tuple[float, ...]:
    """The values of :data:`COLUMNS`."""
    splits = (epoch.train, epoch.validation)
    values = (value for split in splits for value in (split.loss, split.top1, split.macro_f1))
    return (epoch.number, epoch.learning_rate, *values, epoch.images_per_second, epoch.seconds)


def table(history: Sequence[Epoch]) -> str:
    """The history as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *map(row, history)])
    return text.getvalue()


def curves(history: Sequence[Epoch], kind: Literal["svg", "png"]) -> bytes:
    """Loss and macro F1 of both splits over the epochs, as an image; the same bytes for the same history."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, f1 = figure.subplots(1, 2)
    _draw(loss, history, "loss", [(epoch.train.loss, epoch.validation.loss) for epoch in history])
    _draw(f1, history, "macro F1", [(epoch.train.macro_f1, epoch.validation.macro_f1) for epoch in history])
    f1.set_ylim(0, 1.02)
    content = io.BytesIO()
    with rc_context({"svg.hashsalt": "imgcls", "svg.fonttype": "none"}):
        figure.savefig(content, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return content.getvalue()


def _draw(axes: Axes, history: Sequence[Epoch], title: str, values: Sequence[tuple[float, float]]) -> None:
    from matplotlib.ticker import MaxNLocator

    numbers = [epoch.number for epoch in history]
    for name, line in zip(("train", "validation"), zip(*values, strict=True), strict=True):
        axes.plot(numbers, line, marker="." if len(numbers) < 50 else "", label=f"{name} {title}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, alpha=0.3)
    axes.legend()


@contextmanager
def events(folder: Path, done: int) -> Iterator[Callable[[Epoch], None]]:
    """A function that writes an epoch into TensorBoard's event files; epochs after ``done`` replace earlier events.

    Raises ConfigError where TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError("TensorBoard is not installed: pip install 'imgcls[tensorboard]'") from error
    writer = SummaryWriter(str(folder), purge_step=done + 1)

    def write(epoch: Epoch) -> None:
        for name, value in zip(COLUMNS[1:], row(epoch)[1:], strict=True):
            split, _, metric = name.partition("_")
            tag = f"{metric}/{split}" if split in {"train", "val"} else name
            writer.add_scalar(tag, value, epoch.number)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
