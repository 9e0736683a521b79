"""Whether two sets of logits of the same pictures say the same."""

import numpy as np
from numpy.typing import NDArray

from imgcls.records import Drift

LEAST = 1e-4
SENSITIVITIES = 100
MOST = 0.1
"""Where logits may be further apart than this, in standard deviations, to compare them says nothing."""

Logits = NDArray[np.float32]


def allowed(sensitivity: float) -> float:
    """How far apart, in standard deviations, logits may be that are computed in another order.

    1e-4, or a hundred times what a relative change of the input by 1e-6 does, where that is more.
    """
    return max(LEAST, SENSITIVITIES * sensitivity)


def distance(plain: Logits, other: Logits) -> float:
    """The largest difference of two logits, in standard deviations of ``plain``; infinite where one is not finite."""
    if plain.shape != other.shape or not np.isfinite(other).all():
        return float("inf")
    return float(np.abs(other - plain).max() / (plain.std(dtype=np.float64) or 1.0))


def too_far(plain: Logits, other: Logits, limit: float) -> str | None:
    """How far the two are apart, in words; None where that is within the limit. All in standard deviations."""
    apart = distance(plain, other)
    return None if apart <= limit else f"its logits are {apart:.2g} standard deviations apart, {limit:.2g} allowed"


def disagreement(plain: Logits, other: Logits, limit: float) -> str | None:
    """In what ``other`` differs from ``plain``, both (n, classes): None where only ties do, classes within the limit.

    ``limit``: in standard deviations.
    """
    if plain.shape != other.shape:
        return f"its logits have the shape {other.shape}, not {plain.shape}"
    if apart := too_far(plain, other, limit):
        return apart
    tie = limit * float(plain.std(dtype=np.float64) or 1.0)
    for k in (1, 5):
        if changed := sum(not _same_best(*rows, k, tie) for rows in zip(plain, other, strict=True)):
            return f"its top-{k} differs on {changed} of {len(plain)} pictures"
    return None


def _same_best(plain: NDArray[np.float32], other: NDArray[np.float32], k: int, tie: float) -> bool:
    """Whether the k best are the same, or those that changed places are as near as ``tie`` in ``plain``."""
    k = min(k, plain.size)
    before, after = (set(np.argsort(-row, kind="stable")[:k].tolist()) for row in (plain, other))
    swapped = plain[list(before ^ after)]
    return not swapped.size or float(np.ptp(swapped)) <= tie


def drift(plain: Logits, other: Logits) -> Drift:
    """On how many pictures the best answer, and the set of the five best, are others."""
    changed = {}
    for k in (1, 5):
        before, after = (np.sort(np.argsort(-rows, axis=1, kind="stable")[:, :k], axis=1) for rows in (plain, other))
        changed[k] = int((before != after).any(axis=1).sum())
    return Drift(len(plain), changed[1], changed[5])
