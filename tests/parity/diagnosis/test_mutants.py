"""Steps that are computed otherwise."""

import pytest
import torch
from torch import nn

import planted
from imgcls.parity.diagnosis import mutants, trace_torch
from imgcls.parity.diagnosis.trace_torch import TorchTracer

LAYERS = {
    "batch_norm": nn.BatchNorm2d(3).eval(),
    "conv2d": nn.Conv2d(3, 4, 3, 2, 1),
    "relu6": nn.ReLU6(),
    "silu": nn.SiLU(),
    "max_pool2d": nn.MaxPool2d(3, 2, 1),
    "avg_pool2d": nn.AvgPool2d(3, 2, 1),
    "upsample_bilinear2d": nn.Upsample(scale_factor=2, mode="bilinear"),
    "upsample_nearest2d": nn.Upsample(scale_factor=2),
    "pad": nn.ZeroPad2d((0, 1, 0, 1)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_mutant_computes_something_else(kind: str) -> None:
    """Every mutant of a step runs, alone in its network, and at least two in three change what comes out."""
    layer = LAYERS[kind]
    (step,) = TorchTracer(layer).operations(planted.BATCH.numpy() * 5)
    exact = trace_torch.run(layer, planted.BATCH * 5)
    outputs = [
        trace_torch.run(layer, planted.BATCH * 5, mutants.edit(mutant, [step.key])) for mutant in mutants.of(step)
    ]
    others = [output for output in outputs if output.shape != exact.shape or not torch.equal(output, exact)]
    assert len(outputs) > 0
    assert len(others) >= len(outputs) * 2 / 3


def test_only_chosen_steps_change() -> None:
    """A mutant of the second of two layers leaves the first as it is."""
    network = nn.Sequential(nn.SiLU(), nn.SiLU())
    first, second = TorchTracer(network).operations(planted.BATCH.numpy())
    sigmoid = next(mutant for mutant in mutants.of(second) if "sigmoid" in mutant.what)
    changed = trace_torch.run(network, planted.BATCH, mutants.edit(sigmoid, [second.key]))
    assert torch.allclose(changed, torch.sigmoid(nn.functional.silu(planted.BATCH)))
    assert first.key != second.key


def test_unknown_steps_have_none() -> None:
    """Nothing is tried where nothing is known."""
    (step,) = TorchTracer(nn.Softmax(1)).operations(planted.BATCH.numpy())
    assert mutants.of(step) == ()


def test_in_place_steps() -> None:
    """What is computed otherwise takes the place of an in-place operation's argument, too."""
    network = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    (step,) = TorchTracer(network).operations(planted.BATCH.numpy())
    tanh = next(mutant for mutant in mutants.of(step) if "computes tanh where" in mutant.what)
    batch = planted.BATCH.clone()
    assert torch.equal(trace_torch.run(network, batch, mutants.edit(tanh, [step.key])), torch.tanh(planted.BATCH))
