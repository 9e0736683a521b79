"""The images that two tables have in common, and which of them count."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imgcls.comparison import counted
from imgcls.comparison.table import Table
from imgcls.comparison.words import NONE, Numbers, Words, first_of_each, numbered
from imgcls.records.comparison import ImageKey, Prediction


class CommonImages:
    """Two tables, and the images of the same bytes and label in both.

    ``old`` and ``new``: their positions in ``before`` and ``after``, in the order of ``after``, shape (images,).
    ``labels``: the numbers that ``before`` has for the labels of ``after``, shape (images of after,).
    """

    def __init__(self, before: Table, after: Table) -> None:
        self.before, self.after = before, after
        words = Words[str | None]()
        words.include(before.words)  # whose numbers stay
        self._words = words.include(after.words)
        self.labels = self._words[after.columns.labels]
        partners = self._partners()
        self.new = np.flatnonzero(partners != NONE)
        self.old = partners[self.new]

    def __len__(self) -> int:
        return len(self.new)

    def _partners(self) -> Numbers:
        """The position in ``before`` of each image of ``after``; NONE where it has none."""
        before, after = self.before.columns, self.after.columns
        if np.array_equal(before.hashes, after.hashes) and np.array_equal(before.labels, self.labels):
            return np.arange(len(self.labels))
        hashes, labels = np.concatenate([before.hashes, after.hashes]), np.concatenate([before.labels, self.labels])
        numbers, count = numbered(*hashes.T, labels), len(before.labels)
        return first_of_each(numbers[:count], len(numbers))[numbers[count:]]

    # What only one side has.

    def only_before(self) -> Iterator[Prediction]:
        """The predictions of images that ``after`` does not have."""
        return self.before.at(_others(self.old, len(self.before)))

    def only_after(self) -> Iterator[Prediction]:
        """The predictions of images that ``before`` does not have."""
        return self.after.at(_others(self.new, len(self.after)))

    def relabelled(self) -> Numbers:
        """The positions in ``after`` of images whose bytes ``before`` has with other labels only."""
        others = _others(self.new, len(self.after))
        if not len(others):
            return others
        numbers = numbered(*np.concatenate([self.before.columns.hashes, self.after.columns.hashes[others]]).T)
        return others[np.isin(numbers[len(self.before) :], numbers[: len(self.before)])]

    def labels_before(self, position: int) -> list[str | None]:
        """The labels that ``before`` has for the bytes of an image of ``after``."""
        same = (self.before.columns.hashes == self.after.columns.hashes[position]).all(axis=1)
        return [self.before.words.values[number] for number in np.unique(self.before.columns.labels[same])]

    # Which of them count.

    @cached_property
    def _units(self) -> Numbers:
        before, after = self.before.columns, self.after.columns
        groups = before.groups[self.old], self._words[after.groups[self.new]]
        return counted.units_of(numbered(*after.hashes[self.new].T), *groups)

    def counted(self, *, by_label: bool = False) -> Numbers:
        """The places among the common images of one of each unit; with ``by_label`` of each unit and label."""
        labels = [self.labels[self.new]] if by_label else []
        return counted.drawn(numbered(self._units, *labels), self._images)

    def _images(self, places: Numbers) -> Iterator[ImageKey]:
        return ((p.image_sha256, p.label) for p in self.after.at(self.new[places]))

    # What is predicted of them.

    def have_other_best(self, *, by_name: bool) -> NDArray[np.bool_]:
        """Whether the best class of each common image is another one, by its name or by its index."""
        part = 1 if by_name else 0
        number_of: dict[object, int] = {}
        before, after = (
            np.array([number_of.setdefault(of_class[part], len(number_of)) for of_class in side.classes.values])[
                side.columns.best[places, 0]
            ]
            for side, places in ((self.before, self.old), (self.after, self.new))
        )
        return np.asarray(before != after)


def _others(positions: Numbers, count: int) -> Numbers:
    """The positions below ``count`` that are not among these."""
    others = np.ones(count, dtype=bool)
    others[positions] = False
    return np.flatnonzero(others)
