"""Lists a dataset without hashing files again that look as they did when they were hashed; only on request.

What this cannot see is described in docs/store.md. An image that is decoded is hashed in any case.
"""

from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.records.config import DatasetSpec
from imgcls.records.data import FileState, Listing, Place
from imgcls.records.shards import Shard
from imgcls.store.database import Store


def listing(store: Store, dataset: DatasetSpec, shard: Shard | None = None) -> Listing:
    """:func:`imgcls.data.dataset.list_images` with the hashes of earlier ones. Raises ConfigError, StoreError."""
    new: dict[FileState, str] = {}

    def sha256(place: Place) -> str:
        state = listings.state(place)  # before the hash: a write during it moves the time, which the next run sees
        if state is None:
            return listings.sha256(place)
        known = store.hashed(state)
        if known is None:
            known = new[state] = listings.sha256(place)
        return known

    result = datasets.list_images(dataset, sha256, shard)
    if new:
        store.put_hashed(new)
    return result
