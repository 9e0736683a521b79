"""Every step of the array EfficientNet against PyTorch's, there and back; and a wrong step is found where it is."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import twins
from imgcls import reference
from imgcls.errors import ModelError
from imgcls.reference import comparison, convolution, depthwise, layers

EXACT = 1e-10
SPACING = float(np.finfo(np.float32).eps)
"""Where PyTorch in float32 comes closer to float64 than two neighbours in float32 are apart, it was lucky."""

SMALL = replace(reference.variant("efficientnet_small"), dropout=0.1, stochastic_depth=0.2)


@st.composite
def architectures(draw: st.DrawFn) -> reference.Architecture:
    """One to three stages of whatever torchvision's block can do."""
    channels = [draw(st.sampled_from((8, 16, 24))) for _ in range(draw(st.integers(2, 4)))]
    stages = tuple(
        reference.Stage(
            expansion=draw(st.sampled_from((1, 2, 3.5, 6))),
            kernel=draw(st.sampled_from((3, 5, 7))),  # of 1, the next norm takes off all that it does
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
    """A network, a batch and what is left out; the values come from seeded normals."""

    def __init__(
        self, architecture: reference.Architecture, size: tuple[int, int, int] = (4, 21, 18), *, training: bool = True
    ) -> None:
        generator = np.random.default_rng(5)
        n, height, width = size
        self.network = twins.filled(architecture, 1)
        self.images = generator.standard_normal((n, 3, height, width))
        self.labels = generator.integers(architecture.classes, size=n)
        self.kept = reference.draw(architecture, n, generator, dtype=np.float64) if training else {}
        self.how: dict[str, Any] = {
            "training": training,
            "smoothing": 0.1,
            "class_weights": generator.uniform(0.5, 2, architecture.classes),
        }

    def theirs(self, dtype: torch.dtype = torch.float64) -> twins.Steps:
        return twins.torchs(self.network, self.images, self.labels, self.kept, dtype, **self.how)

    def ours(self, dtype: Any = np.float64) -> twins.Steps:
        network = reference.loaded(self.network.architecture, reference.state_dict(self.network), dtype=dtype)
        kept = {name: array.astype(dtype) for name, array in self.kept.items()}
        how = self.how | {"class_weights": self.how["class_weights"].astype(dtype)}
        return twins.ours(network, self.images.astype(dtype), self.labels, kept, **how)


def first_apart(ours: twins.Steps, theirs: twins.Steps, limits: Callable[[str], Mapping[str, float] | float]) -> Any:
    """The first step that differs: there, then back, then among parameters, then among running statistics."""
    for part in twins.Steps._fields:
        limit = limits(part)
        allowed = limit.__getitem__ if isinstance(limit, Mapping) else limit
        if found := comparison.first_apart(getattr(ours, part), getattr(theirs, part), allowed):
            return f"{part}: {found}"
    return None


def address(case: Case) -> str:
    """Where the first step is found that differs from PyTorch's."""
    found = first_apart(case.ours(), case.theirs(), lambda _: EXACT)
    return str(found).partition(" is ")[0]


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

    A step of PyTorch's alone is no measure: what it inherits from the steps before may cancel, by luck. The networks
    are fixed, since of a thousand drawn at random some would be unlucky.
    """
    if shifts:
        monkeypatch.setattr(depthwise, "PLACED", 0)
    architecture = replace(reference.variant(name, classes=10), dropout=0.1, stochastic_depth=0.2)
    case = Case(architecture, (3, 67, 64), training=training)
    exact, theirs, ours = case.theirs(), case.theirs(torch.float32), case.ours(np.float32)

    limits: dict[str, dict[str, float]] = {}
    worst = SPACING
    for part in twins.Steps._fields:
        seen, right = getattr(theirs, part), getattr(exact, part)
        for step in seen:
            worst = max(worst, comparison.distance(seen[step], right[step]))
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
def test_a_step_there_is_a_step_back(training: bool) -> None:
    """The way back tells of the same steps as the way there, in the opposite order."""
    steps = Case(SMALL, training=training).ours()
    there = [name for name in steps.forward if name != "loss"]
    assert sorted(there) == sorted(steps.backward)
    assert next(iter(steps.backward)) == "classifier.1"
    assert list(steps.backward)[-1] == there[0] == "features.0.0"


def test_no_number_is_too_large_for_the_loss() -> None:
    """Logits of thousands and inputs of thousands overflow neither the loss nor an activation, in float32."""
    logits = np.array([[-3000.0, 0.0, 3000.0], [5000.0, 5000.0, -2000.0]], np.float32)
    labels = np.array([0, 1])
    loss, _ = layers.cross_entropy(logits, layers.shares(labels, logits, 0.1))
    theirs = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), label_smoothing=0.1)
    assert float(loss) == pytest.approx(theirs.item(), rel=1e-6)
    np.testing.assert_array_equal(layers.silu(logits), np.where(logits > 0, logits, 0))


# Planted faults: each is found, and found where it is.


class Fault(NamedTuple):
    """An operation, which of its results is a thousandth too large, and where that is seen."""

    room: Any
    operation: str
    place: str
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
def test_a_wrong_operation_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """One operation that is a thousandth off is found at the first step that it takes."""
    right = getattr(fault.room, fault.operation)

    def wrong(*arrays: Any, **named: Any) -> Any:
        results = right(*arrays, **named)
        if not isinstance(results, tuple):
            return results * 1.001
        return tuple(result * 1.001 if place == fault.result else result for place, result in enumerate(results))

    monkeypatch.setattr(fault.room, fault.operation, wrong)
    assert address(Case(SMALL, training=fault.training)) == fault.place


def test_every_operation_has_a_planted_fault() -> None:
    """No formula of the package is without one, the parts of other formulas aside."""
    operations = {
        name
        for room in (layers, convolution, depthwise)
        for name, member in vars(room).items()
        if inspect.isfunction(member) and member.__module__ == room.__name__ and not name.startswith("_")
    }
    inside = {"sigmoid", "shares", "size", "windows", "pad", "inner", "input_gradient", "weight_gradient"}
    assert operations - inside - {fault.operation for fault in FAULTS} == set()


# The judge itself.


def test_the_first_difference_is_named() -> None:
    """The report names the step, how far it is off and how far it may be."""
    seen, expected = {"a": [1.0, 2.0], "b": [1.0, 2.2]}, {"a": [1.0, 2.0], "b": [1.0, 2.0]}
    found = comparison.first_apart(seen, expected, 0.09)
    assert str(found) == "b is the first step that differs: by 0.1 of its largest value, 0.09 is allowed"
    assert comparison.first_apart(seen, expected, 0.11) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_far_away(value: float) -> None:
    """NaN and infinity are never within a limit, on either side."""
    assert comparison.distance([1.0, value], [1.0, 2.0]) == np.inf
    assert comparison.distance([1.0, 2.0], [1.0, value]) == np.inf


def test_only_nothing_is_near_nothing() -> None:
    """Where all should be zero, anything else is infinitely far away, and zero is not."""
    assert comparison.distance([0.0], [0.0]) == 0
    assert comparison.distance([1e-300], [0.0]) == np.inf


def test_steps_must_be_the_same() -> None:
    """A step on one side alone, or of another shape, is an error and no agreement."""
    with pytest.raises(ModelError, match="b is a step of one side alone"):
        comparison.first_apart({"a": [1.0], "b": [1.0]}, {"a": [1.0]}, 1.0)
    with pytest.raises(ModelError, match=r"different shapes cannot be compared: \(1,\) and \(2,\)"):
        comparison.first_apart({"a": [1.0]}, {"a": [1.0, 2.0]}, 1.0)
