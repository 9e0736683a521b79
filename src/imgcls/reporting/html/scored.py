"""What a document's predictions say of one model on one dataset: arrays of what is counted, the rest on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imgcls.comparison import compare, counted, table
from imgcls.comparison.packed import PackedPredictions, SelectedPredictions
from imgcls.comparison.table import Columns
from imgcls.comparison.words import NONE, Numbers, numbered
from imgcls.records.comparison import Prediction
from imgcls.records.report import Result
from imgcls.reporting.html.document import Document

Pair = tuple[str, str]
"""A model and a dataset."""

ImageKey = tuple[str, str, str | None]
"""What an image of a report is known by: dataset, path and label."""


@dataclass(frozen=True)
class Scored:
    """One result with its predictions, in the document's order; none where they were left out or it failed.

    ``rows``: of its predictions among ``packed``; of each of them ``columns``, the ``confidences`` of its best class,
    the numbers of its image (:func:`of`) and the :func:`digest` of its path, shape (predictions,).
    """

    result: Result
    packed: PackedPredictions
    rows: Numbers
    columns: Columns
    confidences: NDArray[np.float64]
    images: Numbers
    paths: NDArray[np.uint64]

    @property
    def title(self) -> str:
        return f"{self.result.model} on {self.result.dataset}"

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, positions: Numbers | Sequence[int]) -> SelectedPredictions:
        """The predictions at these positions."""
        return self.packed.only(self.rows[positions].tolist())

    def is_right(self, prediction: Prediction) -> bool:
        """Whether the best class is right for the image's folder."""
        return compare.is_right(prediction, self.result.accepted, best=1)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best class is right for the image's folder, shape (predictions,)."""
        return table.are_right(self.packed, self.columns, self.result.accepted, best=1)

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Whether the image has a label, shape (predictions,)."""
        without = [number for number, word in enumerate(self.packed.words.values) if word is None]
        return ~np.isin(self.columns.labels, without)

    @cached_property
    def counted(self) -> Numbers:
        """The positions of those that count: one of each unit, as the counts of the document have them."""
        if not len(self):
            return self.rows
        of_units = counted.units_of(numbered(*self.columns.hashes.T), self.columns.groups)
        return counted.drawn(numbered(of_units), lambda places: ((p.image_sha256, p.label) for p in self.at(places)))

    @cached_property
    def class_names(self) -> Mapping[int, str]:
        """The names of those classes that a prediction has among its five best, by their number."""
        numbers = np.unique(self.columns.best)
        return dict(self.packed.classes.values[number] for number in numbers[numbers != NONE])

    @cached_property
    def is_mistake(self) -> NDArray[np.bool_]:
        """Whether the best class is wrong for an image with a label, shape (predictions,)."""
        return self.labelled & ~self.right

    def mistakes(self) -> Iterator[int]:
        """The positions of those whose best class is wrong, the most confident first, and then by path."""
        wrong = np.flatnonzero(self.is_mistake)
        order = wrong[np.argsort(-self.confidences[wrong], kind="stable")]
        return ties_sorted(order, self.confidences, lambda same: [prediction.path for prediction in self.at(same)])


def ties_sorted(order: Numbers, values: NDArray[np.generic], keys: Callable[[Numbers], Sequence[str]]) -> Iterator[int]:
    """The positions in their order, those of one value by their keys, which are only read of those."""
    changes = np.flatnonzero(values[order][1:] != values[order][:-1]) + 1
    for start, end in pairwise([0, *changes.tolist(), len(order)]):
        same = order[start:end]
        if len(same) == 1:
            yield int(same[0])
        elif len(same):
            of_same = keys(same)
            yield from (int(same[place]) for place in sorted(range(len(same)), key=of_same.__getitem__))


def of(document: Document) -> dict[Pair, Scored]:
    """Every result of a document, in its order. Images have numbers from 0, the same for all models."""
    predictions = document.predictions or ()
    packed = predictions if isinstance(predictions, PackedPredictions) else PackedPredictions(predictions)
    columns, words = table.columns_of(packed), packed.words.values
    confidences = np.fromiter((row[-1][0] if row[-1] else np.nan for row in packed.rows), np.float64, len(packed))
    paths = np.frombuffer(b"".join(digest(row[2]) for row in packed.rows), np.uint64)
    images = numbered(paths, columns.hashes[:, 0], columns.datasets, columns.labels)
    pairs = numbered(columns.models, columns.datasets)
    rows_of = {}
    for number in range(int(pairs.max(initial=NONE)) + 1):
        rows = np.flatnonzero((pairs == number) & ~np.isnan(confidences))
        if len(rows):
            rows_of[str(words[columns.models[rows[0]]]), str(words[columns.datasets[rows[0]]])] = rows

    def scored(result: Result) -> Scored:
        rows = rows_of.get((result.model, result.dataset), np.zeros(0, np.int64))
        return Scored(result, packed, rows, columns.at(rows), confidences[rows], images[rows], paths[rows])

    return {(result.model, result.dataset): scored(result) for result in document.report.results}


def digest(path: str) -> bytes:
    """What tells paths from each other, with their images' bytes; docs/decisions.md#images-in-a-report."""
    return hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def key(prediction: Prediction) -> ImageKey:
    return prediction.dataset, prediction.path, prediction.label


def by_image(pairs: Mapping[Pair, Scored], images: Iterable[int]) -> dict[int, list[Prediction]]:
    """The predictions of images, one a model, by the numbers of the images."""
    result: dict[int, list[Prediction]] = {image: [] for image in images}
    for scored in pairs.values():
        positions = np.flatnonzero(np.isin(scored.images, list(result)))
        for image, prediction in zip(scored.images[positions].tolist(), scored.at(positions), strict=True):
            result[image].append(prediction)
    return result
