"""The SQLite file of the store: opened, brought up to date, locked, and changed in transactions.

It has a rollback journal, because before SQLite 3.51.3 a WAL database that several processes write can be corrupted.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from imgcls.errors import StoreError
from imgcls.records.performance import Status
from imgcls.store import checksum, failure, holder, schema
from imgcls.store.damage import Damage, refused

if TYPE_CHECKING:
    from filelock import FileLock

    from imgcls.store.hash_index import HashIndex

BUSY_SECONDS = 60  # docs/decisions.md#store-limits

STATED_SECONDS = 1.0  # docs/decisions.md#waiting-for-a-store

IMAGES_PER_QUERY = 500  # docs/decisions.md#store-limits

CACHE_KIB = 20_000  # docs/decisions.md#images-per-transaction

PRAGMAS = ("journal_mode = delete", "synchronous = full", "cell_size_check = on", f"cache_size = -{CACHE_KIB}")
"""How SQLite treats the file: what a transaction has stored is on the disk when it ends."""

ROWS_AT_A_TIME = 8192  # docs/decisions.md#store-limits

DAY_SECONDS = 86_400

SHA256_BYTES = 32

UNUSABLE = (sqlite3.Error, UnicodeError, struct.error, msgspec.MsgspecError, OSError)
"""What reading and writing a damaged file may raise; UnicodeError: where the name of a column is damaged."""

Key = Mapping[str, checksum.Value]
"""The values of all columns of a table's key, by their names and in their order."""

SCORING = "pass"
"""The name of the lock of the process that scores images (docs/decisions.md#one-lock)."""


Checked = tuple[tuple[Any, ...], bool]
"""The columns of a row, and whether it matches its checksum."""

ShowStatus = Callable[[], AbstractContextManager[Status]]


@contextmanager
def _unseen() -> Iterator[Status]:
    yield lambda _: None


