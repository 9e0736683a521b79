"""Which classes are taken for which: the matrix as an image, and its largest cells with their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from imgcls.comparison.words import NONE, Numbers, first_of_each, numbered
from imgcls.records.comparison import Prediction
from imgcls.reporting.html.charts.figures import Confusion, ConfusionCell
from imgcls.reporting.html.scored import Pair, Scored
from imgcls.reporting.html.view import View

CELLS = 50  # docs/decisions.md#images-in-a-report
"""The most cells of a matrix that have a line."""

SIDE = 1000  # docs/decisions.md#images-in-a-report
"""The most classes of a side of a matrix."""

NAMED = 3  # docs/decisions.md#images-in-a-report
"""How many classes of a cell are named."""

LINKED = 5  # docs/decisions.md#images-in-a-report
"""How many images of a cell have a link in its line."""

Best = tuple[bool, int, str]
"""A column: a folder, by its place, or else (true) a class of no folder, by its number."""

Key = tuple[str, Best]
"""A folder, and what some of its images are taken for."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Where the folders and the best classes of one result stand; ``number``: of the result in the report.

    ``folder_of``: the folder that a class is right for, by the class's number.
    """

    number: int
    accepted: Mapping[str, Sequence[int]]
    folder_of: Mapping[int, str]
    rows: Mapping[str, int]
    columns: Mapping[Best, int]

    def key(self, prediction: Prediction) -> Key:
        """The cell of a prediction of an image with a label."""
        index, name, _ = prediction.top[0]
        return self.cell(str(prediction.label), (index, name))

    def cell(self, label: str, best: tuple[int, str]) -> Key:
        """The cell of images with a label and a best class, which is its index and its name."""
        return label, _best(label, best, self.accepted, self.folder_of, self.rows)

    def ident(self, key: Key) -> str | None:
        """The name of a cell in the page; None where the matrix is too small for it."""
        label, best = key
        if label not in self.rows or best not in self.columns:
            return None
        return f"m{self.number}.{self.rows[label]}.{self.columns[best]}"


@dataclass(frozen=True, slots=True)
class Cell:
    """Images of one folder that are taken for another one, or for a class of none; ``classes``: which, most first.

    ``numbers``: the rows of the first of them.
    """

    ident: str | None
    label: str
    folder: str | None
    classes: tuple[str, ...]
    count: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One model on one dataset: ``mistakes`` of ``total`` images that count, in ``kinds`` cells."""

    scored: Scored
    matrix: Matrix
    figure: Confusion
    cells: tuple[Cell, ...]
    mistakes: int
    total: int
    kinds: int


def context(view: View) -> dict[str, Any] | None:
    groups = [_group(view, view.pairs[pair], matrix) for pair, matrix in by_pair(view).items()]
    return {"groups": groups} if groups else None


def by_pair(view: View) -> dict[Pair, Matrix]:
    """The matrix of every result with predictions of images that have a label."""
    labelled = [pair for pair, scored in view.pairs.items() if scored.labelled.any()]
    return {pair: _matrix(number, view.pairs[pair]) for number, pair in enumerate(labelled)}


def _matrix(number: int, scored: Scored) -> Matrix:
    """The folders in order; the columns are the same folders, and after them the classes of none by their number."""
    kinds = _Kinds(scored, np.flatnonzero(scored.labelled)).values
    accepted = scored.result.accepted
    folders = sorted({label for label, _ in kinds})
    places = {label: place for place, label in enumerate(folders)}
    folder_of = {index: label for label in reversed(folders) for index in accepted.get(label, ())}
    same: set[Best] = {(False, place, label) for label, place in places.items()}
    columns = sorted(same | {_best(*kind, accepted, folder_of, places) for kind in kinds})
    rows, at = dict(list(places.items())[:SIDE]), {best: n for n, best in enumerate(columns[:SIDE])}
    return Matrix(number, accepted, folder_of, rows, at)


