"""How far logits are apart, and how much of that goes where something is undone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcls.parity.distance import centred

Logits = NDArray[np.float64]

FLOOR = 1e-12
"""Keeps a division by the spread of constant values finite."""


def relative(logits: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """The root mean square distance of logits (n, classes) in standard deviations of the reference's; inf where either
    is not finite.
    """
    if not (np.isfinite(logits).all() and np.isfinite(reference).all()):
        return float("inf")
    difference = centred(logits) - centred(reference)
    return float(np.sqrt(np.mean(difference**2)) / max(float(centred(reference).std()), FLOOR))


def explained(before: float, after: float) -> float:
    """The share of a distance that is gone, from 0 to 1."""
    if not np.isfinite(before):
        return 1.0 if np.isfinite(after) else 0.0
    return max(0.0, 1.0 - after / before) if before > 0 else 0.0


def softmax(logits: NDArray[np.floating]) -> Logits:
    """Probabilities (n, classes) of logits."""
    powers = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def top1_lost(logits: NDArray[np.floating], without: NDArray[np.floating], accepted: tuple[frozenset[int], ...]) -> int:
    """How many images more are predicted wrong by these logits than without a fault."""
    return _right(without, accepted) - _right(logits, accepted)


def _right(logits: NDArray[np.floating], accepted: tuple[frozenset[int], ...]) -> int:
    return sum(int(best) in classes for best, classes in zip(logits.argmax(axis=1), accepted, strict=True))
