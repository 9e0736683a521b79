"""On real photographs: a network that knows a thousand classes learns ten others from four pictures each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgcls import config, train
from imgcls.recipe import Recipe, usual_warm_up

EPOCHS = 6


@pytest.fixture(scope="module")
def folds(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[train.Result]:
    """Five trainings, each of which holds out another fifth of the photographs."""
    table = {
        "arch": "timm:mobilenetv2_100",
        "options": {"pad_type": "same"},
        "weights": str(shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors"),
        "input": {"resize": 256, "crop": 224, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
    }
    spec, out = config.model("here", table), tmp_path_factory.mktemp("folds")
    recipes = [
        Recipe(
            EPOCHS, batch_size=8, learning_rate=5e-5, warm_up=usual_warm_up(EPOCHS), ema=0.9, freeze_batch_norm=True,
            folds=5, fold=fold,
        )
        for fold in range(5)
    ]  # fmt: skip
    told = train.Told(lambda _: None, lambda _: None, lambda _done, _total: None)
    return [train.train(str(shared_data / "photos10"), spec, r, out / str(r.fold), told) for r in recipes]


def test_five_folds_of_photographs(folds: list[train.Result]) -> None:
    """Each learns from 40 and holds out 10 of 50; after the last epoch, nine of ten are right on average."""
    assert [(fold.learnt, fold.held_out) for fold in folds] == [(40, 10)] * 5
    assert np.mean([fold.history[-1].held_out.top1 for fold in folds]) >= 0.9


def test_a_new_head_does_not_spoil_what_was_learnt(folds: list[train.Result]) -> None:
    """Losses of both sides come down in every fold, from about that of a guess."""
    for fold in folds:
        first, last = fold.history[0], fold.history[-1]
        assert first.learnt.loss < 1.2 * np.log(10)
        assert last.learnt.loss < 0.5 * first.learnt.loss
        assert last.held_out.loss < first.held_out.loss
