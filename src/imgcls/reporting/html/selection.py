"""Which images a report shows: flips first, then confident mistakes, then a sample of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from imgcls.records.comparison import Prediction
from imgcls.records.report import Report
from imgcls.reporting.html import scored
from imgcls.reporting.html.scored import ImageKey, Pair, Scored

Why = Literal["flip", "mistake", "sample"]


@dataclass(frozen=True, slots=True)
class Shown:
    """An image with a row of its own. ``number``: its place; ``predictions``: one a model."""

    number: int
    dataset: str
    path: str
    sha256: str
    label: str | None
    why: Why
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """The images with a row, and how many have none."""

    images: tuple[Shown, ...]
    left_out: int


def select(report: Report, pairs: Mapping[Pair, Scored], limit: int) -> Selection:
    """The images of a run in the order in which they matter, up to ``limit``; the same for the same run."""
    of_images = scored.by_image(pairs)
    order = _order(report, pairs, of_images)
    chosen = list(order.items())[:limit]
    shown = (_shown(number, key, why, of_images[key]) for number, (key, why) in enumerate(chosen))
    return Selection(tuple(shown), len(order) - len(chosen))


def _shown(number: int, key: ImageKey, why: Why, predictions: list[Prediction]) -> Shown:
    dataset, path, label = key
    return Shown(number, dataset, path, predictions[0].image_sha256, label, why, tuple(predictions))


def _order(
    report: Report, pairs: Mapping[Pair, Scored], of_images: Mapping[ImageKey, list[Prediction]]
) -> dict[ImageKey, Why]:
    """Every image once, with the first reason to show it."""
    order: dict[ImageKey, Why] = {}
    for flipped in _flipped(report):
        if flipped in of_images:
            order.setdefault(flipped, "flip")
    mistakes = [mistake for of in pairs.values() for mistake in of.mistakes]
    for mistake in sorted(mistakes, key=lambda p: -p.top[0].probability):
        order.setdefault(scored.key(mistake), "mistake")
    for key in sorted(of_images, key=lambda key: (of_images[key][0].image_sha256, key[1])):
        order.setdefault(key, "sample")
    return order


def _flipped(report: Report) -> Iterator[ImageKey]:
    for comparison in report.comparisons:
        yield from ((comparison.dataset, flip.path, flip.label) for flip in comparison.flips)
