"""Values that repeat, such as labels, and the numbers that stand for them in arrays."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=Hashable)

NONE = -1
"""The number that stands for nothing."""

Numbers = NDArray[np.signedinteger[Any]]


class Words(Generic[T]):
    """Values by their numbers, from 0 in the order in which they came."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """The number of a value, a new one where it is new."""
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number

    def include(self, other: Words[T]) -> Numbers:
        """By the numbers of ``other`` those of the same values here, where they are added; NONE stays, as the last."""
        return np.array([*map(self.number, other.values), NONE], dtype=np.int64)


def numbered(*columns: NDArray[np.generic]) -> Numbers:
    """A number for each row of these columns, the same for equal rows, from 0 without gaps; shape (rows,)."""
    order = np.lexsort(columns[::-1])
    new = np.zeros(len(order), dtype=bool)
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(new)
    return numbers


def first_of_each(numbers: Numbers, count: int) -> Numbers:
    """The first row that has each number below ``count``, shape (count,); :data:`NONE` where no row has it."""
    firsts = np.full(count, NONE, dtype=np.int64)
    firsts[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return firsts
