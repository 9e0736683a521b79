"""What is kept of a training after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from imgcls import training_run
from imgcls.learner import Batch, Targets
from imgcls.recipe import Epoch, Recipe, Side
from imgcls.records import ImageRef, InputSpec
from imgcls.training_data import Division
from imgcls.training_run import Run

SPEC = InputSpec(8, (8, 8), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
ABOUT = {"format": "imgcls-train 2", "arch": "timm:test_vit", "options": {}}


class Counter:
    """A learner of another kind than PyTorch's: its weights are how often it was asked to learn."""

    def __init__(self) -> None:
        self.steps = 0

    def learn(self, batch: Batch, targets: Targets, rate: float) -> tuple[float, Batch]:
        assert len(batch) == len(targets)
        self.steps += 1
        return rate, np.zeros((len(batch), 2), np.float32)

    def predict(self, batch: Batch) -> Batch:
        return np.zeros((len(batch), 2), np.float32)

    def weights(self) -> Mapping[str, Any]:
        return {"steps": torch.tensor([self.steps])}

    def state(self) -> Mapping[str, Any]:
        return {"steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]


def _epoch(number: int, top1: float, loss: float) -> Epoch:
    return Epoch(number, 0.1, Side(1.0, 0.5, 0.5), Side(loss, top1, 0.5), 10.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A training of no epoch yet, with four held-out pictures."""
    held_out = tuple(ImageRef(f"a/{n}", tmp_path / "a" / str(n), f"{n:064}", "a") for n in range(4))
    return Run(tmp_path, Division(("a", "b"), held_out, held_out), Recipe(5), SPEC, Counter(), ABOUT)


def _kept(run: Run, name: str) -> int:
    return int(load_file(run.out / name)["steps"])


def test_the_best_weights_stay_while_others_are_no_better(run: Run) -> None:
    """``best.safetensors`` is of the best epoch so far, ``last.safetensors`` of the last; the gate is the best's."""
    kept = []
    for number, (top1, loss) in enumerate(((0.5, 1.0), (0.75, 1.0), (0.5, 0.1), (0.75, 0.5), (0.75, 0.5)), 1):
        run.learner.restore({"steps": number})
        run.history.append(_epoch(number, top1, loss))
        run.keep()
        kept.append((_kept(run, "best.safetensors"), _kept(run, "last.safetensors")))
    assert kept == [(1, 1), (2, 2), (2, 3), (4, 4), (4, 5)]
    assert '"top1" = 0.5,' in (run.out / "imgcls.toml").read_text()


def test_whatever_learns_is_continued(run: Run) -> None:
    """Any learner that keeps to the protocol becomes what it was, with its history."""
    run.learner.restore({"steps": 3})
    run.history.append(_epoch(1, 0.5, 1.0))
    run.keep()
    other = Run(run.out, run.division, run.recipe, SPEC, Counter(), ABOUT)
    said: list[str] = []
    other.resume(said.append)
    assert (other.learner.state(), other.history, said) == ({"steps": 3}, run.history, ["continues after epoch 1 of 5"])


def test_nothing_but_a_checkpoint_before_the_first_epoch(run: Run) -> None:
    """A training can be continued as soon as it has begun, and claims no weights yet."""
    run.keep()
    assert [file.name for file in run.out.iterdir()] == ["checkpoint.pt"]


def test_the_best_epoch() -> None:
    """The highest top-1 wins, of several the lowest loss, of those the first."""
    assert training_run.best([_epoch(1, 0.5, 1.0), _epoch(2, 0.7, 3.0), _epoch(3, 0.6, 0.1)]).number == 2
    assert training_run.best([_epoch(1, 0.7, 2.0), _epoch(2, 0.7, 1.0), _epoch(3, 0.7, 1.0)]).number == 2
