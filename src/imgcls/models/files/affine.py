"""What the first steps of a graph do to its input, when they are a multiplication and an addition by constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_FACTOR_OF_BYTES, LEAST_FACTOR_OF_SHARES = 0.1, 1.0  # docs/decisions.md#baked-in-normalisation
LEAST_SHIFT_OF_BYTES, MOST_SHIFT_OF_SHARES = 10.0, 1.0
BYTES = "[0, 255]"
SHARES = "[0, 1]"


class Step(NamedTuple):
    """One operation on the input, with a constant: ``Add``, ``Sub``, ``Mul`` or ``Div``.

    ``reversed``: the constant is the first operand.
    """

    operation: str
    constant: NDArray[np.float64]
    reversed: bool = False


def folded(steps: Iterable[Step]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The factor and the shift, of each channel or of all, that the steps amount to."""
    factor, shift = np.ones(1), np.zeros(1)
    for operation, constant, is_reversed in steps:
        if operation == "Add":
            shift = shift + constant
        elif operation == "Sub":
            factor, shift = (-factor, constant - shift) if is_reversed else (factor, shift - constant)
        elif operation == "Mul":
            factor, shift = factor * constant, shift * constant
        else:
            factor, shift = factor / constant, shift / constant
    return factor, shift


def images_range(steps: list[Step]) -> str | None:
    """The range of the pixels that such steps normalise; None where there are none or their numbers fit neither."""
    if not steps or any(step.operation == "Div" and step.reversed for step in steps):
        return None
    factor, shift = folded(steps)
    if (factor <= 0).any():
        return None
    if (factor <= MOST_FACTOR_OF_BYTES).all():
        return BYTES
    if np.allclose(factor, 1) and (np.abs(shift) >= LEAST_SHIFT_OF_BYTES).all():
        return BYTES
    if (factor >= LEAST_FACTOR_OF_SHARES).all() and (shift <= 0).all() and (np.abs(shift) <= 3 * factor).all():
        return SHARES if not np.allclose(factor, 1) or (np.abs(shift) <= MOST_SHIFT_OF_SHARES).all() else None
    return None


def as_input(pixels: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and the standard deviation that make pixels of this range of those in [0, 1]."""
    return (0.0,) * channels, ((1 / 255 if pixels == BYTES else 1.0),) * channels


def of_range(low: float, high: float, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The mean and the standard deviation of pixels in [0, 1] for an input that holds such numbers.

    None for a range that is not one of the usual ones.
    """
    for mean, std in ((0.0, 1.0), (0.5, 0.5), (0.0, 1 / 255)):
        expected = (-mean / std, (1 - mean) / std)
        if np.allclose((low, high), expected, rtol=0, atol=0.02 * (expected[1] - expected[0])):
            return (mean,) * channels, (std,) * channels
    return None
