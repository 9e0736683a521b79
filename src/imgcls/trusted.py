"""Lists a data set without hashing again what looks as it did when it was hashed; only where that was asked for.

What this cannot see is said in the README. A picture that is decoded is hashed, whatever was trusted.
"""

from pathlib import Path

from imgcls import images, run
from imgcls.records import DatasetSpec, FileState, Listing
from imgcls.store import Store


def listing(store: Store, dataset: DatasetSpec) -> Listing:
    """:func:`imgcls.run.listing` with the hashes of earlier ones. Raises ConfigError, StoreError."""
    new: dict[FileState, str] = {}

    def hashed(file: Path) -> str:
        seen = images.status(file)  # before the hash: whoever writes meanwhile moves the time, which is seen next time
        state = FileState(file.absolute(), seen.st_size, seen.st_mtime_ns, seen.st_ino)
        known = store.hashed(state)
        if known is None:
            known = new[state] = images.sha256(file)
        return known

    found = run.listing(dataset, hashed)
    if new:
        store.put_hashed(new)
    return found
