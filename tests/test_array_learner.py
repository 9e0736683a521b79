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

from imgcls import config, pixels, reference, resolve, train, training_data, transfer, twin
from imgcls.array_learner import ArrayLearner
from imgcls.errors import ConfigError, MachineError
from imgcls.learner import TorchLearner
from imgcls.loading import Batch, Loader
from imgcls.recipe import Recipe, learning_rate

ARCHITECTURE = reference.variant("efficientnet_small", 3)
RECIPE = Recipe(15, learning_rate=0.004, warm_up=3.0, scale=(0.7, 1.0), flip=False, array="numpy")
BATCH = np.random.default_rng(0).normal(size=(6, 3, 16, 16)).astype(np.float32)
TARGETS = np.array([0, 1, 2, 0, 0, 1])
SPEC = config.model(
    "here",
    {
        "arch": "reference:efficientnet_small",
        "input": {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
    },
)


def _learners(**changes: Any) -> tuple[ArrayLearner, TorchLearner]:
    """One of each, from the same values."""
    weights, new = changes.pop("class_weights", None), changes.pop("new", ())
    torch.manual_seed(0)
    module, recipe = twin.build(ARCHITECTURE), replace(RECIPE, **changes)
    ours = ArrayLearner(ARCHITECTURE, copy.deepcopy(module), recipe, weights, new)  # it shares its module's memory
    return ours, TorchLearner(module, recipe, weights, new)


def _apart(ours: Any, theirs: Any) -> float:
    """The largest distance of two state dicts, relative to the largest value of each tensor."""
    return max(
        float((ours[name] - theirs[name]).abs().max() / (1e-3 + theirs[name].abs().max()))
        for name in theirs
        if theirs[name].is_floating_point()
    )


def _digits(recipe: Recipe) -> Iterator[Batch]:
    """The batches of the built-in digits, epoch after epoch."""
    division = training_data.divide("digits", recipe)
    with Loader(division, resolve.input_spec(SPEC), recipe) as loader, pixels.quiet_pillow():
        for epoch in range(1, recipe.epochs + 1):
            yield from loader.learn(epoch)


def test_fifty_steps_have_pytorchs_losses() -> None:
    """The same seed and batches: no loss of the first fifty is 1e-3 away from PyTorch's, while both come down."""
    with torch.random.fork_rng():
        torch.manual_seed(RECIPE.seed)
        start = transfer.begin(SPEC, 10)
    ours = ArrayLearner(reference.variant("efficientnet_small"), copy.deepcopy(start.network), RECIPE, None)
    theirs, losses = TorchLearner(start.network, RECIPE, None), []
    for step, (batch, targets) in zip(range(50), _digits(RECIPE), strict=False):
        rate = learning_rate(RECIPE, step, 45)
        losses.append([learner.learn(batch, targets, rate)[0] for learner in (ours, theirs)])
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
        {"new": ("classifier.1",)},
    ],
    ids=str,
)
def test_a_step_is_pytorchs(changes: dict[str, Any]) -> None:
    """Loss and logits of three steps, and what is learnt by them, whatever the recipe asks for.

    Weights are compared after SGD alone: NAdam makes a whole step of a gradient that is nothing but rounding, as that
    of a bias before a norm.
    """
    ours, theirs = _learners(**changes)
    for rate in (0.01, 0.02, 0.01):
        (loss, logits), (their_loss, their_logits) = (each.learn(BATCH, TARGETS, rate) for each in (ours, theirs))
        assert loss == pytest.approx(their_loss, abs=1e-4)
        assert np.abs(logits - their_logits).max() < 1e-3
    if changes.get("optimizer") == "sgd":
        assert _apart(ours.weights(), theirs.weights()) < 1e-3
        assert np.abs(ours.predict(BATCH) - theirs.predict(BATCH)).max() < 1e-3


