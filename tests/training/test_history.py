"""The epochs of a training as a table, as curves and as event files."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgcls.errors import ConfigError
from imgcls.training import history
from imgcls.training.history import Epoch, SplitMetrics

HISTORY = [
    Epoch(n, 0.1 / n, SplitMetrics(2.5 / n, 0.5, 0.25), SplitMetrics(3.0 / n, 0.75, 0.625), 100.0, 2.5)
    for n in (1, 2, 3)
]


def test_the_table_has_a_row_for_each_epoch() -> None:
    """Every number comes back as it was, in its own column."""
    [*rows] = csv.DictReader(io.StringIO(history.table(HISTORY)))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert {name: float(value) for name, value in rows[2].items()} == {
        "epoch": 3,
        "learning_rate": 0.1 / 3,
        "train_loss": 2.5 / 3,
        "train_top1": 0.5,
        "train_macro_f1": 0.25,
        "val_loss": 1.0,
        "val_top1": 0.75,
        "val_macro_f1": 0.625,
        "images_per_second": 100.0,
        "seconds": 2.5,
    }


def test_the_four_curves_are_drawn() -> None:
    """Loss and macro F1 of both splits are drawn and named; the same history gives the same bytes."""
    svg = history.curves(HISTORY, "svg")
    for name in (b"train loss", b"validation loss", b"train macro F1", b"validation macro F1"):
        assert name in svg
    assert history.curves(HISTORY, "svg") == svg
    assert history.curves(HISTORY[:2], "svg") != svg


def test_the_png_is_an_image() -> None:
    """The PNG has the curves' two panels side by side."""
    image = Image.open(io.BytesIO(history.curves(HISTORY, "png")))
    assert (image.format, image.size) == ("PNG", (1080, 432))


def test_drawing_does_not_touch_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves are drawn without a window system and without pyplot, whose state belongs to the user."""
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    history.curves(HISTORY, "png")
    assert "matplotlib.pyplot" not in sys.modules


def _epoch(number: int, top1: float, loss: float) -> Epoch:
    return Epoch(number, 0.1, SplitMetrics(1.0, 0.5, 0.5), SplitMetrics(loss, top1, 0.5), 10.0, 1.0)


def test_the_best_epoch() -> None:
    """The highest top-1 wins, of several the lowest loss, of those the first."""
    assert history.best([_epoch(1, 0.5, 1.0), _epoch(2, 0.7, 3.0), _epoch(3, 0.6, 0.1)]).number == 2
    assert history.best([_epoch(1, 0.7, 2.0), _epoch(2, 0.7, 1.0), _epoch(3, 0.7, 1.0)]).number == 2


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: Any = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_events_are_those_of_the_epochs(tmp_path: Path) -> None:
    """TensorBoard reads every column, by epoch; epochs that are trained again replace what was written of them."""
    with history.events(tmp_path, 0) as write:
        for epoch in HISTORY:
            write(epoch)
    with history.events(tmp_path, 2) as write:
        write(HISTORY[2])
    scalars = _scalars(tmp_path)
    assert set(scalars) == {
        *(f"{metric}/{split}" for metric in ("loss", "top1", "macro_f1") for split in ("train", "val")),
        "learning_rate",
        "images_per_second",
        "seconds",
    }
    assert scalars["loss/val"] == [(1, 3.0), (2, 1.5), (3, 1.0)]


def test_missing_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where TensorBoard is missing, one line states how to install it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"TensorBoard is not installed: pip install 'imgcls\[tensorboard\]'"):
        history.events(tmp_path, 0).__enter__()
