"""Lists a dataset without hashing files again that look as they did when they were hashed; only on request.

What this cannot see is described in docs/store.md. An image that is decoded is hashed in any case.
"""

from __future__ import annotations

import time
from typing import Final

from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.records.config import DatasetSpec
from imgcls.records.data import FileState, Listing, Place
from imgcls.records.shards import Shard
from imgcls.store.database import Store

WRITTEN_AFTER_S: Final = 1.0  # docs/decisions.md#listings-on-disk
"""How much hashing is lost at most where a run is killed."""


def listing(store: Store, dataset: DatasetSpec, shard: Shard | None = None) -> Listing:
    """:func:`imgcls.data.dataset.list_images` with the hashes of earlier ones. Raises ConfigError, StoreError."""
    hashes = _Hashes(store)
    try:
        return datasets.list_images(dataset, hashes.sha256, shard)
    finally:
        hashes.write()


class _Hashes:
    """The hashes that a store has of files that look as they did, and new ones, which are written once in a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new: dict[FileState, str] = {}
        self._written = time.monotonic()

    def sha256(self, place: Place) -> str:
        """Raises :class:`imgcls.errors.Undecodable`."""
        state = listings.state(place)  # before the hash: a write during it moves the time, which the next run sees
        if state is None:
            return listings.sha256(place)
        known = self._store.hashed(state)
        if known is None:
            known = self._new[state] = listings.sha256(place)
            if time.monotonic() - self._written > WRITTEN_AFTER_S:
                self.write()
        return known

    def write(self) -> None:
        """Store what is new."""
        if self._new:
            self._store.put_hashed(self._new)
        self._new, self._written = {}, time.monotonic()
