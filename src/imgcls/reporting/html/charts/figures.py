"""What a chart shows, as frozen values; the charts next to this file turn them into markup.

Accuracies are per cent, confidences fractions, times whole nanoseconds (``_ns``), sizes whole bytes (``_bytes``). Names
of models, datasets and classes are user data, which a chart escapes and spells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cost = Literal["latency", "memory"]
"""What accuracy is held against: median nanoseconds of a batch, or the peak bytes of a call."""


@dataclass(frozen=True, slots=True)
class AccuracyBar:
    """The accuracy of a model or of a class in per cent, with its 95 % interval; ``count``: of images."""

    name: str
    accuracy: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A model's accuracy with its 95 % interval in per cent, and its cost in nanoseconds or bytes.

    ``dominated_by``: a model that is shown to be better in one respect and at least as good in the other.
    """

    model: str
    accuracy: float
    low: float
    high: float
    cost: int
    dominated_by: str | None = None


@dataclass(frozen=True, slots=True)
class Pareto:
    """Models by accuracy on one dataset and by one cost."""

    dataset: str
    cost: Cost
    points: tuple[ParetoPoint, ...]


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Images whose confidence is in ``low`` to ``high``: their number, how many are right, their mean confidence."""

    low: float
    high: float
    count: int
    right: int
    mean_confidence: float


@dataclass(frozen=True, slots=True)
class Confidences:
    """A model's images on one dataset by confidence, in bins that follow each other from 0 to 1."""

    model: str
    dataset: str
    bins: tuple[ConfidenceBin, ...]


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """The times of one model for a batch: rounds, or the medians of blocks of rounds, and percentiles of the rounds."""

    model: str
    times_ns: tuple[int, ...]
    p50_ns: int
    p95_ns: int
    p99_ns: int


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """What the peak of one call of a model is made of."""

    model: str
    weights_bytes: int
    activations_bytes: int
    workspace_bytes: int
    rest_bytes: int


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """The number of images of the class ``row`` whose best class is ``column``; both are positions in the matrix.

    ``right``: whether that class is right for those images.
    """

    row: int
    column: int
    count: int
    right: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    """A confusion matrix of up to 1000 rows and columns; cells that are not listed are empty.

    ``labels``: names of the rows; ``predictions``: names of the columns.
    """

    model: str
    dataset: str
    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    cells: tuple[ConfusionCell, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One epoch of a training run: accuracies in per cent, losses, and its time; None where it was not measured."""

    epoch: int
    training_loss: float | None
    validation_loss: float | None
    training_top1: float | None
    validation_top1: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """The epochs of one training run; ``name``: as in ``numpy`` or ``torch``."""

    name: str
    points: tuple[CurvePoint, ...]
