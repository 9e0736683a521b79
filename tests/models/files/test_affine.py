"""imgcls.models.files.affine: normalisation in a graph, and the range of the pixels that it takes."""

import numpy as np
import pytest

from imgcls.models.files import affine
from imgcls.models.files.affine import BYTES, SHARES, Step


def _steps(*steps: tuple[str, float]) -> list[Step]:
    return [Step(operation, np.array([value])) for operation, value in steps]


@pytest.mark.parametrize(
    ("steps", "pixels"),
    [
        (_steps(("Sub", 127.5), ("Div", 127.5)), BYTES),
        (_steps(("Mul", 1 / 255)), BYTES),
        (_steps(("Div", 255), ("Sub", 0.485), ("Div", 0.229)), BYTES),
        (_steps(("Sub", 123.68)), BYTES),
        (_steps(("Add", -116.28), ("Mul", 0.0175)), BYTES),
        (_steps(("Sub", 0.485), ("Div", 0.229)), SHARES),
        (_steps(("Mul", 2), ("Sub", 1)), SHARES),
        (_steps(("Sub", 0.5)), SHARES),
        ([], None),
        (_steps(("Mul", 0.458), ("Add", -0.03)), None),  # ImageNet's normalisation to Inception's: not of pixels
        (_steps(("Mul", -1)), None),
        (_steps(("Add", 5)), None),
        ([Step("Div", np.array([1.0]), reversed=True)], None),
    ],
)
def test_the_range_of_pixels(steps: list[Step], pixels: str | None) -> None:
    """What the steps are fit for: bytes, shares, or nothing that can be said."""
    assert affine.images_range(steps) == pixels


def test_steps_are_folded() -> None:
    """A subtraction from a constant turns the sign; every channel has its own numbers."""
    factor, shift = affine.folded([Step("Sub", np.array([1.0, 2, 3]), reversed=True), Step("Mul", np.array([2.0]))])
    assert (factor.tolist(), shift.tolist()) == ([-2.0], [2.0, 4.0, 6.0])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0.0, 1.0)),
        (-1, 0.992, (0.5, 0.5)),
        (0, 255, (0.0, 1 / 255)),
        (-2.12, 2.64, None),
    ],
)
def test_the_range_of_integers(low: float, high: float, expected: tuple[float, float] | None) -> None:
    """The numbers that quantised inputs stand for are those of one of the usual normalisations, or nothing is said."""
    result = affine.of_range(low, high, 3)
    assert result == (expected and ((expected[0],) * 3, (expected[1],) * 3))
