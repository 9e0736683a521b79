"""The search for groups of images that look the same, among any number of hashes, in bounded memory.

The coarse features of all are held against each other as products of matrices, block by block; what may look the same
by these is decided by the fine ones. Every block leaves only as many pairs as connect its images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from imgcls.inspection import features
from imgcls.inspection.features import ALIKE_COARSE, ALIKE_FINE, COARSE_SIZE, SIDE, Features, Thumbnails
from imgcls.inspection.perceptual import ImageHash

Places = NDArray[np.intp]

BLOCK = 2048  # docs/decisions.md#near-duplicates
"""Images on each side of a product of matrices, which then takes 16 MB."""


class NearGroup(NamedTuple):
    """Images that look the same, each like another one of the group, by their places in ascending order.

    ``is_mirrored``: whether some of them look like others only when they are mirrored.
    """

    places: tuple[int, ...]
    is_mirrored: bool


def _silent(done: int, total: int) -> None:
    """Show no progress."""


def near_groups(
    hashes: Sequence[ImageHash],
    others: Sequence[ImageHash] = (),
    progress: Callable[[int, int], None] = _silent,
) -> list[NearGroup]:
    """The groups of images that look the same, by their first places; plain images are in none.

    Places from ``len(hashes)`` on are those of ``others``, which are held against the hashes and not against each
    other. ``progress`` is called with the number of hashes that are done, and of all.
    """
    every = [*hashes, *others]
    places = np.flatnonzero([not one.is_plain for one in every])
    looks, count = _Looks.of([every[place] for place in places]), int(np.searchsorted(places, len(hashes)))
    edges = [_NONE]
    for rows in _blocks(0, count):
        views = [_View.of(looks.thumbnails[rows]), _View.of(looks.thumbnails[rows][:, :, ::-1])]
        edges += [_edges(views, looks, rows, columns) for columns in _blocks(int(rows[0]), len(places))]
        progress(int(rows[-1]) + 1, count)
    joined = _Edges(*map(np.concatenate, zip(*edges, strict=True)))
    return _groups(_Edges(places[joined.firsts], places[joined.seconds], joined.mirrored), len(every))


def _blocks(start: int, end: int) -> list[Places]:
    return [np.arange(first, min(first + BLOCK, end)) for first in range(start, end, BLOCK)]


class _Looks(NamedTuple):
    """Thumbnails, (n, 24, 24), and their coarse features, (n, 63)."""

    thumbnails: Thumbnails
    coarse: Features

    @classmethod
    def of(cls, hashes: Sequence[ImageHash]) -> _Looks:
        thumbnails = np.empty((len(hashes), SIDE, SIDE), dtype=np.uint8)
        coarse = np.empty((len(hashes), COARSE_SIZE), dtype=np.float32)
        for places in _blocks(0, len(hashes)):
            thumbnails[places] = [hashes[place].thumbnail for place in places]
            coarse[places] = features.coarse(thumbnails[places])
        return cls(thumbnails, coarse)


class _View(NamedTuple):
    """The features of a block of thumbnails, as they are or mirrored: (n, 63) and (n, 6, 576)."""

    coarse: Features
    fine: Features

    @classmethod
    def of(cls, thumbnails: Thumbnails) -> _View:
        return cls(features.coarse(thumbnails), features.fine(thumbnails))


class _Edges(NamedTuple):
    """Pairs of places that look the same, the lower one first, and whether only when mirrored."""

    firsts: Places
    seconds: Places
    mirrored: NDArray[np.bool_]


_NONE = _Edges(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.bool_))


def _edges(views: Sequence[_View], looks: _Looks, rows: Places, columns: Places) -> _Edges:
    """As few pairs as connect the images of the rows with those of the columns that look the same.

    ``views``: the rows as they are, and mirrored.
    """
    upright, mirrored = (_alike(view, looks, rows, columns) for view in views)
    only_mirrored = np.setdiff1d(mirrored, upright, assume_unique=True)
    firsts, seconds = np.divmod(np.concatenate([upright, only_mirrored]), len(columns))
    if not len(firsts):
        return _NONE
    lengths = np.repeat([1, 2], [len(upright), len(only_mirrored)])  # mirrored only where nothing else connects
    size = len(rows) + len(columns)
    graph = sparse.csr_array((lengths, (firsts, len(rows) + seconds)), shape=(size, size))
    tree = csgraph.minimum_spanning_tree(graph).tocoo()
    return _Edges(rows[tree.row], columns[tree.col - len(rows)], tree.data > 1)


def _alike(view: _View, looks: _Looks, rows: Places, columns: Places) -> Places:
    """The pairs of a row and a later column that look the same, each as row x number of columns + column."""
    row, column = np.nonzero(view.coarse @ looks.coarse[columns].T >= ALIKE_COARSE)
    is_later = rows[row] < columns[column]
    row, column = row[is_later], column[is_later]
    if not len(row):
        return row
    of_rows, of_row = np.unique(row, return_inverse=True)
    of_columns, of_column = np.unique(column, return_inverse=True)
    fine = features.fine(looks.thumbnails[columns[of_columns]])
    is_alike = features.cosines(view.fine[of_rows], fine)[of_row, of_column] >= ALIKE_FINE
    pairs: Places = (row * len(columns) + column)[is_alike]
    return pairs


def _groups(edges: _Edges, count: int) -> list[NearGroup]:
    """The connected places of ``count``."""
    graph = sparse.coo_array((np.ones(len(edges.firsts)), (edges.firsts, edges.seconds)), shape=(count, count))
    _, component = csgraph.connected_components(graph, directed=False)
    mirrored = set(component[edges.firsts[edges.mirrored]].tolist())
    members: dict[int, list[int]] = {}
    for place in np.unique(np.concatenate([edges.firsts, edges.seconds])).tolist():
        members.setdefault(int(component[place]), []).append(place)
    return [NearGroup(tuple(places), group in mirrored) for group, places in members.items()]
