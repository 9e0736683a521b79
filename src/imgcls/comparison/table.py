"""The predictions of one model on one dataset, however many: arrays of what comparisons count, and the rest on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgcls.comparison.packed import PackedPredictions, Row, packed_hash
from imgcls.comparison.words import NONE, Numbers, first_of_each, numbered
from imgcls.records.comparison import ImageKey, Prediction

CLASSES = 5
"""The best classes of an image that comparisons look at."""

ROWS = 4096  # docs/decisions.md#comparisons-in-arrays
"""Rows that become arrays together."""

Pair = tuple[str, str]
"""A model and a dataset."""

_NO_CLASSES = (NONE,) * CLASSES


class Columns(NamedTuple):
    """What arrays have of predictions; labels, groups and classes as numbers, NONE where there is none.

    ``models`` and ``datasets``: int32 (rows,). ``hashes``: 16 bytes that stand for those of the image, uint64
    (rows, 2). ``labels`` and ``groups``: int32 (rows,). ``best``: the best classes, best first, int32 (rows, 5).
    """

    models: NDArray[np.int32]
    datasets: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    labels: NDArray[np.int32]
    groups: NDArray[np.int32]
    best: NDArray[np.int32]

    def at(self, rows: Numbers) -> Columns:
        """Those of these rows."""
        models, datasets, hashes, labels, groups, best = self
        return Columns(models[rows], datasets[rows], hashes[rows], labels[rows], groups[rows], best[rows])


class Table(Mapping[ImageKey, Prediction]):
    """Predictions by image, the first one of each, in order; 52 bytes of memory for each.

    ``words``: labels and groups; ``classes``: index and name of each class. ``columns`` have their numbers.
    """

    def __init__(self, packed: PackedPredictions, rows: Numbers, columns: Columns) -> None:
        """``rows``: those of ``packed`` that it is about, whose columns these are."""
        self.words, self.classes = packed.words, packed.classes
        keys = numbered(*columns.hashes.T, columns.labels)
        firsts = np.sort(first_of_each(keys, int(keys.max(initial=NONE)) + 1))
        if len(firsts) < len(rows):
            rows, columns = rows[firsts], columns.at(firsts)
        self._packed, self._rows, self.columns = packed, rows, columns

    @classmethod
    def of(cls, predictions: Mapping[ImageKey, Prediction]) -> Table:
        """The same predictions as a table."""
        if isinstance(predictions, Table):
            return predictions
        packed = PackedPredictions(predictions.values())
        return cls(packed, np.arange(len(packed)), columns_of(packed))

    def labels_at(self, positions: Numbers) -> list[str | None]:
        """The labels of the images at these positions."""
        return [self.words.values[number] for number in self.columns.labels[positions].tolist()]

    def right(self, accepted: Mapping[str, Collection[int]], best: int) -> NDArray[np.bool_]:
        """Whether one of the ``best`` first classes is right for each image's label, shape (images,)."""
        return are_right(self._packed, self.columns, accepted, best)

    # A mapping.

    def at(self, positions: Numbers) -> Iterator[Prediction]:
        """The predictions of the images at these positions; they are read fastest where these are sorted."""
        return self._packed.at(self._rows[positions].tolist())

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ImageKey]:
        return ((prediction.image_sha256, prediction.label) for prediction in self.values())

    def values(self) -> ValuesView[Prediction]:
        """Every prediction, in order."""
        return _Values(self)

    def items(self) -> ItemsView[ImageKey, Prediction]:
        """Every image and its prediction, in order."""
        return _Items(self)

    def __getitem__(self, key: ImageKey) -> Prediction:
        first, second = np.frombuffer(_hash(packed_hash(key[0])), np.uint64)
        order, ordered = self._by_hash
        for position in order[np.searchsorted(ordered, first) : np.searchsorted(ordered, first, side="right")]:
            same = self.columns.hashes[position, 1] == second
            if same and self.words.values[self.columns.labels[position]] == key[1]:
                return next(self.at(position[None]))
        raise KeyError(key)

    @cached_property
    def _by_hash(self) -> tuple[Numbers, NDArray[np.uint64]]:
        """All positions in the order of the first halves of the hashes, and these halves."""
        order = np.argsort(self.columns.hashes[:, 0], kind="stable")
        return order, self.columns.hashes[order, 0]


class _Values(ValuesView[Prediction]):
    _mapping: Table

    def __iter__(self) -> Iterator[Prediction]:
        return self._mapping.at(np.arange(len(self._mapping)))


class _Items(ItemsView[ImageKey, Prediction]):
    _mapping: Table

    def __iter__(self) -> Iterator[tuple[ImageKey, Prediction]]:
        return (((p.image_sha256, p.label), p) for p in self._mapping.values())


def _hash(packed: bytes | str) -> bytes:
    """16 bytes that stand for the bytes of an image, whatever another program calls these."""
    if isinstance(packed, bytes):
        return packed[:16]
    return hashlib.sha256(packed.encode("utf-8", "surrogatepass")).digest()[:16]


def tables(packed: PackedPredictions) -> dict[Pair, Table]:
    """A table for each pair that has predictions."""
    columns = columns_of(packed)
    pairs = numbered(columns.models, columns.datasets)
    words, result = packed.words.values, {}
    for pair in range(int(pairs.max(initial=NONE)) + 1):
        rows = np.flatnonzero(pairs == pair)
        of_pair = columns.at(rows)
        name = str(words[of_pair.models[0]]), str(words[of_pair.datasets[0]])
        result[name] = Table(packed, rows, of_pair)
    return result


def columns_of(packed: PackedPredictions) -> Columns:
    """The arrays of all predictions, in order; of those without a group this is NONE."""
    rows = iter(packed.rows)
    chunks = [_columns(chunk) for chunk in iter(lambda: list(islice(rows, ROWS)), [])]
    columns = Columns(*map(np.concatenate, zip(*[_columns([]), *chunks], strict=True)))
    no_group = [number for number, word in enumerate(packed.words.values) if word is None]
    columns.groups[np.isin(columns.groups, no_group)] = NONE
    return columns


def _columns(rows: list[Row]) -> Columns:
    models, datasets, _, hashes, labels, groups, classes, _ = zip(*rows, strict=True) if rows else [()] * 8
    return Columns(
        np.array(models, np.int32),
        np.array(datasets, np.int32),
        np.frombuffer(b"".join(map(_hash, hashes)), np.uint64).reshape(-1, 2),
        np.array(labels, np.int32),
        np.array(groups, np.int32),
        np.array([(*of_image, *_NO_CLASSES)[:CLASSES] for of_image in classes], np.int32).reshape(-1, CLASSES),
    )


def are_right(
    packed: PackedPredictions, columns: Columns, accepted: Mapping[str, Collection[int]], best: int
) -> NDArray[np.bool_]:
    """Whether one of the ``best`` first classes is right for the label of the image, for each row of the columns."""
    numbers_of: dict[int, list[int]] = {}
    for number, (index, _) in enumerate(packed.classes.values):
        numbers_of.setdefault(index, []).append(number)
    count = len(packed.classes.values)
    cells = [
        label * count + number
        for label, word in enumerate(packed.words.values)
        for index in (accepted.get(word, ()) if word is not None else ())
        for number in numbers_of.get(index, ())
    ]
    result, rows = np.zeros(len(columns.labels), dtype=bool), columns.labels.astype(np.int64) * count
    for column in columns.best[:, :best].T:
        result |= (column != NONE) & np.isin(rows + column, cells)
    return result
