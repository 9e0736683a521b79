"""The store: predictions that were computed once and never need to be computed again, and their upkeep."""

import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imgcls.errors import StoreError
from imgcls.store import codec
from imgcls.store.connection import DAY_SECONDS
from imgcls.store.predictions import Predictions
from imgcls.store.runs import Runs

DAMAGE_SHOWN = 3  # docs/decisions.md#names-in-a-message


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store holds: the rows of each table, and the folders that runtimes compiled."""

    file_bytes: int
    rows: Mapping[str, int]
    artefacts: int
    artefact_bytes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What :meth:`Store.prune` removed; ``freed_bytes``: from the file and from compiled artefacts."""

    keys: int
    predictions: int
    artefacts: int
    freed_bytes: int


class Store(Predictions, Runs):
    """Predictions by prediction key and image, and what runs leave. Without a folder everything is kept in memory.

    Every method raises StoreError, with the way out, where the file cannot be read or written.
    """

    def info(self) -> StoreInfo:
        """Sizes and numbers of rows."""
        tables = [name for (name,) in self._rows("select name from sqlite_schema where type = 'table' order by rowid")]
        rows = {name: self._rows(f"select count(*) from {name}")[0][0] for name in tables}  # noqa: S608 - our own words
        with self._errors():
            folders = list(self._artefacts())
            return StoreInfo(self._file_bytes(), rows, len(folders), sum(map(_size, folders)))

    def verify(self) -> int:
        """Read everything; the number of predictions. Raises StoreError, a line per damage, where there is any."""
        damage = [text for (text,) in self._rows("pragma integrity_check") if text != "ok"]
        count = 0
        with self._errors():
            for image, body in self._connection.execute("select hex(image), body from answers"):
                count += 1
                try:
                    codec.unpack(body)
                except struct.error as error:
                    damage.append(f"the prediction of image {image.lower()}: {error}")
        if damage:
            more = [f"and {len(damage) - DAMAGE_SHOWN} more"] if len(damage) > DAMAGE_SHOWN else []
            lines = [f"the store {self.file} is damaged; delete the file", *damage[:DAMAGE_SHOWN], *more]
            raise StoreError("\n  ".join(lines))
        return count

    def prune(self, unused_for_days: float) -> Pruned:
        """Delete the predictions of keys, and the artefacts, that no run has used for N days, and give back the space.

        It waits for a process that is scoring: the predictions of a run stay until the run is reported.
        """
        before = int(time.time() - unused_for_days * DAY_SECONDS)
        with self.lock():
            bytes_before = self._file_bytes()
            unused = "select id from keys where used_at < ?"
            with self._transaction() as transaction:
                predictions = transaction.execute(f"delete from answers where key in ({unused})", (before,)).rowcount  # noqa: S608 - our own words
                keys = transaction.execute("delete from keys where used_at < ?", (before,)).rowcount
            if keys:
                self._rows("vacuum")
            with self._errors():
                folders = [folder for folder in self._artefacts() if folder.stat().st_mtime < before]
                freed = bytes_before - self._file_bytes() + sum(map(_size, folders))
                for folder in folders:
                    shutil.rmtree(folder)
        return Pruned(keys, predictions, len(folders), freed)

    def _artefacts(self) -> Iterator[Path]:
        return self.artefacts.glob("*") if self.artefacts else iter(())

    def _file_bytes(self) -> int:
        return int(self._rows("select page_count * page_size from pragma_page_count, pragma_page_size")[0][0])


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
