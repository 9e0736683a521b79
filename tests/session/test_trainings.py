"""Which trainings the weights of a run came from."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from imgcls.records.config import ModelSpec
from imgcls.records.report import Report
from imgcls.session import trainings
from report_pages import make_document

HEAD = (
    "epoch,learning_rate,train_loss,train_top1,train_macro_f1,val_loss,val_top1,val_macro_f1,images_per_second\n"
    "1,0.1,2.0,0.4,0.3,1.5,0.5,0.4,10.0\n"
)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights in the folder of a training."""
    (tmp_path / "metrics.csv").write_text(HEAD)
    stated = {"arch": "timm:x", "pictures": json.dumps({"learnt": 30, "held_out": 10}), "recipe": '{"epochs": 1}'}
    stated["weights"] = "null"
    save_file({"weight": np.zeros(1)}, tmp_path / "best.safetensors", stated)
    return tmp_path / "best.safetensors"


def _report(file: Path) -> Report:
    report = make_document().report
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return replace(report, results=tuple(replace(result, weights_file_sha256=sha256) for result in report.results))


def _models(weights: Path | str) -> dict[str, ModelSpec]:
    return {"net": ModelSpec("net", "timm:x", weights=weights)}


def test_weights_of_a_training_bring_its_curves_and_recipe(weights: Path) -> None:
    """From the folder that they lie in."""
    [training] = trainings.of(_report(weights), _models(weights))
    assert (training.model, training.recipe, training.seconds) == ("net", {"epochs": 1}, (3.0,))
    assert training.best.validation.top1 == 0.5


def test_weights_that_were_trained_again_bring_nothing(weights: Path) -> None:
    """They are not those that were scored."""
    report = _report(weights)
    weights.write_bytes(weights.read_bytes() + b" ")
    assert trainings.of(report, _models(weights)) == ()


def test_a_folder_of_something_else_brings_nothing(weights: Path) -> None:
    """Without metrics, or with other ones."""
    (weights.parent / "metrics.csv").write_text("loss\n1\n")
    assert trainings.of(_report(weights), _models(weights)) == ()
    (weights.parent / "metrics.csv").unlink()
    assert trainings.of(_report(weights), _models(weights)) == ()


def test_published_and_unknown_models_bring_nothing(weights: Path) -> None:
    """There is no folder to look into."""
    assert trainings.of(_report(weights), _models("pretrained")) == ()
    assert trainings.of(_report(weights), {}) == ()


def test_weights_that_are_gone_bring_nothing(weights: Path) -> None:
    """And no error."""
    report = _report(weights)
    weights.unlink()
    assert trainings.of(report, _models(weights)) == ()
