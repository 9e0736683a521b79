"""The images of a listing in the order of their hashes, which is the order of the store's rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HASH_BYTES = 16  # docs/decisions.md#sixteen-bytes-of-a-hash
"""Leading bytes of a sha256 that tell bytes from each other."""

Positions = NDArray[np.signedinteger]


class HashIndex:
    """Finds images by the hashes of their bytes; of images of the same bytes the first one stands for all.

    ``first``: (n,), for each position the first one of the same bytes. 24 bytes of memory for each image.
    """

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        """``hashes``: (n, 2), the first 16 bytes of each sha256 as big numbers."""
        high, low = (np.ascontiguousarray(column, dtype=np.uint64) for column in hashes.T)
        order = np.lexsort((low, high))  # stable: images of the same bytes stay in their order
        order = order.astype(np.int32 if len(order) < 2**31 else np.int64)
        self._high, self._low = high[order], low[order]
        del high, low  # of 14 million images 224 MB
        is_new = np.ones(len(order), bool)
        is_new[1:] = (self._high[1:] != self._high[:-1]) | (self._low[1:] != self._low[:-1])
        self._firsts = order[is_new]
        self.first = np.empty_like(order)
        self.first[order] = self._firsts[np.cumsum(is_new) - 1]
        if not is_new.all():
            self._high, self._low = self._high[is_new], self._low[is_new]

    def __len__(self) -> int:
        """The number of images whose bytes differ."""
        return len(self._firsts)

    def smallest(self, size: int) -> tuple[str, ...]:
        """The smallest hashes, in order, at most ``size`` of them: the first 8 bytes of each, in hexadecimal."""
        return tuple(f"{high:016x}" for high in self._high[:size].tolist())

    def find(self, images: Sequence[bytes]) -> Positions:
        """The first position of each image, by its sha256 (32 bytes); -1 where it is not in the listing.

        Fastest where the images are sorted.
        """
        rows = np.frombuffer(b"".join(images), dtype=">u8").reshape(-1, 4)
        high, low = rows[:, 0].astype(np.uint64), rows[:, 1].astype(np.uint64)
        if not len(self):
            return np.full(len(images), -1, np.int64)
        places = np.searchsorted(self._high, high)
        inside = np.minimum(places, len(self) - 1)
        alike = self._high[inside] == high
        positions = np.where(alike & (self._low[inside] == low), self._firsts[inside], -1)
        for doubtful in np.flatnonzero(alike & (positions < 0)).tolist():
            positions[doubtful] = self._find_one(int(places[doubtful]), high[doubtful], low[doubtful])
        return positions

    def _find_one(self, start: int, high: np.uint64, low: np.uint64) -> int:
        """Among images whose first 8 bytes are the same, which happens on purpose only."""
        end = int(np.searchsorted(self._high, high, side="right"))
        place = start + int(np.searchsorted(self._low[start:end], low))
        return int(self._firsts[place]) if place < end and self._low[place] == low else -1
