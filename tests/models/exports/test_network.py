"""imgcls.models.exports.network: what is exported takes images and returns logits, in any precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from export_parts import SPEC, distance
from imgcls.errors import ModelError
from imgcls.models.exports import network
from imgcls.models.exports.network import Network


def test_it_is_the_network_in_float32(reference: Network, images: torch.Tensor, logits: NDArray[np.float32]) -> None:
    """Whatever runtime and precision the model is configured with."""
    with torch.inference_mode():
        assert np.array_equal(reference.module()(images).numpy(), logits)
    assert (reference.model.info.runtime, reference.model.info.precision) == ("eager", "float32")


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_narrower_type_is_inside_only(precision: str, images: torch.Tensor, logits: NDArray[np.float32]) -> None:
    """Images and logits stay float32, and what is between them is rounded."""
    with torch.inference_mode():
        rounded = network.load(SPEC).module(precision)(images).numpy()
    assert 0 < distance(logits, rounded) < 0.1


def test_other_runtimes_networks_are_not_exported() -> None:
    """The NumPy reference is no PyTorch network."""
    numpy = replace(
        SPEC,
        name="ref",
        arch="reference:efficientnet_b0",
        weights="random:0",
        options={},
        labels="imagenet-1k",
        input={},
    )
    message = (
        r"^ref cannot be exported: reference:efficientnet_b0 runs on numpy, and only networks that PyTorch runs are"
    )
    with pytest.raises(ModelError, match=message):
        network.load(numpy)
