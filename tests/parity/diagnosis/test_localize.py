"""Networks walked side by side."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import planted
from imgcls.parity.diagnosis import alignment, localize, replay
from imgcls.parity.diagnosis.trace_torch import TorchTracer


def test_the_first_step_and_its_share(tmp_path: Path) -> None:
    """A step that is computed otherwise comes first, with all of the distance."""
    network = planted.net()
    network.first.act = nn.Sigmoid()
    ours, theirs = planted.reference(), planted.exported(network, tmp_path)
    step, *others = localize.steps(ours, theirs, planted.sample(ours, theirs))
    assert (step.name, step.operation) == ("first.act", "silu")
    assert step.share == pytest.approx(1, abs=0.02)
    assert all(other.share < 0.05 for other in others)


def test_shares_of_several_steps(tmp_path: Path) -> None:
    """The first comes first, and the others by what they add."""
    network = planted.net()
    network.stem.bn.eps, network.second.bn.eps = 1e-3, 1
    ours, theirs = planted.reference(), planted.exported(network, tmp_path)
    first, second, *_ = localize.steps(ours, theirs, planted.sample(ours, theirs))
    assert (first.name, second.name) == ("stem.bn", "second.bn")
    assert second.share > 0.9 > first.share


def test_rounding_has_no_step(tmp_path: Path) -> None:
    """Neither that of float32 nor that of float16."""
    for network in (planted.net(), planted.net().half()):
        ours, theirs = planted.reference(), planted.exported(network, tmp_path)
        assert localize.steps(ours, theirs, planted.sample(ours, theirs)) == ()


def test_an_output_takes_the_place_of_a_step() -> None:
    """What comes after it is computed as before."""
    model = planted.reference()
    steps = TorchTracer(model.classifier.module).operations(planted.BATCH.numpy())
    pooled = next(step for step in steps if step.kind == "mean")
    edit = replay.with_outputs({pooled.key: np.ones((8, 16), np.float32)})
    with torch.inference_mode():
        expected = model.classifier.module.head(torch.ones(8, 16)).numpy()
    assert np.allclose(replay.logits(model, planted.BATCH, edit), expected, atol=1e-6)


def test_channels_may_be_last() -> None:
    """An output with its channels in the last dimension is recognised where all of its values are known."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU())
    batch = planted.BATCH[..., :10, :12]
    ours = TorchTracer(network).operations(batch.numpy())
    last = TorchTracer(planted.Wrapped(network, after=lambda y: y.permute(0, 2, 3, 1) * 1.0))
    theirs = last.operations(batch.numpy())[-1:]
    found = alignment.matches(ours, theirs)
    assert [match.export is not None for match in found] == [False, True]
    assert found[1].is_last
    assert found[1].error == 0
    whole = alignment.as_reference(last.output(theirs[0].key), found[1])
    assert np.array_equal(whole.reshape(8, -1), ours[1].values)