def test_weights_are_torchvisions() -> None:
    """Name for name, shape for shape, type for type."""
    ours, theirs = _learners()
    kinds = [{name: (tensor.shape, tensor.dtype) for name, tensor in x.weights().items()} for x in (ours, theirs)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("optimizer", ["nadam", "sgd"])
def test_a_state_is_the_whole_state(optimizer: str, tmp_path: Path) -> None:
    """A learner that was stored and restored goes on to the same bits, what is left out at random included."""
    architecture = reference.Architecture(ARCHITECTURE.stages, 3, dropout=0.5, stochastic_depth=0.5)
    recipe = replace(RECIPE, optimizer=optimizer)
    first, second = (ArrayLearner(architecture, twin.build(architecture), recipe, None) for _ in range(2))
    for _ in range(2):
        first.learn(BATCH, TARGETS, 0.01)
    torch.save(first.state(), tmp_path / "state.pt")
    second.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    for learner in (first, second):
        learner.learn(BATCH, TARGETS, 0.01)
    ours, theirs = first.weights(), second.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    fresh = ArrayLearner(architecture, twin.build(architecture), recipe, None)
    fresh.restore(torch.load(tmp_path / "state.pt", weights_only=True) | {"steps": 7})
    fresh.learn(BATCH, TARGETS, 0.01)
    assert not torch.equal(fresh.weights()["classifier.1.weight"], ours["classifier.1.weight"])


def test_what_only_torch_does_is_refused() -> None:
    """In one line that names it all."""
    with pytest.raises(ConfigError, match=r"^there is no --freeze-batch-norm, --ema, --clip-norm with numpy$"):
        replace(RECIPE, freeze_batch_norm=True, ema=0.9, clip_norm=1.0)


def test_other_networks_learn_with_torch_alone(tmp_path: Path) -> None:
    """The arrays know EfficientNet, and nothing else."""
    told = train.Told(lambda _: None, lambda _: None, lambda _done, _total: None)
    spec = replace(SPEC, arch="timm:test_resnet")
    with pytest.raises(ConfigError, match="timm:test_resnet learns with torch alone; --array numpy is for reference:"):
        train.train("digits", spec, RECIPE, tmp_path / "out", told)


def test_arrays_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that gets them."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ConfigError, match=r"--array cupy: .*; pip install cupy-cuda12x"):
        _learners(array="cupy")


def test_arrays_that_cannot_compute_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy without a device, for one."""

    def zeros(_: int) -> None:
        raise RuntimeError("cudaErrorInsufficientDriver: no device")

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(zeros=zeros))
    with pytest.raises(MachineError, match="--array cupy cannot be used here: cudaErrorInsufficientDriver: no device"):
        _learners(array="cupy")


def test_memory_that_runs_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the batch that was too much."""
    ours, _ = _learners()

    def step(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 8 GiB")

    monkeypatch.setattr(reference, "step", step)
    with pytest.raises(MachineError, match=r"out of memory with a batch of shape \(6, 3, 16, 16\): Unable to allocate"):
        ours.learn(BATCH, TARGETS, 0.01)


def test_cupy_learns_as_numpy_does(cupy: ModuleType) -> None:
    """Where there is a GPU: the same losses."""
    assert cupy.__name__ == "cupy"
    ours, theirs = (_learners(array=array)[0] for array in ("numpy", "cupy"))
    for _ in range(3):
        losses = [each.learn(BATCH, TARGETS, 0.01)[0] for each in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_a_trained_reference_is_tested_as_it_was_told(tmp_path: Path) -> None:
    """`imgcls train` with arrays leaves a folder that scores what the last line said, by the arrays themselves."""
    from imgcls import run
    from imgcls.models import Shelf
    from imgcls.store import Store

    told = train.Told(lambda _: None, lambda _: None, lambda _done, _total: None)
    result = train.train("digits", SPEC, replace(RECIPE, epochs=2, warm_up=0.0), tmp_path / "out", told)
    settings = config.load([tmp_path / "out" / "imgcls.toml"])
    shelf = Shelf(settings.models, "cpu")
    outcome = run.score("run", settings.datasets["validation"], ["trained"], shelf, Store(None), lambda *_: None)
    [pair] = outcome.pairs
    assert pair.failure is None
    assert pair.facts is not None
    assert pair.facts.runtime == "numpy"
    assert pair.scores.top1 == pytest.approx(result.best.held_out.top1)
