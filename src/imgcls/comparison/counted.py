"""Which images count, of those that were copied or belong to groups: as :mod:`imgcls.stats.units`, in arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from imgcls.comparison.words import NONE, Numbers, first_of_each, numbered
from imgcls.records.comparison import ImageKey
from imgcls.stats import units

DRAW_BYTES = 8  # docs/decisions.md#comparisons-in-arrays
"""The bytes of a draw that decide."""


def units_of(hashes: Numbers, *groups: Numbers) -> Numbers:
    """The unit of each image: its group, or else its bytes; groups that share an image are one.

    ``hashes``: a number for each image's bytes, from 0; ``groups``: the numbers of its groups in one run or several,
    NONE where it has none. All are of shape (images,).
    """
    members = [(hashes[of_run != NONE], of_run[of_run != NONE]) for of_run in groups]
    bytes_of, group_of = (np.concatenate(columns) for columns in zip(*members, strict=True))
    if not len(bytes_of):
        return hashes
    pairs = numbered(bytes_of, group_of)
    different = first_of_each(pairs, int(pairs.max()) + 1)
    bytes_of, group_of = _merged(bytes_of[different], group_of[different])
    unit_of: Numbers = np.arange(hashes.max() + 1) + group_of.max() + 1
    unit_of[bytes_of] = group_of
    return np.asarray(unit_of[hashes])


def _merged(bytes_of: Numbers, group_of: Numbers) -> tuple[Numbers, Numbers]:
    """The same pairs with one group for all that share an image; each image is in one of them."""
    if len(np.unique(bytes_of)) == len(bytes_of):
        return bytes_of, group_of
    of_bytes = units.merged((str(image), str(group)) for image, group in zip(bytes_of, group_of, strict=True))
    return np.array([*map(int, of_bytes)]), np.array([*map(int, of_bytes.values())])


def drawn(of_images: Numbers, images: Callable[[Numbers], Iterable[ImageKey]]) -> Numbers:
    """The places of the images that count, one of each unit, in order.

    ``of_images``: the unit of each image, as numbers from 0 without gaps, shape (images,). ``images``: those at some
    places; only those that share their unit are read.
    """
    sizes = np.bincount(of_images)
    shared = np.flatnonzero(sizes[of_images] > 1)
    if not len(shared):
        return np.arange(len(of_images))
    draws = np.frombuffer(b"".join(units.draw(image)[:DRAW_BYTES] for image in images(shared)), dtype=">u8")
    order = np.lexsort((draws, of_images[shared]))
    ordered = of_images[shared][order]
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    return np.sort(np.concatenate([np.flatnonzero(sizes[of_images] == 1), shared[order[is_first]]]))
