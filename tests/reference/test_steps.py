"""Every step of the array EfficientNet against PyTorch's, forward and backward; a wrong step is named."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import torch_efficientnet
from imgcls import reference
from imgcls.errors import ModelError
from imgcls.reference import comparison, convolution, depthwise, layers
from torch_efficientnet import Steps

EXACT = 1e-10
SPACING = float(np.finfo(np.float32).eps)
"""The distance of two neighbours in float32: where PyTorch in float32 is closer to float64, that is chance."""

SMALL = replace(reference.variant("efficientnet_small"), dropout=0.1, stochastic_depth=0.2)


@st.composite
def architectures(draw: st.DrawFn) -> reference.Architecture:
    """One to three stages of whatever torchvision's block can do."""
    channels = [draw(st.sampled_from((8, 16, 24))) for _ in range(draw(st.integers(2, 4)))]
    stages = tuple(
        reference.Stage(
            expansion=draw(st.sampled_from((1, 2, 3.5, 6))),
            kernel=draw(st.sampled_from((3, 5, 7))),  # the next norm undoes all that a kernel of 1 does
            stride=draw(st.sampled_from((1, 2))),
            channels_in=entering,
            channels_out=leaving,
            blocks=draw(st.integers(1, 2)),
        )
        for entering, leaving in pairwise(channels)
    )
    return reference.Architecture(
        stages,
        classes=draw(st.integers(2, 7)),
        dropout=draw(st.sampled_from((0.0, 0.4))),
        stochastic_depth=draw(st.sampled_from((0.0, 0.5))),
        squeeze=draw(st.sampled_from((0.04, 0.25, 0.6))),
        eps=draw(st.sampled_from((1e-5, 1e-3))),
        momentum=draw(st.sampled_from((0.1, 0.01))),
    )


class Case:
    """A network, a batch and masks; the values come from seeded normals."""

    def __init__(
        self, architecture: reference.Architecture, size: tuple[int, int, int] = (4, 21, 18), *, training: bool = True
    ) -> None:
        generator = np.random.default_rng(5)
        n, height, width = size
        self.network = torch_efficientnet.drawn_network(architecture, 1)
        self.images = generator.standard_normal((n, 3, height, width))
        self.labels = generator.integers(architecture.classes, size=n)
        self.masks = reference.draw(architecture, n, generator, dtype=np.float64) if training else {}
        self.settings: dict[str, Any] = {
            "training": training,
            "smoothing": 0.1,
            "class_weights": generator.uniform(0.5, 2, architecture.classes),
        }

    @cache  # noqa: B019 - the cases of a module are few, and shared
    def theirs(self, dtype: torch.dtype = torch.float64) -> Steps:
        return torch_efficientnet.torch_steps(
            self.network, self.images, self.labels, self.masks, dtype, **self.settings
        )

    def ours(self, dtype: Any = np.float64) -> Steps:
        network = reference.loaded(self.network.architecture, reference.state_dict(self.network), dtype=dtype)
        masks = {name: array.astype(dtype) for name, array in self.masks.items()}
        settings = self.settings | {"class_weights": self.settings["class_weights"].astype(dtype)}
        return torch_efficientnet.reference_steps(network, self.images.astype(dtype), self.labels, masks, **settings)


@cache
def shared_case(
    architecture: reference.Architecture, size: tuple[int, int, int] = (4, 21, 18), *, training: bool = True
) -> Case:
    """A case that several tests compare with, whose steps in PyTorch are computed once."""
    return Case(architecture, size, training=training)


def first_apart(ours: Steps, theirs: Steps, limits: Callable[[str], Mapping[str, float] | float]) -> Any:
    """The first step that differs: forward, then backward, then among parameters, then among running statistics."""
    for part in Steps._fields:
        limit = limits(part)
        allowed = limit.__getitem__ if isinstance(limit, Mapping) else limit
        if apart := comparison.first_apart(getattr(ours, part), getattr(theirs, part), allowed):
            return f"{part}: {apart}"
    return None


def address(case: Case) -> str:
    """The name of the first step that differs from PyTorch's."""
    apart = first_apart(case.ours(), case.theirs(), lambda _: EXACT)
    return str(apart).partition(" is ")[0]


@settings(max_examples=25, deadline=None)
@given(
    architectures(), st.tuples(st.integers(2, 4), st.integers(9, 26), st.integers(9, 26)), st.booleans(), st.booleans()
)
def test_every_step_is_pytorchs_in_float64(
    architecture: reference.Architecture, size: tuple[int, int, int], training: bool, shifts: bool
) -> None:
    """Every step, every gradient and every running statistic is PyTorch's to 1e-10, whatever the table and the size."""
    case = Case(architecture, size, training=training)
    with pytest.MonkeyPatch.context() as patched:
        if shifts:
            patched.setattr(depthwise, "PLACED", 0)
        ours = case.ours()
    assert first_apart(ours, case.theirs(), lambda _: EXACT) is None


