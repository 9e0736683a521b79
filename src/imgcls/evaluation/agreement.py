"""Whether two sets of logits of the same images agree: the one rule of tolerances."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import messages
from imgcls.models import inference
from imgcls.models.runtimes.base import Classifier
from imgcls.records.config import Precision
from imgcls.records.evaluation import ModelInfo
from imgcls.records.runtime import PredictionChange

NOISE_FACTOR = {"float32": 100, "float16": 3, "bfloat16": 3}  # docs/decisions.md#tolerance-of-a-logit
"""The tolerance of a logit as a multiple of the network's sensitivity to noise, by precision.

Rounding in another order moves logits by less. Narrow types round such noise away or to a whole step, which is more
than another order does to them."""

MIN_TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}  # docs/decisions.md#tolerance-of-a-logit
"""The smallest tolerance of a logit by precision, in standard deviations."""

NOISE = 1e-6  # docs/decisions.md#sensitivity
"""The relative noise that sensitivity is measured with."""

MAX_TOLERANCE = 0.1  # docs/decisions.md#chaotic-networks
"""Where logits may be further apart than this, in standard deviations, to compare them means nothing."""


Logits = NDArray[np.float32]


def allowed(sensitivity: float, precision: Precision = "float32") -> float:
    """How far apart, in standard deviations, logits may be that are computed in another order.

    In float32: 1e-4, or a hundred times what a relative change of the input by 1e-6 does, where that is more.
    """
    return max(MIN_TOLERANCE[precision], NOISE_FACTOR[precision] * sensitivity)


def distance(plain: Logits, other: Logits) -> float:
    """The largest difference of two logits, in standard deviations of ``plain``; infinite where one is not finite."""
    if plain.shape != other.shape or not np.isfinite(other).all():
        return float("inf")
    return float(np.abs(other - plain).max() / (plain.std(dtype=np.float64) or 1.0))


def too_far(plain: Logits, other: Logits, limit: float) -> str | None:
    """How far apart the two are, in words; None where that is within the limit. All in standard deviations."""
    apart = distance(plain, other)
    return None if apart <= limit else f"its logits are {apart:.2g} standard deviations apart, {limit:.2g} allowed"


def disagreement(plain: Logits, other: Logits, limit: float) -> str | None:
    """How ``other`` differs from ``plain``, both (n, classes); None where only classes within the limit are swapped.

    ``limit``: in standard deviations.
    """
    if plain.shape != other.shape:
        return f"its logits have the shape {other.shape}, not {plain.shape}"
    if apart := too_far(plain, other, limit):
        return apart
    tie = limit * float(plain.std(dtype=np.float64) or 1.0)
    for k in (1, 5):
        if changed := sum(not _same_best(*rows, k, tie) for rows in zip(plain, other, strict=True)):
            return f"its top-{k} differs on {changed} of {messages.counted(len(plain), 'image')}"
    return None


def _same_best(plain: NDArray[np.float32], other: NDArray[np.float32], k: int, tie: float) -> bool:
    """Whether the k best are the same, or those that changed places are as near as ``tie`` in ``plain``."""
    k = min(k, plain.size)
    before, after = (set(np.argsort(-row, kind="stable")[:k].tolist()) for row in (plain, other))
    swapped = plain[list(before ^ after)]
    return not swapped.size or float(np.ptp(swapped)) <= tie


def prediction_change(plain: Logits, other: Logits) -> PredictionChange:
    """On how many images the best class, and the set of the five best, differ."""
    changed = {}
    for k in (1, 5):
        before, after = (np.sort(np.argsort(-rows, axis=1, kind="stable")[:, :k], axis=1) for rows in (plain, other))
        changed[k] = int((before != after).any(axis=1).sum())
    return PredictionChange(len(plain), changed[1], changed[5])


def sensitivity(classifier: Classifier, info: ModelInfo, batch: torch.Tensor) -> tuple[float, float]:
    """The standard deviation of the logits of a batch, and the most that noise moves a logit, in units of it.

    The noise is relative, of 1e-6 standard deviations. Where all logits are the same, both are 0. Raises ModelError.
    """
    noise = torch.randn(batch.shape, generator=torch.Generator().manual_seed(0))
    plain, noisy = (inference.logits(classifier, info, images) for images in (batch, batch * (1 + NOISE * noise)))
    std = float(plain.std(dtype=np.float64))
    return std, float(np.abs(noisy - plain).max()) / std if std else 0.0
