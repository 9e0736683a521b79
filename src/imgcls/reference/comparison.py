"""How far two computations of the same steps are apart, and the first step that differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from imgcls.errors import ModelError
from imgcls.reference.arrays import as_numpy


class Apart(NamedTuple):
    """A step whose results differ by more than they may."""

    step: str
    distance: float
    limit: float

    def __str__(self) -> str:
        far = f"by {self.distance:.2g} of its largest value, {self.limit:.2g} is allowed"
        return f"{self.step} is the first step that differs: {far}"


def distance(actual: Any, expected: Any) -> float:
    """The largest difference, as a share of the largest absolute value of ``expected``; NaN is infinitely far away.

    Raises ModelError where the shapes differ.
    """
    a, b = (np.asarray(as_numpy(array), np.float64) for array in (actual, expected))
    if a.shape != b.shape:
        raise ModelError(f"results of different shapes cannot be compared: {a.shape} and {b.shape}")
    if not a.size:
        return 0.0
    apart, largest = float(np.abs(a - b).max()), float(np.abs(b).max())
    if apart == 0:
        return 0.0
    return apart / largest if np.isfinite(apart) and largest else float("inf")


def first_apart(
    actual: Mapping[str, Any], expected: Mapping[str, Any], limit: float | Callable[[str], float]
) -> Apart | None:
    """The first step, in the order of ``actual``, that is further from ``expected`` than ``limit``.

    ``limit``: one for all steps, or by their names. Raises ModelError where a step is missing on one side, and where
    shapes differ.
    """
    if odd := sorted(actual.keys() ^ expected.keys()):
        raise ModelError(f"{odd[0]} is a step of only {'one' if odd[0] in actual else 'the other'} side")
    for step, array in actual.items():
        allowed = limit(step) if callable(limit) else limit
        far = distance(array, expected[step])
        if not far <= allowed:
            return Apart(step, far, allowed)
    return None
