"""The SQLite file of the store: opened, brought up to date, locked, and changed in transactions.

It has a rollback journal, because before SQLite 3.51.3 a WAL database that several processes write can be corrupted.
One transaction per batch: a killed run loses at most the batch that it was working on.
"""

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from imgcls.errors import StoreError
from imgcls.store import schema

BUSY_SECONDS = 60  # docs/decisions.md#store-limits

IMAGES_PER_QUERY = 500  # docs/decisions.md#store-limits

DAY_SECONDS = 86_400

SCORING = "pass"
"""The name of the lock of the process that scores images (docs/decisions.md#one-lock)."""


class Connection:
    """The database in a folder, or in memory without one.

    Every method raises StoreError, with the way out, where the file cannot be read or written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.file = folder / schema.FILE if folder else None
        self.artefacts = folder / schema.ARTEFACTS if folder else None
        with self._errors():
            if folder:
                _make(folder)
            self._connection = sqlite3.connect(self.file or ":memory:", timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        for pragma in ("journal_mode = delete", "synchronous = full", "foreign_keys = on"):
            self._connection.execute(f"pragma {pragma}")
        with self._transaction() as connection:
            version = connection.execute("pragma user_version").fetchone()[0]
            if not 0 <= version <= schema.VERSION:
                raise StoreError(
                    f"{self.file} was written by another version of imgcls (its schema is {version}, "
                    f"ours {schema.VERSION}): delete the file, or name another folder for the store"
                )
            for number, script in enumerate(schema.HISTORY[version:], version + 1):
                for statement in script.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"pragma user_version = {number}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, struct.error, OSError) as error:
            raise StoreError(
                f"the store {self.file or 'in memory'} cannot be used: {error}. "
                "Delete the file, name another folder for the store, or switch it off"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def lock(self, name: str = SCORING) -> Iterator[None]:
        """A lock that one process holds at a time; the system releases it when that process dies."""
        if self.folder is None:
            yield
            return
        lock = FileLock(self.folder / f"{name}.lock")
        with self._errors():
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _make(folder: Path) -> None:
    """Make a new folder that git ignores; a folder that exists stays as it is."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="ascii")


def batches(images: Sequence[str]) -> Iterator[Sequence[str]]:
    """The images (sha256), at most :data:`IMAGES_PER_QUERY` at a time: SQLite limits the variables of a statement."""
    return (images[start : start + IMAGES_PER_QUERY] for start in range(0, len(images), IMAGES_PER_QUERY))
