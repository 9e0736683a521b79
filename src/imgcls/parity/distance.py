"""How far the logits of an export are from the reference's, against what rounding explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcls.evaluation import agreement
from imgcls.models.model import Model
from imgcls.parity.sample import Sample
from imgcls.records.config import Precision
from imgcls.records.parity import LogitDistance

SENSITIVITY_IMAGES = 8  # docs/decisions.md#images-of-a-trial
"""Images on which noise shows how far rounding moves a logit."""


def of(sample: Sample, moved: float, precision: str) -> LogitDistance | None:
    """The distance of both logits on a sample; None where they are not comparable.

    That is where the numbers of classes differ, or a logit is NaN or infinite. ``moved``: how far noise moves a logit
    of the reference, see :func:`moved_by_noise`; ``precision``: in which the export computes;
    what int8 changes is not rounding, so that its tolerance is that of float32.
    """
    if sample.reference.shape != sample.export.shape:
        return None
    if not (np.isfinite(sample.reference).all() and np.isfinite(sample.export).all()):
        return None
    reference, export = centred(sample.reference), centred(sample.export)
    std = float(reference.std())
    unit = std or 1.0
    of_images = np.abs(export - reference).max(axis=1) / unit
    sensitivity = moved / unit
    rounding: Precision = precision if precision in agreement.MIN_TOLERANCE else "float32"  # type: ignore[assignment]
    return LogitDistance(
        images=len(sample),
        std=std,
        largest=float(of_images.max()),
        median=float(np.median(of_images)),
        sensitivity=sensitivity,
        tolerance=min(agreement.allowed(sensitivity, rounding), agreement.MAX_TOLERANCE),
    )


def centred(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logits (n, classes) less the mean of each row: logarithms of probabilities are logits but for a constant."""
    exact = logits.astype(np.float64)
    return np.asarray(exact - exact.mean(axis=1, keepdims=True))


def moved_by_noise(reference: Model, sample: Sample) -> float:
    """How far a relative change of the input by 1e-6 moves a logit, at most. Raises ModelError."""
    batch = sample.batch[:SENSITIVITY_IMAGES]
    std, sensitivity = agreement.sensitivity(reference.classifier, reference.info, batch)
    return std * sensitivity