class _Kinds:
    """Predictions of one result by label and best class: ``values``, in the order in which they come.

    ``of_positions``: the place of each prediction's kind among them; ``counts``: of predictions of each kind.
    """

    def __init__(self, scored: Scored, positions: Numbers) -> None:
        columns, words, classes = scored.columns, scored.packed.words.values, scored.packed.classes.values
        labels, best = columns.labels[positions], columns.best[positions, 0]
        numbers = numbered(labels, best)
        firsts = first_of_each(numbers, int(numbers.max(initial=NONE)) + 1)
        order = np.argsort(firsts)
        self.of_positions = np.argsort(order)[numbers] if len(order) else numbers
        self.counts = np.bincount(self.of_positions, minlength=len(order)).tolist()
        self.values = [(str(words[labels[first]]), classes[best[first]]) for first in firsts[order].tolist()]


def _best(
    label: str,
    best: tuple[int, str],
    accepted: Mapping[str, Sequence[int]],
    folder_of: Mapping[int, str],
    places: Mapping[str, int],
) -> Best:
    """The own folder where its class is right for that, else another one that it is right for, else the class."""
    index, name = best
    folder = label if index in accepted.get(label, ()) else folder_of.get(index)
    return (True, index, name) if folder is None else (False, places.get(folder, 0), folder)


def _group(view: View, scored: Scored, matrix: Matrix) -> Group:
    positions = scored.counted[scored.labelled[scored.counted]]
    kinds = _Kinds(scored, positions)
    of_cells: dict[Key, list[int]] = {}
    for number, kind in enumerate(kinds.values):
        of_cells.setdefault(matrix.cell(*kind), []).append(number)
    counts = {at: sum(kinds.counts[number] for number in numbers) for at, numbers in of_cells.items()}
    wrong = {at for at, (number, *_) in of_cells.items() if not _is_right(matrix, *kinds.values[number])}
    largest = sorted(wrong, key=lambda at: (-counts[at], at))[:CELLS]
    return Group(
        scored,
        matrix,
        _figure(scored, matrix, counts, wrong),
        tuple(_cell(view, matrix, at, _Images(scored, positions, kinds, of_cells[at])) for at in largest),
        mistakes=sum(counts[at] for at in wrong),
        total=len(positions),
        kinds=len(wrong),
    )


def _is_right(matrix: Matrix, label: str, best: tuple[int, str]) -> bool:
    return best[0] in matrix.accepted.get(label, ())


class _Images:
    """The images of one cell: ``names`` of their best classes, the most frequent first."""

    def __init__(self, scored: Scored, positions: Numbers, kinds: _Kinds, numbers: Sequence[int]) -> None:
        self._scored, self._positions, self._kinds, self._numbers = scored, positions, kinds, numbers
        names = Counter[str]()
        for number in numbers:
            names[kinds.values[number][1][1]] += kinds.counts[number]
        self.names = [name for name, _ in names.most_common(NAMED)]
        self.count = names.total()

    def predictions(self) -> Iterable[Prediction]:
        """In order."""
        return self._scored.at(self._positions[np.isin(self._kinds.of_positions, self._numbers)])


def _cell(view: View, matrix: Matrix, at: Key, images: _Images) -> Cell:
    rows = (view.row(p.dataset, p.path, p.label) for p in images.predictions())
    numbers = tuple(islice((row.number for row in rows if row), LINKED))
    label, (is_class, _, name) = at
    folder = None if is_class else name
    return Cell(matrix.ident(at), label, folder, tuple(images.names), images.count, numbers)


def _figure(scored: Scored, matrix: Matrix, counts: Mapping[Key, int], wrong: AbstractSet[Key]) -> Confusion:
    cells = tuple(
        ConfusionCell(matrix.rows[at[0]], matrix.columns[at[1]], counts[at], at not in wrong)
        for at in sorted(counts)
        if matrix.ident(at)
    )
    names = tuple(name for _, _, name in matrix.columns)
    return Confusion(scored.result.model, scored.result.dataset, tuple(matrix.rows), names, cells)
