"""NAdam and SGD of the array EfficientNet against PyTorch's, by themselves and with a network in training."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import torch_efficientnet
from imgcls import reference

SHAPES = {"a.weight": (3, 4), "a.bias": (3,), "b.c.weight": (2, 3, 1, 1)}


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    """Torch keeps the product of NAdam's momenta in the default type, and float32 would be the larger error."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def _walk(rule: Any, settings: Any, theirs: Any, steps: int = 12) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of both after the same gradients from the same start."""
    generator = np.random.default_rng(0)
    start = {name: generator.standard_normal(shape) for name, shape in SHAPES.items()}
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in start.items()}
    optimizer = theirs(list(tensors.values()))
    parameters, state = reference.nested(start), reference.State()
    for _ in range(steps):
        gradients = {name: generator.standard_normal(shape) for name, shape in SHAPES.items()}
        for name, tensor in tensors.items():
            tensor.grad = torch.from_numpy(gradients[name])
        optimizer.step()
        parameters, state = rule(parameters, reference.nested(gradients), state, settings)
    return reference.flat(parameters), {name: tensor.detach().numpy() for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "momentum_decay": 0.1},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
)
def test_nadam_is_pytorchs(options: dict[str, Any]) -> None:
    """Twelve steps of NAdam end where torch.optim.NAdam's do, with either kind of weight decay."""
    actual, expected = _walk(
        reference.nadam, reference.Nadam(**options), lambda tensors: torch.optim.NAdam(tensors, **options)
    )
    for name in SHAPES:
        np.testing.assert_allclose(actual[name], expected[name], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
    ],
)
def test_sgd_is_pytorchs(options: dict[str, Any]) -> None:
    """Twelve steps of SGD end where torch.optim.SGD's do."""
    actual, expected = _walk(
        reference.sgd, reference.Sgd(**options), lambda tensors: torch.optim.SGD(tensors, **options)
    )
    for name in SHAPES:
        np.testing.assert_allclose(actual[name], expected[name], rtol=0, atol=1e-13)


@pytest.mark.parametrize("decoupled", [True, False])
def test_a_step_changes_no_array_in_place(decoupled: bool) -> None:
    """Optimizers return new arrays; the given ones stay what they were."""
    parameters = {"a": np.ones(3)}
    state, settings = reference.State(), reference.Nadam(weight_decay=0.1, decoupled_weight_decay=decoupled)
    for _ in range(3):
        before = parameters["a"].copy(), None if state.first is None else state.first["a"].copy()
        new, moved = reference.nadam(parameters, {"a": np.ones(3)}, state, settings)
        np.testing.assert_array_equal(parameters["a"], before[0])
        if state.first is not None:
            np.testing.assert_array_equal(state.first["a"], before[1])
        parameters, state = new, moved


@pytest.mark.slow
def test_two_hundred_steps_end_where_pytorch_ends() -> None:
    """200 NAdam steps of a small network on the same batches, with the same masks: parameters within 1e-6.

    Decay is decoupled: in the gradient, it would let NAdam blow up the rounding errors of biases just before a norm,
    on which nothing depends.
    """
    options: dict[str, Any] = {"weight_decay": 1e-3, "decoupled_weight_decay": True}
    architecture = replace(reference.variant("efficientnet_small"), dropout=0.1, stochastic_depth=0.2)
    generator = np.random.default_rng(3)
    network, state = reference.build(architecture, seed=4, dtype=np.float64), reference.State()
    module = torch_efficientnet.build(network, torch.float64)
    optimizer: Any = torch.optim.NAdam(module.parameters(), **options)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    for _ in range(200):
        images, labels = generator.standard_normal((6, 3, 16, 16)), generator.integers(10, size=6)
        masks = reference.draw(architecture, len(images), generator, dtype=np.float64)
        torch_efficientnet.set_masks(module, masks, torch.float64)
        optimizer.zero_grad()
        criterion(module(torch.from_numpy(images)), torch.from_numpy(labels)).backward()
        optimizer.step()
        step = reference.step(network, images, labels, masks=masks, smoothing=0.1)
        parameters, state = reference.nadam(network.parameters, step.gradients, state, reference.Nadam(**options))
        network = network._replace(parameters=parameters, statistics=step.statistics)
    theirs = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    ours = reference.state_dict(network)
    assert max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours) < 1e-6
