"""Counts the units of a dataset: what intervals and gates are about, where images were copied or belong to groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from imgcls.evaluation import metrics
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import Output, Scores, Units
from imgcls.stats import units


class Drawn(NamedTuple):
    """The images that do not count, by path and label: all but one of each unit, and all but one of each and label."""

    not_overall: frozenset[tuple[str, str | None]]
    not_by_label: frozenset[tuple[str, str | None]]


def draw(images: Iterable[ImageRef], groups: Mapping[str, str]) -> Drawn | None:
    """The images that do not count, of those that were scored; None where each of them is a unit of its own.

    ``images``: those whose bytes are listed twice, those that belong to groups, and any others.
    """
    named = [((image.path, image.label), image.sha256) for image in images]
    keys = [(sha256, label) for (_, label), sha256 in named]
    overall = units.drawn(keys, groups)
    if len(overall) == len(keys):
        return None
    chosen = (set(overall), set(units.drawn(keys, groups, by_label=True)))
    return Drawn(*(frozenset(name for n, (name, _) in enumerate(named) if n not in places) for places in chosen))


class UnitTally:
    """Adds up batches of scored images to their units."""

    def __init__(self, drawn: Drawn, scores: Scores, matching: Matching) -> None:
        self._drawn, self._matching = drawn, matching
        self._overall = self._of_classes = Scores(scores.model, scores.dataset)

    def add(self, images: Iterable[tuple[ImageRef, Output]]) -> None:
        """Count those of the images that count."""
        batch = [(image, output, (image.path, image.label)) for image, output in images]
        overall = [(image, output) for image, output, key in batch if key not in self._drawn.not_overall]
        of_classes = [(image, output) for image, output, key in batch if key not in self._drawn.not_by_label]
        self._overall = metrics.tally(self._overall, overall, self._matching)
        self._of_classes = metrics.tally(self._of_classes, of_classes, self._matching)

    def counted(self) -> Units:
        """The counts of all batches."""
        overall = self._overall
        return Units(overall.scored, overall.top1_count, overall.top5_count, self._of_classes.classes)
