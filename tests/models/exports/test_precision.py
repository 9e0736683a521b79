"""imgcls.models.exports.precision: weights that a narrower type cannot hold are named."""

import torch

from imgcls.models.exports import precision


def _network() -> torch.nn.Module:
    head = torch.nn.Linear(3, 2)
    head.weight.data[:, 0] = 1e5
    return torch.nn.Sequential(torch.nn.Linear(3, 3), head)


def test_weights_beyond_float16() -> None:
    """Their number, the limit, and the tensor that has them."""
    assert precision.clipped(_network(), "float16") == (
        "2 weights are beyond 65504, the largest number of float16: 1.weight",
    )


def test_other_types_hold_them() -> None:
    """The range of bfloat16 is that of float32."""
    assert [precision.clipped(_network(), name) for name in ("float32", "bfloat16", "int8")] == [(), (), ()]
    assert precision.clipped(torch.nn.Linear(3, 3), "float16") == ()
