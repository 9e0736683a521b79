"""imgcls.performance.conditions: what is kept with every figure."""

from dataclasses import replace
from importlib import metadata

import pytest
import torch
from torch import nn

from builders import CONDITIONS, MACHINE
from imgcls.models.model import Model
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.performance import conditions
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo
from imgcls.records.performance import RunEnvironment
from imgcls.system import machine

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(8, (8, 6), "center", "bilinear", HALF, HALF)
INFO = ModelInfo("eager", "bfloat16", "cpu", INPUT, "ab" * 32, "cd" * 32, 112, 1.0, 224)


def test_the_conditions_are_those_of_the_model_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """GMACs are those of one image of the model's own size, whatever the batch."""
    monkeypatch.setattr(machine, "threads", lambda: 3)
    monkeypatch.setattr(machine, "describe", {"cpu": MACHINE}.__getitem__)
    monkeypatch.setattr("platform.python_version", lambda: "3.12.1")
    network = EagerClassifier(nn.Conv2d(3, 4, 3), "bfloat16", "cpu")
    model = Model(ModelSpec("net", "python:nets:net"), lambda: network, LabelList("x", ("a", "b")), INFO, {}, 0.0)
    assert conditions.environment_of(model, 16) == RunEnvironment(
        model="net",
        arch="python:nets:net",
        device="cpu",
        batch=16,
        precision="bfloat16",
        runtime="eager",
        threads=3,
        input=str(INPUT),
        state_sha256="cd" * 32,
        weights_file_sha256="ab" * 32,
        parameters=112,
        gmacs=6 * 4 * 4 * 27 / 1e9,
        machine=MACHINE,
        versions={"python": "3.12.1"}
        | {name: metadata.version(name) for name in ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy")},
    )


def test_what_cannot_be_counted_is_measured_all_the_same() -> None:
    """A network that takes only pairs of images has no GMACs of one image."""

    class Paired(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            first, second = batch
            return torch.stack((first, second)).mean((2, 3))

    classifier = EagerClassifier(Paired(), "float32", "cpu")
    model = Model(ModelSpec("net", "python:nets:net"), lambda: classifier, LabelList("x", ("a",)), INFO, {}, 0.0)
    assert conditions.environment_of(model, 2).gmacs is None


def test_what_differs_is_named_field_by_field() -> None:
    """Of two machines those fields that differ, of two sets of weights the beginnings of their hashes."""
    other = replace(CONDITIONS, threads=1, machine=replace(MACHINE, cores=1, quota=0.5), state_sha256="0" * 64)
    names = ("model", "threads", "machine", "state_sha256")
    assert conditions.unlike(CONDITIONS, other, names) == (
        "another threads, machine, set of weights: threads 2 and 1; cores 2 and 1; quota none and 0.5; "
        "weights cdcdcdcd and 00000000"
    )
    assert conditions.unlike(CONDITIONS, replace(CONDITIONS), names) is None
