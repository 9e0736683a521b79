"""Which classes are taken for which: the matrix as an image, and its largest cells with their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
        return str(prediction.label), _best(prediction, self.accepted, self.folder_of, self.rows)

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
    labelled = [pair for pair, scored in view.pairs.items() if any(p.label is not None for p in scored.predictions)]
    return {pair: _matrix(number, view.pairs[pair]) for number, pair in enumerate(labelled)}


def _matrix(number: int, scored: Scored) -> Matrix:
    """The folders in order; the columns are the same folders, and after them the classes of none by their number."""
    labelled = [prediction for prediction in scored.predictions if prediction.label is not None]
    accepted = scored.result.accepted
    folders = sorted({str(prediction.label) for prediction in labelled})
    places = {label: place for place, label in enumerate(folders)}
    folder_of = {index: label for label in reversed(folders) for index in accepted.get(label, ())}
    same: set[Best] = {(False, place, label) for label, place in places.items()}
    columns = sorted(same | {_best(prediction, accepted, folder_of, places) for prediction in labelled})
    rows, numbered = dict(list(places.items())[:SIDE]), {best: n for n, best in enumerate(columns[:SIDE])}
    return Matrix(number, accepted, folder_of, rows, numbered)


def _best(
    prediction: Prediction,
    accepted: Mapping[str, Sequence[int]],
    folder_of: Mapping[int, str],
    places: Mapping[str, int],
) -> Best:
    """The own folder where its class is right for that, else another one that it is right for, else the class."""
    index, name, _ = prediction.top[0]
    label = str(prediction.label)
    folder = label if index in accepted.get(label, ()) else folder_of.get(index)
    return (True, index, name) if folder is None else (False, places.get(folder, 0), folder)


def _group(view: View, scored: Scored, matrix: Matrix) -> Group:
    of_cells: dict[Key, list[Prediction]] = {}
    for prediction in scored.counted:
        if prediction.label is not None:
            of_cells.setdefault(matrix.key(prediction), []).append(prediction)
    wrong = {at: images for at, images in of_cells.items() if not scored.is_right(images[0])}
    largest = sorted(wrong, key=lambda at: (-len(wrong[at]), at))
    return Group(
        scored,
        matrix,
        _figure(scored, matrix, of_cells),
        tuple(_cell(view, matrix, at, wrong[at]) for at in largest[:CELLS]),
        mistakes=sum(map(len, wrong.values())),
        total=sum(map(len, of_cells.values())),
        kinds=len(wrong),
    )


def _cell(view: View, matrix: Matrix, at: Key, images: Sequence[Prediction]) -> Cell:
    rows = (view.row(p.dataset, p.path, p.label) for p in images)
    numbers = tuple(row.number for row in rows if row)
    label, (is_class, _, name) = at
    classes = Counter(p.top[0].name for p in images).most_common(NAMED)
    folder = None if is_class else name
    return Cell(matrix.ident(at), label, folder, tuple(of for of, _ in classes), len(images), numbers[:LINKED])


def _figure(scored: Scored, matrix: Matrix, of_cells: Mapping[Key, Sequence[Prediction]]) -> Confusion:
    counts = Counter({at: len(images) for at, images in of_cells.items()})
    cells = tuple(
        ConfusionCell(matrix.rows[at[0]], matrix.columns[at[1]], counts[at], scored.is_right(of_cells[at][0]))
        for at in sorted(of_cells)
        if matrix.ident(at)
    )
    names = tuple(name for _, _, name in matrix.columns)
    return Confusion(scored.result.model, scored.result.dataset, tuple(matrix.rows), names, cells)