@pytest.mark.parametrize("shifts", [True, False], ids=["shifts", "products"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("name", ["efficientnet_small", "efficientnet_b0"])
def test_every_step_is_as_good_as_pytorchs_in_float32(
    monkeypatch: pytest.MonkeyPatch, name: str, training: bool, shifts: bool
) -> None:
    """In float32 no step is further from float64 than four times what PyTorch's own steps have been up to there.

    A single step of PyTorch's is not a measure: the errors of the steps before may cancel, by chance. The networks are
    fixed, since of a thousand drawn at random some would fail by chance.
    """
    if shifts:
        monkeypatch.setattr(depthwise, "PLACED", 0)
    architecture = replace(reference.variant(name, classes=10), dropout=0.1, stochastic_depth=0.2)
    case = shared_case(architecture, (3, 67, 64), training=training)
    exact, theirs, ours = case.theirs(), case.theirs(torch.float32), case.ours(np.float32)

    limits: dict[str, dict[str, float]] = {}
    worst = SPACING
    for part in Steps._fields:
        in_float32, in_float64 = getattr(theirs, part), getattr(exact, part)
        for step in in_float32:
            worst = max(worst, comparison.distance(in_float32[step], in_float64[step]))
            limits.setdefault(part, {})[step] = 4 * worst
    assert first_apart(ours, exact, limits.__getitem__) is None


def test_float32_stays_float32() -> None:
    """Nothing is silently computed in a wider type: every step and gradient has the type of the weights."""
    case = Case(SMALL)
    steps = case.ours(np.float32)
    whole = {name for name, array in steps.statistics.items() if array.dtype != np.float32}
    assert all(name.endswith("num_batches_tracked") for name in whole)
    assert {str(a.dtype) for part in steps[:3] for a in part.values()} == {"float32"}


def test_b0_is_torchvisions() -> None:
    """The whole of B0 agrees, step by step, at 65 x 64 pixels."""
    case = Case(reference.variant("efficientnet_b0", classes=12), (2, 65, 64))
    assert first_apart(case.ours(), case.theirs(), lambda _: EXACT) is None


@pytest.mark.parametrize("training", [True, False])
def test_every_forward_step_has_a_backward_step(training: bool) -> None:
    """The backward pass has the steps of the forward pass, in the opposite order."""
    steps = Case(SMALL, training=training).ours()
    forward = [name for name in steps.forward if name != "loss"]
    assert sorted(forward) == sorted(steps.backward)
    assert next(iter(steps.backward)) == "classifier.1"
    assert list(steps.backward)[-1] == forward[0] == "features.0.0"


def test_no_number_is_too_large_for_the_loss() -> None:
    """Logits of thousands and inputs of thousands overflow neither the loss nor an activation, in float32."""
    logits = np.array([[-3000.0, 0.0, 3000.0], [5000.0, 5000.0, -2000.0]], np.float32)
    labels = np.array([0, 1])
    loss, _ = layers.cross_entropy(logits, layers.shares(labels, logits, 0.1))
    theirs = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), label_smoothing=0.1)
    assert float(loss) == pytest.approx(theirs.item(), rel=1e-6)
    np.testing.assert_array_equal(layers.silu(logits), np.where(logits > 0, logits, 0))


# Planted faults: each is named by the step where it is.


class Fault(NamedTuple):
    """An operation, which of its results is a thousandth too large, and the step that must be named."""

    module: Any
    operation: str
    address: str
    result: int = 0
    training: bool = True