class Connection:
    """The database in a folder, or in memory without one.

    Every method raises StoreError, with the way out, where the file cannot be read or written.
    """

    def __init__(self, folder: Path | None, show_waiting: ShowStatus = _unseen) -> None:
        """``show_waiting``: what opens a function that states what is waited for."""
        self.folder = folder
        self.file = folder / schema.FILE if folder else None
        self.artefacts = folder / schema.ARTEFACTS if folder else None
        self.damage = Damage()
        self._show_waiting = show_waiting
        with self._errors():
            if folder:
                _make(folder)
            self._connection = sqlite3.connect(self.file or ":memory:", timeout=BUSY_SECONDS, isolation_level=None)
            self._connection.text_factory = text
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        for pragma in PRAGMAS:
            self._connection.execute(f"pragma {pragma}")
        with self._transaction() as connection:
            version = connection.execute("pragma user_version").fetchone()[0]
            if not 0 <= version <= schema.VERSION:
                raise StoreError(
                    f"{self.file} was written by another version of imgcls (its schema is {version}, "
                    f"ours {schema.VERSION}): delete the file, or name another folder for the store"
                )
            if 0 < version < schema.CHECKSUMS_SINCE:
                self._announce_removal(connection)
            for number, script in enumerate(schema.HISTORY[version:], version + 1):
                for statement in script.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"pragma user_version = {number}")

    def _announce_removal(self, connection: sqlite3.Connection) -> None:
        removed = connection.execute("select count(*) from answers").fetchone()[0]
        self.damage.add_sentence(
            f"the store was written by an older version of imgcls, without checksums: "
            f"its {removed} predictions were removed, and are computed again"
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except UNUSABLE as error:
            raise StoreError(failure.message(self.file, error)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is stored inside is stored together, with one wait for the disk, or not at all. Raises StoreError."""
        with self._transaction():
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction of its own, or a part of the one that is open."""
        if self._connection.in_transaction:
            with self._errors():
                yield self._connection
            return
        with self._errors():
            try:
                self._connection.execute("begin immediate")
                yield self._connection
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    @contextmanager
    def attached(self, file: Path) -> Iterator[sqlite3.Connection]:
        """One transaction on this database, with another one to read from: its tables are ``part.NAME``."""
        self._connection.execute("attach database ? as part", (str(file),))
        try:
            try:
                self._connection.execute("begin")  # not immediate, which would lock the other one, too
                yield self._connection
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
        finally:
            self._connection.execute("detach database part")

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    def _streamed(self, query: str, *values: Any) -> Iterator[list[Any]]:
        """The rows of a query, however many: some at a time."""
        with self._errors():
            cursor = self._connection.execute(query, values)
            rows = cursor.fetchmany(ROWS_AT_A_TIME)
        while rows:
            yield rows
            with self._errors():
                rows = cursor.fetchmany(ROWS_AT_A_TIME)

    def _checked(self, table: str, columns: str, key: Key) -> Iterator[Checked]:
        """The named columns of the rows with this key, each with whether the row matches its checksum."""
        condition = " and ".join(f"{name} = ?" for name in key)
        query = f"select {columns}, checksum from {table} where {condition}"  # noqa: S608 - our own words
        for rows in self._streamed(query, *key.values()):
            for *values, stored in rows:
                yield tuple(values), checksum.of(table, *key.values(), *values) == stored

    def _listed(self, table: str, columns: str, key: Key, index: HashIndex) -> Iterator[tuple[int, Checked]]:
        """The rows of :meth:`_checked` for listed images, with their positions; their first column is ``image``."""
        rows = self._checked(table, columns, key)
        while some := list(islice(rows, ROWS_AT_A_TIME)):
            of_images = [row for row in some if isinstance(row[0][0], bytes) and len(row[0][0]) == SHA256_BYTES]
            positions = index.find([image for (image, *_), _ in of_images])
            yield from ((p, row) for p, row in zip(positions.tolist(), of_images, strict=True) if p >= 0)

    def _intact(self, kind: str, table: str, columns: str, key: Key) -> Iterator[tuple[Any, ...]]:
        """The rows of :meth:`_checked` that match; the others are counted as this kind of damage."""
        for values, matches in self._checked(table, columns, key):
            if matches:
                yield values
            else:
                self.damage.add(kind, (*key.values(), *values))

    def _undamaged(self, what: str, table: str, columns: str, key: Key) -> tuple[Any, ...] | None:
        """The one row with this key, if there is one. Raises StoreError where it does not match its checksum."""
        for values, matches in self._checked(table, columns, key):
            if not matches:
                raise refused(self.file, what)
            return values
        return None

    @contextmanager
    def lock(self, name: str = SCORING) -> Iterator[None]:
        """A lock that one process holds at a time; the system releases it when that process dies."""
        if self.folder is None:
            yield
            return
        from filelock import FileLock  # not needed to read

        lock, note = FileLock(self.folder / f"{name}.lock"), self.folder / f"{name}.holder"
        with self._errors():
            self._acquire(lock, self.folder, note)
        try:
            with holder.noted(note):
                yield
        finally:
            lock.release()

    def _acquire(self, lock: FileLock, folder: Path, note: Path) -> None:
        """Wait for as long as it takes; what is waited for is stated after a second, and once a second from then on."""
        from filelock import Timeout

        started = time.monotonic()
        with suppress(Timeout):
            lock.acquire(timeout=STATED_SECONDS)
            return
        with self._show_waiting() as say:
            while True:
                say(holder.waiting(folder, note, time.monotonic() - started))
                with suppress(Timeout):
                    lock.acquire(timeout=STATED_SECONDS)
                    return


def _make(folder: Path) -> None:
    """Make a new folder that git ignores, in a new ``.imgcls`` that it ignores, too; what exists stays as it is."""
    for new in (folder.parent, folder) if folder.parent.name == schema.HOME else (folder,):
        if not new.is_dir():
            new.mkdir(parents=True, exist_ok=True)
            (new / ".gitignore").write_text("*\n", encoding="ascii")


def write(transaction: sqlite3.Connection, table: str, rows: Iterable[Sequence[checksum.Value]]) -> None:
    """Write rows, all columns in the order of their table, each with its checksum; the same key is replaced."""
    rows = iter(rows)
    if (first := next(rows, None)) is not None:
        marks = ", ".join("?" * (len(first) + 1))
        checked = ((*row, checksum.of(table, *row)) for row in chain([first], rows))
        transaction.executemany(f"insert or replace into {table} values ({marks})", checked)  # noqa: S608 - our own words


def text(raw: bytes) -> str:
    """A text of a database as it is, or with other characters where it is not UTF-8: its checksum decides on it."""
    return raw.decode(errors="replace")


def batches(images: Sequence[str]) -> Iterator[Sequence[str]]:
    """The images (sha256), at most :data:`IMAGES_PER_QUERY` at a time: SQLite limits the variables of a statement."""
    return (images[start : start + IMAGES_PER_QUERY] for start in range(0, len(images), IMAGES_PER_QUERY))
