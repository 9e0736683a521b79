"""The store: predictions that were computed once and never need to be computed again, and their upkeep."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from imgcls.errors import StoreError
from imgcls.store import verification
from imgcls.store.connection import DAY_SECONDS
from imgcls.store.descriptions import Descriptions
from imgcls.store.durations import Durations
from imgcls.store.identities import Identities
from imgcls.store.predictions import KEY_BYTES, Predictions
from imgcls.store.remarks import Remarks
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


class Store(Predictions, Identities, Descriptions, Durations, Remarks, Runs):
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
        with closing(Store(None)) as new:
            tables = new._rows(verification.TABLES)  # noqa: SLF001 - another store
        with self._errors():
            try:
                self._connection.execute("begin")  # other processes wait, and what belongs together is read together
                count = self._rows("select count(*) from answers")[0][0]
                damage = list(verification.damage(self._connection, tables))
            finally:
                self._connection.rollback()
        if damage:
            more = [f"and {len(damage) - DAMAGE_SHOWN} more"] if len(damage) > DAMAGE_SHOWN else []
            lines = [f"the store {self.file} is damaged; delete the file", *damage[:DAMAGE_SHOWN], *more]
            raise StoreError(lines[0], *(f"  {line}" for line in lines[1:]))
        return int(count)

    def prune(self, unused_for_days: float) -> Pruned:
        """Delete what no run has used for N days, and give back the space: predictions by key, descriptions, artefacts.

        It waits for a process that is scoring: the predictions of a run stay until the run is reported.
        """
        before = int(time.time() - unused_for_days * DAY_SECONDS)
        with self.lock():
            bytes_before = self._file_bytes()
            unused = "delete from answers where key not in (select substr(sha256, 1, ?) from keys)"
            with self._transaction() as transaction:
                keys = transaction.execute("delete from keys where used_at < ?", (before,)).rowcount
                predictions = transaction.execute(unused, (KEY_BYTES,)).rowcount
                for table in ("durations", "identities"):
                    transaction.execute(f"delete from {table} where key not in (select sha256 from keys)")  # noqa: S608 - our own words
                descriptions = transaction.execute("delete from descriptions where used_at < ?", (before,)).rowcount
            if keys or predictions or descriptions:
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
