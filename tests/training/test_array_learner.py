"""The array learner: the same losses, steps and states as PyTorch's, on the same network and batches."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import training_runs
from imgcls import reference
from imgcls.config import loader as configuration
from imgcls.config import specs
from imgcls.errors import ConfigError, MachineError
from imgcls.models.sources import reference as reference_source
from imgcls.models.sources import registry
from imgcls.preprocessing import decode as decoding
from imgcls.training import cupy_install, finetune, trainer
from imgcls.training.array_learner import ArrayLearner
from imgcls.training.config import TrainingConfig, learning_rate
from imgcls.training.dataloader import Batch, Loader
from imgcls.training.torch_learner import TorchLearner

ARCHITECTURE = reference.variant("efficientnet_small", 3)
CONFIG = TrainingConfig(15, learning_rate=0.004, warm_up=3.0, scale=(0.7, 1.0), flip=False, array="numpy")
BATCH = np.random.default_rng(0).normal(size=(6, 3, 16, 16)).astype(np.float32)
TARGETS = np.array([0, 1, 2, 0, 0, 1])
SPEC = specs.model(
    "here",
    {
        "arch": "reference:efficientnet_small",
        "input": {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
    },
)


def _learners(**changes: Any) -> tuple[ArrayLearner, TorchLearner]:
    """A learner of each kind, from the same values."""
    weights, new_layers = changes.pop("class_weights", None), changes.pop("new_layers", ())
    torch.manual_seed(0)
    module, config = reference_source.torch_efficientnet(ARCHITECTURE), replace(CONFIG, **changes)
    ours = ArrayLearner(ARCHITECTURE, copy.deepcopy(module), config, weights, new_layers)  # shares memory
    return ours, TorchLearner(module, config, weights, new_layers)


def _apart(ours: Any, theirs: Any) -> float:
    """The largest distance of two state dicts, relative to the largest value of each tensor."""
    return max(
        float((ours[name] - theirs[name]).abs().max() / (1e-3 + theirs[name].abs().max()))
        for name in theirs
        if theirs[name].is_floating_point()
    )


def _digits(config: TrainingConfig) -> Iterator[Batch]:
    """The batches of the built-in digits, epoch after epoch."""
    split = training_runs.split("builtin:digits", config)
    with Loader(split, registry.input_spec(SPEC), config) as loader, decoding.quiet_pillow():
        for epoch in range(1, config.epochs + 1):
            yield from loader.train_batches(epoch)


@pytest.mark.slow
def test_fifty_steps_have_pytorchs_losses() -> None:
    """The same seed and batches: no loss of the first fifty is 1e-3 away from PyTorch's, while both come down."""
    with torch.random.fork_rng():
        torch.manual_seed(CONFIG.seed)
        initial = finetune.begin(SPEC, 10)
    ours = ArrayLearner(reference.variant("efficientnet_small"), copy.deepcopy(initial.network), CONFIG, None)
    theirs, losses = TorchLearner(initial.network, CONFIG, None), []
    for step, (batch, targets) in zip(range(50), _digits(CONFIG), strict=False):
        rate = learning_rate(CONFIG, step, 45)
        losses.append([learner.train_step(batch, targets, rate)[0] for learner in (ours, theirs)])
    assert len(losses) == 50
    assert max(abs(a - b) for a, b in losses) < 1e-3
    assert losses[-1][0] < losses[0][0] - 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "weight_decay": 0.1},
        {"weight_decay": 0.5},
        {"class_weights": [1.0, 2.0, 3.0]},
        {"label_smoothing": 0.0},
        {"new_layers": ("classifier.1",)},
    ],
    ids=str,
)
def test_a_step_is_pytorchs(changes: dict[str, Any]) -> None:
    """Loss and logits of three steps, and their weights, are PyTorch's, whatever the configuration.

    Weights are compared only after SGD: NAdam makes a whole step of a gradient that is only rounding, as that of a bias
    before a norm.
    """
    ours, theirs = _learners(**changes)
    for rate in (0.01, 0.02, 0.01):
        (loss, logits), (their_loss, their_logits) = (each.train_step(BATCH, TARGETS, rate) for each in (ours, theirs))
        assert loss == pytest.approx(their_loss, abs=1e-4)
        assert np.abs(logits - their_logits).max() < 1e-3
    if changes.get("optimizer") == "sgd":
        assert _apart(ours.weights(), theirs.weights()) < 1e-3
        assert np.abs(ours.predict(BATCH) - theirs.predict(BATCH)).max() < 1e-3


