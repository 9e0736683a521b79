"""The images of a listing whose bytes differ: of several with the same bytes the first one stands for all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imgcls.records.data import ImageRef, Images
from imgcls.store.connection import IMAGES_PER_QUERY
from imgcls.store.database import Store
from imgcls.store.hash_index import HashIndex

SMALLEST = 64  # docs/decisions.md#choices-and-their-images
"""Hashes by which a set of images is compared with what it was."""

LOOKUP_ROWS = 8  # docs/decisions.md#merges-and-lookups
"""Rows of the store that are read in order in the time in which one image is looked up."""

Flags = NDArray[np.bool_]
"""A flag for each image of a listing, by its position; where it is about bytes, only their first image may have it."""


class DistinctImages:
    """What is known of bytes is known at the position of their first image.

    ``first``: by position, that first position; ``flags``: of all first positions.
    """

    def __init__(self, images: Images) -> None:
        self.images, self.index = images, HashIndex(images.hashes)
        self.first = self.index.first
        self.flags: Flags = self.first == np.arange(len(images))

    def __len__(self) -> int:
        return len(self.index)

    def positions(self, images: Iterable[str]) -> list[int]:
        """The first positions of listed images, by their sha256."""
        positions: list[int] = self.index.find([bytes.fromhex(image) for image in images]).tolist()
        return positions

    def spread(self, size: int) -> Iterator[ImageRef]:
        """All of them, those first that are spread evenly over the listing, about ``size`` at a time."""
        positions = np.flatnonzero(self.flags)
        step = max(1, math.ceil(len(positions) / size))
        for start in range(step):
            yield from self.images.at(positions[start::step].tolist())

    def smallest(self) -> tuple[str, ...]:
        """The smallest of their hashes, for :meth:`has_others`."""
        return self.index.smallest(SMALLEST)

    def has_others(self, smallest: Sequence[str]) -> bool:
        """Whether some are seen not to be of an earlier set, whose :meth:`smallest` these were, or not of a part of it.

        Of a set of fewer than :data:`SMALLEST` every other one is seen; of a larger one each with the chance that its
        hash is among them.
        """
        limit = smallest[-1] if len(smallest) >= SMALLEST else "g"  # which is greater than any hexadecimal digit
        return any(one < limit for one in set(self.smallest()) - set(smallest))

    def missing(self, store: Store, key: str, rejected: Iterable[int]) -> Flags:
        """Which have no intact prediction in the store, of those that are not rejected (first positions)."""
        missing = self.flags.copy()
        missing[list(rejected)] = False
        if store.estimated_predictions(key) > LOOKUP_ROWS * len(self):
            predicted = self._looked_up(store, key, np.flatnonzero(missing))
        else:
            predicted = store.predicted(key, self.index, missing)
        for positions in predicted:
            missing[positions] = False
        return missing

    def _looked_up(self, store: Store, key: str, positions: NDArray[np.int64]) -> Iterator[list[int]]:
        for start in range(0, len(positions), IMAGES_PER_QUERY):
            some = positions[start : start + IMAGES_PER_QUERY].tolist()
            of_positions = {image.sha256: place for image, place in zip(self.images.at(some), some, strict=True)}
            missing = store.missing(key, list(of_positions))
            yield [place for sha256, place in of_positions.items() if sha256 not in missing]
