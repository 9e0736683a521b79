"""The folder of a training: what is written after each epoch, and that it is resumed from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef
from imgcls.training.config import TrainingConfig
from imgcls.training.history import Epoch, SplitMetrics
from imgcls.training.learner import Images, Logits, Targets
from imgcls.training.run_folder import RunFolder
from imgcls.training.split import Split

SPEC = InputSpec(8, (8, 8), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PROVENANCE = {"format": "imgcls-train 2", "arch": "timm:test_vit", "options": {}}


class Counter:
    """A learner of another kind than PyTorch's: its weights are the number of its steps."""

    def __init__(self) -> None:
        self.steps = 0

    def train_step(self, images: Images, targets: Targets, rate: float) -> tuple[float, Logits]:
        assert len(images) == len(targets)
        self.steps += 1
        return rate, np.zeros((len(images), 2), np.float32)

    def predict(self, images: Images) -> Logits:
        return np.zeros((len(images), 2), np.float32)

    def norm_momentum(self) -> None:
        return None

    def weights(self) -> Mapping[str, Any]:
        return {"steps": torch.tensor([self.steps])}

    def state(self) -> Mapping[str, Any]:
        return {"steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]


def _epoch(number: int, top1: float, loss: float) -> Epoch:
    return Epoch(number, 0.1, SplitMetrics(1.0, 0.5, 0.5), SplitMetrics(loss, top1, 0.5), 10.0, 1.0)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A training of no epoch yet, with four validation images."""
    refs = tuple(ImageRef(f"a/{n}", tmp_path / "a" / str(n), f"{n:064}", "a") for n in range(4))
    return RunFolder(tmp_path, Split(("a", "b"), refs, refs), TrainingConfig(5), SPEC, Counter(), PROVENANCE)


def _steps(run: RunFolder, name: str) -> int:
    return int(load_file(run.out / name)["steps"])


@pytest.mark.slow
def test_the_best_weights_stay_while_others_are_no_better(run: RunFolder) -> None:
    """``best.safetensors`` is of the best epoch so far, ``last.safetensors`` of the last; the gate is the best's."""
    steps = []
    for number, (top1, loss) in enumerate(((0.5, 1.0), (0.75, 1.0), (0.5, 0.1), (0.75, 0.5), (0.75, 0.5)), 1):
        run.learner.restore({"steps": number})
        run.history.append(_epoch(number, top1, loss))
        run.save()
        steps.append((_steps(run, "best.safetensors"), _steps(run, "last.safetensors")))
    assert steps == [(1, 1), (2, 2), (2, 3), (4, 4), (4, 5)]
    assert '"top1" = 0.5,' in (run.out / "imgcls.toml").read_text()


def test_any_learner_is_resumed(run: RunFolder) -> None:
    """Any learner that keeps to the protocol becomes what it was, with its history."""
    run.learner.restore({"steps": 3})
    run.history.append(_epoch(1, 0.5, 1.0))
    run.save()
    other = RunFolder(run.out, run.split, run.config, SPEC, Counter(), PROVENANCE)
    lines: list[str] = []
    other.resume(lines.append)
    assert (other.learner.state(), other.history, lines) == (
        {"steps": 3},
        run.history,
        ["continues after epoch 1 of 5"],
    )


def test_nothing_but_a_checkpoint_before_the_first_epoch(run: RunFolder) -> None:
    """A training can be resumed as soon as it has begun, and has no weights yet."""
    run.save()
    assert [file.name for file in run.out.iterdir()] == ["checkpoint.pt"]