def test_weights_are_torchvisions() -> None:
    """Weights are torchvision's name for name, shape for shape, type for type."""
    ours, theirs = _learners()
    kinds = [{name: (tensor.shape, tensor.dtype) for name, tensor in x.weights().items()} for x in (ours, theirs)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("optimizer", ["nadam", "sgd"])
def test_a_state_is_the_whole_state(optimizer: str, tmp_path: Path) -> None:
    """A learner that was stored and restored continues to the same bits, what is left out at random included."""
    architecture = reference.Architecture(ARCHITECTURE.stages, 3, dropout=0.5, stochastic_depth=0.5)
    config = replace(CONFIG, optimizer=optimizer)
    first, second = (
        ArrayLearner(architecture, reference_source.torch_efficientnet(architecture), config, None) for _ in range(2)
    )
    for _ in range(2):
        first.train_step(BATCH, TARGETS, 0.01)
    torch.save(first.state(), tmp_path / "state.pt")
    second.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    for learner in (first, second):
        learner.train_step(BATCH, TARGETS, 0.01)
    ours, theirs = first.weights(), second.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    fresh = ArrayLearner(architecture, reference_source.torch_efficientnet(architecture), config, None)
    fresh.restore(torch.load(tmp_path / "state.pt", weights_only=True) | {"steps": 7})
    fresh.train_step(BATCH, TARGETS, 0.01)
    assert not torch.equal(fresh.weights()["classifier.1.weight"], ours["classifier.1.weight"])


def test_what_only_torch_does_is_refused() -> None:
    """Options that only torch has are refused in one line that names them all."""
    with pytest.raises(ConfigError, match=r"^there is no --freeze-batch-norm, --ema, --clip-norm with numpy$"):
        replace(CONFIG, freeze_batch_norm=True, ema=0.9, clip_norm=1.0)


def test_other_networks_train_only_with_torch(tmp_path: Path) -> None:
    """The arrays have EfficientNet, and nothing else."""
    spec = replace(SPEC, arch="timm:test_resnet")
    with pytest.raises(ConfigError, match="timm:test_resnet trains only with torch; --array numpy is for reference:"):
        trainer.train("builtin:digits", spec, CONFIG, tmp_path / "out")


def test_running_statistics_follow_as_fast_as_the_architecture_states() -> None:
    """With the momentum of PyTorch's twin."""
    ours, theirs = _learners()
    assert ours.norm_momentum() == theirs.norm_momentum() == 0.1


def test_arrays_that_are_not_installed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that are not installed are refused with the command that installs them, where there is a GPU."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(cupy_install, "hint", lambda: "pip install cupy-cuda13x")
    with pytest.raises(ConfigError, match=r"--array cupy: .*; pip install cupy-cuda13x$"):
        _learners(array="cupy")


@pytest.mark.parametrize("fails", ["ones", "product"])
def test_arrays_that_cannot_compute_are_refused(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """CuPy without a device, or without the libraries of CUDA, is refused with its own message and the way out."""

    class Array:
        def __matmul__(self, other: object) -> None:
            raise RuntimeError("CuPy failed to load libcublas.so.13")

    def ones(_: object) -> Array:
        if fails == "ones":
            raise RuntimeError("cudaErrorInsufficientDriver: no device")
        return Array()

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(ones=ones))
    monkeypatch.setattr(cupy_install, "hint", lambda: "pip install cupy-cuda13x")
    why = {"ones": "cudaErrorInsufficientDriver: no device", "product": r"CuPy failed to load libcublas\.so\.13"}[fails]
    with pytest.raises(MachineError, match=f"--array cupy cannot be used here: {why}; pip install cupy-cuda13x$"):
        _learners(array="cupy")


def test_out_of_memory_names_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory runs out, the error states the shape of the batch."""
    ours, _ = _learners()

    def step(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 8 GiB")

    monkeypatch.setattr(reference, "step", step)
    with pytest.raises(MachineError, match=r"out of memory with a batch of shape \(6, 3, 16, 16\): Unable to allocate"):
        ours.train_step(BATCH, TARGETS, 0.01)


def test_cupy_trains_as_numpy_does(cupy: ModuleType) -> None:
    """On a GPU, CuPy has NumPy's losses."""
    assert cupy.__name__ == "cupy"
    ours, theirs = (_learners(array=array)[0] for array in ("numpy", "cupy"))
    for _ in range(3):
        losses = [each.train_step(BATCH, TARGETS, 0.01)[0] for each in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.slow
def test_a_trained_reference_scores_as_reported(tmp_path: Path) -> None:
    """A training with arrays leaves a folder that scores what it reported, by the arrays themselves."""
    from imgcls.evaluation import evaluator
    from imgcls.models.pool import ModelPool
    from imgcls.store.database import Store

    result = trainer.train("builtin:digits", SPEC, replace(CONFIG, epochs=1, warm_up=0.0), tmp_path / "out")
    settings = configuration.load([tmp_path / "out" / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    outcome = evaluator.evaluate(
        "run", settings.datasets["validation"], ["trained"], pool, Store(None), lambda *_: None
    )
    [pair] = outcome.pairs
    assert pair.failure is None
    assert pair.facts is not None
    assert pair.facts.runtime == "numpy"
    assert pair.scores.top1 == pytest.approx(result.best.validation.top1)
