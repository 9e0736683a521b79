"""On real photographs: a network of a thousand classes is trained on ten others, with four images of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgcls
from imgcls.training import config, finetune, history, trainer

pytestmark = [pytest.mark.slow, pytest.mark.shared]

EPOCHS = 6


@pytest.fixture(scope="module")
def folds(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[trainer.TrainingResult]:
    """Five trainings, each of which validates on another fifth of the photographs."""
    spec = finetune.model_spec(
        "here",
        "timm:mobilenetv2_100",
        weights=shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors",
        options={"pad_type": "same"},
        input={"resize": 182, "crop": 160, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
    )
    out, results = tmp_path_factory.mktemp("folds"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "curves", lambda *_: b"")  # drawn in other tests, and slow
        for fold in range(5):
            training_config = config.with_defaults(
                spec.arch, spec.weights, epochs=EPOCHS, batch_size=8, learning_rate=5e-5,
                ema=0.9, freeze_batch_norm=True, folds=5, fold=fold,
            )  # fmt: skip
            results.append(trainer.train(shared_data / "photos10", spec, training_config, out / str(fold)))
    return results


def test_five_folds_of_photographs(folds: list[trainer.TrainingResult]) -> None:
    """Each fold trains on 40 and validates on 10 of 50; after the last epoch nine of ten are correct on average."""
    assert [(fold.train_images, fold.validation_images) for fold in folds] == [(40, 10)] * 5
    assert np.mean([fold.history[-1].validation.top1 for fold in folds]) >= 0.9


def test_a_new_head_keeps_what_the_rest_has_learned(folds: list[trainer.TrainingResult]) -> None:
    """The losses of both splits come down in every fold, from about that of a guess."""
    for fold in folds:
        first, last = fold.history[0], fold.history[-1]
        assert first.train.loss < 1.2 * np.log(10)
        assert last.train.loss < 0.5 * first.train.loss
        assert last.validation.loss < first.validation.loss


def test_the_trained_weights_state_their_own_input_and_classes(
    folds: list[trainer.TrainingResult],
) -> None:
    """Named by nothing but architecture and file, they score what the configuration next to them scores."""
    run = folds[0].out
    configured = imgcls.score("trained", "validation", config=run / "imgcls.toml", store=None)
    spec = imgcls.ModelSpec("bare", "timm:mobilenetv2_100", weights=run / "best.safetensors")
    bare = imgcls.score(spec, run / "validation.csv", store=None)
    assert (bare.scored, bare.top1) == (10, configured.top1)
    assert [p.top for p in bare.predictions()] == [p.top for p in configured.predictions()]