FAULTS = (
    Fault(convolution, "convolution", "forward: features.0.0"),
    Fault(depthwise, "depthwise", "forward: features.1.0.block.0.0"),
    Fault(layers, "batch_norm", "forward: features.0.1"),
    Fault(layers, "batch_norm", "forward: features.0.1", training=False),
    Fault(layers, "statistics", "forward: features.0.1"),
    Fault(layers, "statistics", "forward: features.0.1", result=1),
    Fault(layers, "running", "statistics: features.0.1.running_mean"),
    Fault(layers, "silu", "forward: features.0.2"),
    Fault(layers, "pool", "forward: features.1.0.block.1.avgpool"),
    Fault(layers, "linear", "forward: features.1.0.block.1.fc1"),
    Fault(layers, "scale", "forward: features.1.0.block.1"),
    Fault(layers, "stochastic_depth", "forward: features.2.1.stochastic_depth"),
    Fault(layers, "dropout", "forward: classifier.0"),
    Fault(layers, "cross_entropy", "forward: loss"),
    Fault(layers, "cross_entropy_backward", "backward: classifier.1"),
    Fault(layers, "linear_backward", "backward: classifier.0"),
    Fault(layers, "linear_backward", "gradients: classifier.1", result=1),
    Fault(layers, "linear_backward", "gradients: classifier.1", result=2),
    Fault(layers, "dropout_backward", "backward: avgpool"),
    Fault(layers, "pool_backward", "backward: features.4.2"),
    Fault(layers, "silu_backward", "backward: features.4.1"),
    Fault(layers, "batch_norm_training_backward", "backward: features.4.0"),
    Fault(layers, "batch_norm_training_backward", "gradients: features.4.1", result=1),
    Fault(layers, "batch_norm_training_backward", "gradients: features.4.1", result=2),
    Fault(layers, "batch_norm_inference_backward", "backward: features.4.0", training=False),
    Fault(layers, "batch_norm_inference_backward", "gradients: features.4.1", result=1, training=False),
    Fault(convolution, "convolution_backward", "backward: features.3.1"),
    Fault(convolution, "convolution_backward", "gradients: features.4.0", result=1),
    Fault(layers, "stochastic_depth_backward", "backward: features.3.1.block.3.1"),
    Fault(layers, "scale_gate_gradient", "backward: features.3.1.block.2.scale_activation"),
    Fault(layers, "sigmoid_backward", "backward: features.3.1.block.2.fc2"),
    Fault(layers, "scale_input_gradient", "backward: features.3.1.block.1.2"),
    Fault(depthwise, "depthwise_backward", "backward: features.3.1.block.0.2"),
    Fault(depthwise, "depthwise_backward", "gradients: features.3.1.block.1.0", result=1),
)


def _names(fault: Fault) -> str:
    return f"{fault.operation}-{fault.result}-{'training' if fault.training else 'inference'}"


@pytest.mark.parametrize("fault", FAULTS, ids=_names)
def test_a_wrong_operation_is_named(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """An operation that is a thousandth off is named by the first step that it computes."""
    right = getattr(fault.module, fault.operation)

    def wrong(*arrays: Any, **named: Any) -> Any:
        results = right(*arrays, **named)
        if not isinstance(results, tuple):
            return results * 1.001
        return tuple(result * 1.001 if index == fault.result else result for index, result in enumerate(results))

    monkeypatch.setattr(fault.module, fault.operation, wrong)
    assert address(shared_case(SMALL, training=fault.training)) == fault.address


def test_every_operation_has_a_planted_fault() -> None:
    """Every formula of the package has one, except the parts of other formulas."""
    operations = {
        name
        for module in (layers, convolution, depthwise)
        for name, member in vars(module).items()
        if inspect.isfunction(member) and member.__module__ == module.__name__ and not name.startswith("_")
    }
    inside = {"sigmoid", "shares", "size", "windows", "pad", "inner", "input_gradient", "weight_gradient"}
    assert operations - inside - {fault.operation for fault in FAULTS} == set()


# The comparison itself.


def test_the_first_difference_is_named() -> None:
    """The message names the step, its distance and the limit."""
    actual, expected = {"a": [1.0, 2.0], "b": [1.0, 2.2]}, {"a": [1.0, 2.0], "b": [1.0, 2.0]}
    apart = comparison.first_apart(actual, expected, 0.09)
    assert str(apart) == "b is the first step that differs: by 0.1 of its largest value, 0.09 is allowed"
    assert comparison.first_apart(actual, expected, 0.11) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_far_away(value: float) -> None:
    """NaN and infinity are never within a limit, on either side."""
    assert comparison.distance([1.0, value], [1.0, 2.0]) == np.inf
    assert comparison.distance([1.0, 2.0], [1.0, value]) == np.inf


def test_only_nothing_is_near_nothing() -> None:
    """Where all should be zero, anything else is infinitely far away, and zero is not."""
    assert comparison.distance([0.0], [0.0]) == 0
    assert comparison.distance([1e-300], [0.0]) == np.inf


def test_steps_must_be_the_same() -> None:
    """A step of only one side, or of another shape, is an error and not an agreement."""
    with pytest.raises(ModelError, match="b is a step of only one side"):
        comparison.first_apart({"a": [1.0], "b": [1.0]}, {"a": [1.0]}, 1.0)
    with pytest.raises(ModelError, match=r"different shapes cannot be compared: \(1,\) and \(2,\)"):
        comparison.first_apart({"a": [1.0]}, {"a": [1.0, 2.0]}, 1.0)
