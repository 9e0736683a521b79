"""What a document's predictions say of one model on one dataset, image by image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from imgcls.comparison import compare
from imgcls.records.comparison import Prediction
from imgcls.records.report import Result
from imgcls.reporting.html.document import Document
from imgcls.stats import units

Pair = tuple[str, str]
"""A model and a dataset."""

ImageKey = tuple[str, str, str | None]
"""What an image of a report is known by: dataset, path and label."""


@dataclass(frozen=True)
class Scored:
    """One result with its predictions, in the document's order; none where they were left out or it failed."""

    result: Result
    predictions: tuple[Prediction, ...]

    @property
    def title(self) -> str:
        return f"{self.result.model} on {self.result.dataset}"

    def is_right(self, prediction: Prediction) -> bool:
        """Whether the best class is right for the image's folder."""
        return compare.is_right(prediction, self.result.accepted, best=1)

    @cached_property
    def counted(self) -> tuple[Prediction, ...]:
        """Those that count: one of each unit, as the counts of the document have them."""
        images = [(p.image_sha256, p.label) for p in self.predictions]
        drawn = units.drawn(images, compare.groups(self.predictions))
        return tuple(self.predictions[place] for place in drawn)

    @cached_property
    def class_names(self) -> Mapping[int, str]:
        """The names of those classes that a prediction has, by their number."""
        return {index: name for prediction in self.predictions for index, name, _ in prediction.top}

    @cached_property
    def mistakes(self) -> tuple[Prediction, ...]:
        """Those whose best class is wrong, the most confident first."""
        wrong = (p for p in self.predictions if p.label is not None and not self.is_right(p))
        return tuple(sorted(wrong, key=lambda p: (-p.top[0].probability, p.path)))


def of(document: Document) -> dict[Pair, Scored]:
    """Every result of a document, in its order."""
    by_pair: dict[Pair, list[Prediction]] = {}
    for prediction in document.predictions or ():
        if prediction.top:
            by_pair.setdefault((prediction.model, prediction.dataset), []).append(prediction)
    results = document.report.results
    return {(r.model, r.dataset): Scored(r, tuple(by_pair.get((r.model, r.dataset), ()))) for r in results}


def key(prediction: Prediction) -> ImageKey:
    return prediction.dataset, prediction.path, prediction.label


def by_image(pairs: Mapping[Pair, Scored]) -> dict[ImageKey, list[Prediction]]:
    """The predictions of every image, one a model."""
    images: dict[ImageKey, list[Prediction]] = {}
    for prediction in _all(pairs):
        images.setdefault(key(prediction), []).append(prediction)
    return images


def _all(pairs: Mapping[Pair, Scored]) -> Iterator[Prediction]:
    for scored in pairs.values():
        yield from scored.predictions
