"""Whether a model is right as often as it is confident, and how confident it is where it is right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from imgcls.records.evaluation import Interval
from imgcls.reporting.html.charts import reliability
from imgcls.reporting.html.charts.figures import ConfidenceBin, Confidences
from imgcls.reporting.html.scored import Scored
from imgcls.reporting.html.view import View
from imgcls.stats import proportions


@dataclass(frozen=True, slots=True)
class Spread:
    """The confidences of some images: how many, and the tenth, the middle and the ninetieth of a hundred."""

    words: str
    count: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One model on one dataset; ``bins`` are those with images, each with Wilson's interval of its accuracy."""

    scored: Scored
    figure: Confidences
    bins: tuple[tuple[ConfidenceBin, Interval], ...]
    error: float
    spreads: tuple[Spread, ...]


def context(view: View) -> dict[str, Any] | None:
    groups = [_group(scored) for scored in view.pairs.values() if len(scored)]
    return {"groups": groups} if groups else None


def _group(scored: Scored) -> Group:
    labelled = scored.counted[scored.labelled[scored.counted]]
    confidences, right = scored.confidences[labelled], scored.right[labelled]
    bins = reliability.bins(confidences.tolist(), right.tolist())
    of_right, of_wrong = confidences[right].tolist(), confidences[~right].tolist()
    return Group(
        scored,
        Confidences(scored.result.model, scored.result.dataset, tuple(bins)),
        tuple((each, proportions.wilson(each.right, each.count)) for each in bins if each.count),
        reliability.calibration_error(bins),
        (_spread("right", of_right), _spread("wrong", of_wrong)),
    )


def _spread(words: str, confidences: Sequence[float]) -> Spread:
    if len(confidences) < 2:
        return Spread(words, len(confidences), tuple(confidences) * 3)
    tenths = quantiles(confidences, n=10, method="inclusive")
    return Spread(words, len(confidences), (tenths[0], tenths[4], tenths[8]))
