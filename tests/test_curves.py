"""What is told of a training's epochs: a table, curves, event files."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgcls import curves
from imgcls.errors import ConfigError
from imgcls.recipe import Epoch, Side

HISTORY = [
    Epoch(number, 0.1 / number, Side(2.5 / number, 0.5, 0.25), Side(3.0 / number, 0.75, 0.625), 100.0)
    for number in (1, 2, 3)
]


def test_the_table_has_a_row_for_each_epoch() -> None:
    """Every number comes back as it was, under the name that stands above it."""
    [*rows] = csv.DictReader(io.StringIO(curves.table(HISTORY)))
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
    }


def test_the_four_curves_are_drawn() -> None:
    """Loss and macro F1 of both sides, each named; the same history gives the same bytes."""
    drawn = curves.drawn(HISTORY, "svg")
    for name in (b"train loss", b"validation loss", b"train macro F1", b"validation macro F1"):
        assert name in drawn
    assert curves.drawn(HISTORY, "svg") == drawn
    assert curves.drawn(HISTORY[:2], "svg") != drawn


def test_the_picture_is_one() -> None:
    """The PNG has the curves' two panels side by side."""
    picture = Image.open(io.BytesIO(curves.drawn(HISTORY, "png")))
    assert (picture.format, picture.size) == ("PNG", (1080, 432))


def test_drawing_leaves_matplotlib_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No window system, no pyplot: its state belongs to the user."""
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    curves.drawn(HISTORY, "png")
    assert "matplotlib.pyplot" not in sys.modules


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read: Any = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_events_are_those_of_the_epochs(tmp_path: Path) -> None:
    """TensorBoard reads every column, by epoch; epochs that are trained again replace what was written of them."""
    with curves.events(tmp_path, 0) as write:
        for epoch in HISTORY:
            write(epoch)
    with curves.events(tmp_path, 2) as write:
        write(HISTORY[2])
    read = _scalars(tmp_path)
    assert set(read) == {
        *(f"{what}/{side}" for what in ("loss", "top1", "macro_f1") for side in ("train", "val")),
        "learning_rate",
        "images_per_second",
    }
    assert read["loss/val"] == [(1, 3.0), (2, 1.5), (3, 1.0)]


def test_tensorboard_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says how to install it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"TensorBoard is not installed: pip install 'imgcls\[tensorboard\]'"):
        curves.events(tmp_path, 0).__enter__()
