"""Steps of what torch runs."""

import warnings

import numpy as np
import pytest
import torch

import planted
from imgcls.parity.diagnosis import alignment
from imgcls.parity.diagnosis.trace_torch import TorchTracer


def test_the_steps_of_a_module() -> None:
    """In their order, by the names of their modules, with weights and arguments."""
    steps = TorchTracer(planted.net()).operations(planted.BATCH.numpy())
    assert [(step.name, step.kind) for step in steps[:4]] == [
        ("stem.conv", "conv2d"),
        ("stem.bn", "batch_norm"),
        ("stem.act", "silu"),
        ("pool", "max_pool2d"),
    ]
    assert [step.kind for step in steps[-2:]] == ["mean", "linear"]
    assert steps[0].weight is not None
    assert steps[0].weight.shape == (8, 3, 3, 3)
    assert steps[1].arguments["eps"] == 1e-5
    assert steps[-1].name == "head"


def test_outputs_are_those_of_the_module() -> None:
    """Nothing is computed otherwise because it is seen."""
    network = planted.net()
    tracer = TorchTracer(network)
    steps = tracer.operations(planted.BATCH.numpy())
    with torch.inference_mode():
        expected = network(planted.BATCH).numpy()
    assert np.array_equal(tracer.output(steps[-1].key), expected)
    assert np.array_equal(steps[-1].values, expected)


def test_no_hook_is_left() -> None:
    """A module is as it was, also after an error."""
    network = planted.net()
    with pytest.raises(RuntimeError, match="channels"):
        TorchTracer(network).operations(np.zeros((1, 5, 32, 32), np.float32))
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("kind", ["exported", "torchscript"])
def test_programs_have_the_same_steps(kind: str) -> None:
    """Every step of the network has a counterpart in its exported program and in its TorchScript."""
    network = planted.net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        program = (
            torch.export.export(network, (planted.BATCH,)).module()
            if kind == "exported"
            else torch.jit.trace(network, planted.BATCH)  # type: ignore[no-untyped-call]  # torch's
        )
    ours, theirs = (TorchTracer(module).operations(planted.BATCH.numpy()) for module in (network, program))
    found = alignment.matches(ours, theirs)
    assert [match.reference.kind for match in found if match.error > 1e-5] == []
    assert alignment.first_beyond(found) == len(found)


def test_the_type_of_the_weights() -> None:
    """The narrowest one."""
    assert TorchTracer(planted.net()).precision == "float32"
    assert TorchTracer(planted.net().half()).precision == "float16"
