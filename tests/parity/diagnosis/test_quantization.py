"""What integers cannot hold."""

import numpy as np

from imgcls.parity.diagnosis import quantization, trace
from imgcls.records.parity import StepError

VALUES = np.ones((2, 4), np.float32)


def _step(name: str, clipped: float | None) -> trace.Operation:
    return trace.operation(name, name, "FakeQuantize", VALUES, clipped=clipped)


def _error(name: str, share: float) -> StepError:
    return StepError(name, "conv2d", 0.1, share)


def test_ranges_that_are_too_narrow() -> None:
    """Values out of range are counted; a few are left to rounding."""
    assert quantization.too_narrow([_step("a", 0.0), _step("b", 0.0005), _step("c", None)]) is None
    fault = quantization.too_narrow([_step("a", 0.0), _step("b", 0.031)])
    assert fault
    assert (fault.stage, fault.name) == ("precision", "calibration too narrow")
    assert fault.what.startswith("1 of 2 quantised activations are out of range")
    assert "3.1% at b: the calibration saw too few kinds of images" in fault.what


def test_one_layer_or_all() -> None:
    """A layer that adds much more than the others is named; otherwise none is."""
    one = quantization.spread([_error("a", 0.05), _error("b", 0.8), _error("c", 0.05)])
    assert one.what == "b (conv2d) adds 80% of the distance, and the median step 5.0%"
    every = quantization.spread([_error("a", 0.3), _error("b", 0.35), _error("c", 0.3)])
    assert every.what.startswith(
        "no fault: every layer is rounded to integers, and no single one stands out; b adds most, 35%"
    )


def test_shares_outside_of_a_range() -> None:
    """Below, above, and on the border, which is inside."""
    assert trace.share_outside(np.array([-2.0, -1.0, 0.0, 1.0, 3.0]), -1, 1, 0.01) == 0.4


def test_what_a_relu_cuts_off_is_not_missed() -> None:
    """Below a range from 0 on, and above one from 0 to 6; a range that ends elsewhere is too narrow."""
    values = np.array([-5.0, 1.0, 5.0, 9.0])
    assert trace.share_outside(values, -0.02, 4.02, 0.02) == 0.5
    assert trace.share_outside(values, -0.0235, 6.0235, 0.0235) == 0
