"""Which images a report shows: flips first, then confident mistakes, then a sample of the others."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

import numpy as np

from imgcls.comparison.words import Numbers, numbered
from imgcls.records.comparison import Prediction
from imgcls.records.report import Report
from imgcls.reporting.html import scored
from imgcls.reporting.html.scored import ImageKey, Pair, Scored

Why = Literal["flip", "mistake", "sample"]

_NO_IMAGES = np.zeros(0, np.int64)


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
    chosen: dict[int, Why] = {}
    for image, why in _order(report, pairs):
        if len(chosen) == limit:
            break
        chosen.setdefault(image, why)
    of_images = scored.by_image(pairs, chosen)
    shown = (_shown(number, of_images[image], why) for number, (image, why) in enumerate(chosen.items()))
    total = len(np.unique(np.concatenate([_NO_IMAGES, *(of.images for of in pairs.values())])))
    return Selection(tuple(shown), total - len(chosen))


def _shown(number: int, predictions: list[Prediction], why: Why) -> Shown:
    first = predictions[0]
    return Shown(number, first.dataset, first.path, first.image_sha256, first.label, why, tuple(predictions))


def _order(report: Report, pairs: Mapping[Pair, Scored]) -> Iterator[tuple[int, Why]]:
    """Every image, by its number, with each reason to show it, the first one first."""
    yield from ((image, "flip") for image in _flipped(report, pairs))
    mistakes = heapq.merge(*map(_mistakes, pairs.values()), key=itemgetter(0))
    yield from ((image, "mistake") for _, image in mistakes)
    yield from ((image, "sample") for image in _sample(pairs))


def _mistakes(of: Scored) -> Iterator[tuple[float, int]]:
    """The mistakes of one model, as numbers of images, by what they are sorted by."""
    return ((-of.confidences[position], int(of.images[position])) for position in of.mistakes())


def _flipped(report: Report, pairs: Mapping[Pair, Scored]) -> Iterator[int]:
    """The images of flips that have predictions."""
    keys = [(of.dataset, flip.path, flip.label) for of in report.comparisons for flip in of.flips]
    digests = np.frombuffer(b"".join(scored.digest(path) for _, path, _ in keys), np.uint64)
    images: dict[ImageKey, int] = {}
    for of in pairs.values():
        positions = np.flatnonzero(np.isin(of.paths, digests))
        for image, prediction in zip(of.images[positions].tolist(), of.at(positions), strict=True):
            images[scored.key(prediction)] = image
    yield from (images[key] for key in keys if key in images)


def _sample(pairs: Mapping[Pair, Scored]) -> Iterator[int]:
    """All images, drawn by the hashes of their bytes, and then by their paths."""
    images = np.concatenate([_NO_IMAGES, *(of.images for of in pairs.values())])
    if not len(images):
        return
    several = np.concatenate([of.columns.hashes for of in pairs.values()])
    _, firsts = np.unique(images, return_index=True)
    high, low = (column.byteswap() if sys.byteorder == "little" else column for column in several[firsts].T)
    order = np.lexsort((low, high))

    def paths(same: Numbers) -> list[str]:
        of_images = scored.by_image(pairs, images[firsts[same]].tolist())
        return [predictions[0].path for predictions in of_images.values()]

    for position in scored.ties_sorted(order, numbered(high, low), paths):
        yield int(images[firsts[position]])
