"""Lists a dataset without hashing files again that look as they did when they were hashed; only on request.

What this cannot see is described in docs/store.md. An image that is decoded is hashed in any case.
"""

from pathlib import Path

from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.records.config import DatasetSpec
from imgcls.records.data import FileState, Listing
from imgcls.store.database import Store


def listing(store: Store, dataset: DatasetSpec) -> Listing:
    """:func:`imgcls.data.dataset.list_images` with the hashes of earlier ones. Raises ConfigError, StoreError."""
    new: dict[FileState, str] = {}

    def sha256(file: Path) -> str:
        status = listings.status(file)  # before the hash: a write during it moves the time, which the next run sees
        state = FileState(file.absolute(), status.st_size, status.st_mtime_ns, status.st_ino)
        known = store.hashed(state)
        if known is None:
            known = new[state] = listings.sha256(file)
        return known

    result = datasets.list_images(dataset, sha256)
    if new:
        store.put_hashed(new)
    return result
