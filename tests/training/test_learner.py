"""What all learners share: parameter groups, and errors that name the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from imgcls.errors import MachineError, ModelError
from imgcls.training.learner import explained, parameter_groups

IMAGES = np.zeros((6, 3, 8, 8), np.float32)


def test_parameters_are_grouped_by_decay_and_speed() -> None:
    """Only filters and matrices decay, only new layers learn ten times as fast, and frozen parameters are left out."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3), nn.Linear(3, 3))
    network[3].requires_grad_(requires_grad=False)
    groups = parameter_groups(network, ["2"])
    assert {key: [name for name, _ in parameters] for key, parameters in groups.items()} == {
        (1, 1): ["0.weight"],
        (0, 1): ["0.bias", "1.weight", "1.bias"],
        (1, 10): ["2.weight"],
        (0, 10): ["2.bias"],
    }


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            MemoryError("Unable to allocate 8 GiB"),
            MachineError,
            r"out of memory with a batch of shape \(6, 3, 8, 8\): U",
        ),
        (RuntimeError("CUDA out of memory."), MachineError, "CUDA out of memory; try half the --batch-size"),
        (ValueError("Expected more than 1 value per channel"), ModelError, "a norm sees one value .* --batch-size"),
        (
            torch.AcceleratorError("CUDA error: launch failure\nFor debugging consider CUDA_LAUNCH_BLOCKING=1"),
            MachineError,
            r"the GPU failed at a batch of shape \(6, 3, 8, 8\): CUDA error: launch failure; run again, with --resume",
        ),
        (RuntimeError("mat1 and mat2"), ModelError, r"does not take a batch of shape \(6, 3, 8, 8\): mat1 and mat2; "),
    ],
    ids=["host memory", "device memory", "one value", "device failure", "size"],
)
def test_errors_of_a_network_name_the_batch(error: Exception, kind: type[Exception], message: str) -> None:
    """Whatever a network raises becomes one line with the shape of the batch and what to try."""
    with pytest.raises(kind, match=message), explained(IMAGES):
        raise error
