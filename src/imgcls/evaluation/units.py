"""Counts the units of a dataset: what intervals and gates are about, where images were copied or belong to groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from imgcls.evaluation import metrics
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import Output, Scores, Units
from imgcls.stats import units


class Drawn(NamedTuple):
    """The images that count, by path and label: one of each unit, and one of each unit and label."""

    overall: frozenset[tuple[str, str | None]]
    by_label: frozenset[tuple[str, str | None]]


def draw(images: Sequence[ImageRef], groups: Mapping[str, str]) -> Drawn | None:
    """The images that count, of those that were scored; None where each of them is a unit of its own."""
    keys = [(image.sha256, image.label) for image in images]
    overall = units.drawn(keys, groups)
    if len(overall) == len(images):
        return None
    chosen = (overall, units.drawn(keys, groups, by_label=True))
    return Drawn(*(frozenset((images[place].path, images[place].label) for place in places) for places in chosen))


class UnitTally:
    """Adds up batches of scored images to their units."""

    def __init__(self, drawn: Drawn, scores: Scores, matching: Matching) -> None:
        self._drawn, self._matching = drawn, matching
        self._overall = self._of_classes = Scores(scores.model, scores.dataset)

    def add(self, images: Iterable[tuple[ImageRef, Output]]) -> None:
        """Count those of the images that are drawn."""
        batch = [(image, output, (image.path, image.label)) for image, output in images]
        overall = [(image, output) for image, output, key in batch if key in self._drawn.overall]
        of_classes = [(image, output) for image, output, key in batch if key in self._drawn.by_label]
        self._overall = metrics.tally(self._overall, overall, self._matching)
        self._of_classes = metrics.tally(self._of_classes, of_classes, self._matching)

    def counted(self) -> Units:
        """The counts of all batches."""
        overall = self._overall
        return Units(overall.scored, overall.top1_count, overall.top5_count, self._of_classes.classes)
