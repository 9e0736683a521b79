"""What a narrow type explains."""

from pathlib import Path

import numpy as np
import pytest
import torch

import planted
from imgcls.parity.diagnosis import logits, replay, rounding
from imgcls.parity.diagnosis.case import Case


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_file_is_as_far_as_so_rounded_values(precision: str, tmp_path: Path) -> None:
    """The reference with every tensor rounded is about as far away as a network in that type, at every step, too."""
    network = planted.net().to(getattr(torch, precision))
    ours, theirs = planted.reference(), planted.exported(network, tmp_path)
    sample = planted.sample(ours, theirs)
    apart = logits.relative(sample.export, sample.reference)
    rounded = replay.logits(ours, planted.BATCH, rounding.edit(precision))
    assert 0.5 < logits.relative(rounded, sample.reference) / apart < 2
    case = Case(ours, theirs, sample)
    assert case.tolerance == pytest.approx(3 * logits.relative(rounded, sample.reference))
    assert [match.reference.name for match in case.matches if match.is_beyond] == []
    assert max(match.rounding for match in case.matches) < 10 * apart


def test_wide_types_are_not_rounded() -> None:
    """Nothing is added to what float32 and int8 explain."""
    assert rounding.edit("float32") is None
    assert rounding.edit("int8") is None


def test_only_values_are_rounded() -> None:
    """Logits are values of the type, and the network is as it was."""
    ours = planted.reference()
    before = {name: tensor.clone() for name, tensor in ours.classifier.module.state_dict().items()}
    rounded = replay.logits(ours, planted.BATCH, rounding.edit("float16"))
    assert np.array_equal(rounded, rounded.astype(np.float16).astype(np.float32))
    assert all(torch.equal(tensor, before[name]) for name, tensor in ours.classifier.module.state_dict().items())


def test_an_overflow_is_not_rounding(tmp_path: Path) -> None:
    """Values that float16 cannot hold stay as they are, so that a ReLU6 after them does not hide the fault."""
    layers = (planted.Own(lambda x: (x * 1e6) * 1e-6), torch.nn.ReLU6())
    tested = planted.net(torch.nn.Sequential(*layers))
    (fault,) = planted.faults(planted.net(torch.nn.Sequential(*layers)).half(), tmp_path, tested)
    assert (fault.stage, fault.name) == ("precision", "float16 overflow")


def test_a_small_fault_in_float16(tmp_path: Path) -> None:
    """Two percent of one weight are more than rounding, and named."""
    network = planted.net()
    network.first.conv.weight.data.mul_(1.02)
    (fault,) = planted.faults(network.half(), tmp_path)
    assert fault.name == "one weight scaled"
    assert "the weight of first.conv is 1.02 times" in fault.what
