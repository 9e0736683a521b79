"""Predictions that were computed once and never need to be computed again, in one SQLite file.

A rollback journal, because before SQLite 3.51.3 a WAL database that several processes write can be
corrupted. One transaction per batch: a killed run loses at most the batch it was working on.
"""

import os
import shutil
import sqlite3
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from imgcls import digest
from imgcls.errors import StoreError
from imgcls.records import Answer, Choice, DatasetOutcome, FileState, ImageRef, LabelList

FIRST = """
create table keys (             -- what a prediction depends on, the picture aside
  id integer primary key,
  sha256 text not null unique,
  classes integer not null,     -- how many outputs the network has
  used_at integer not null      -- seconds since 1970
);
create table answers (
  key integer not null references keys(id) on delete cascade,
  image blob not null,          -- sha256 of the picture's bytes
  body blob not null,           -- pack()
  primary key (key, image)
) without rowid;
create table undecodable (
  decoder text not null,
  image blob not null,
  reason text not null,
  detail text not null,
  primary key (decoder, image)
) without rowid;
create table outcomes (         -- what one run learnt of one data set
  run text not null,
  dataset text not null,
  body blob not null,           -- DatasetOutcome as JSON
  primary key (run, dataset)
) without rowid;
create table plans (            -- what one run means to score
  run text not null,
  model text not null,
  dataset text not null,
  made_at integer not null,     -- seconds since 1970
  primary key (run, model, dataset)
) without rowid;
create table progress (         -- how far a run's pass over a data set is
  run text not null,
  dataset text not null,
  done integer not null,
  total integer not null,
  primary key (run, dataset)
) without rowid;
create table listings (         -- the pictures of one run, in order
  run text not null,
  dataset text not null,
  position integer not null,
  path text not null,
  image blob not null,
  label text,
  primary key (run, dataset, position)
) without rowid;
create table names (            -- names behind class numbers, per label list
  list text not null,           -- list_key()
  position integer not null,
  name text not null,
  primary key (list, position)
) without rowid;
"""

SECOND = """
create table choices (          -- which runtime a model is scored with, and what that costs in answers
  about text primary key,
  body blob not null            -- Choice as JSON
) without rowid;
create table hashed_files (     -- what a file was when it was hashed
  path blob not null primary key,
  size integer not null,
  mtime_ns integer not null,
  inode text not null,          -- some file systems use all 64 bits, SQLite has 63 and a sign
  sha256 blob not null
) without rowid;
"""

HISTORY = (FIRST, SECOND)
"""The scripts that lead from an empty file to today's schema; one that was released is never changed."""

VERSION = len(HISTORY)

FILE = "predictions.sqlite3"
ARTEFACTS = "compiled"
"""The folder beside it for what runtimes leave when they compile."""

BUSY_SECONDS = 60
DAY_SECONDS = 86_400
FORGOTTEN_DAYS = 7
QUERIED = 500
"""Pictures asked for in one statement; SQLite allows a limited number of variables."""


class Store:
    """Answers by prediction key and picture. Without a folder everything is kept in memory.

    Every method raises StoreError, with the way out, where the file cannot be read or written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.file = folder / FILE if folder else None
        self.artefacts = folder / ARTEFACTS if folder else None
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
            if not 0 <= version <= VERSION:
                raise StoreError(
                    f"{self.file} was written by another version of imgcls (its schema is {version}, ours {VERSION}): "
                    "delete the file, or name another folder for the store"
                )
            for number, script in enumerate(HISTORY[version:], version + 1):
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
    def lock(self, name: str) -> Iterator[None]:
        """Held by the one process that computes; the system releases it when the process dies."""
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

    # Answers.

    def classes(self, key: str) -> int | None:
        """How many outputs the network of this key has; None for a key without answers."""
        rows = self._rows("select classes from keys where sha256 = ?", key)
        return int(rows[0][0]) if rows else None

    def answers(self, key: str, images: Sequence[str]) -> dict[str, Answer]:
        """The stored answers for these pictures (sha256, hexadecimal); missing ones are left out."""
        with self._errors():
            return {image: unpack(body) for image, body in self._bodies(key, images, "body")}

    def missing(self, key: str, images: Sequence[str]) -> set[str]:
        """Which of these pictures have no stored answer."""
        return set(images) - {image for image, _ in self._bodies(key, images, "null")}

    def _bodies(self, key: str, images: Sequence[str], column: str) -> Iterator[tuple[str, bytes]]:
        for part in _parts(images):
            query = (
                f"select hex(image), {column} from answers where key = (select id from keys where sha256 = ?) "  # noqa: S608 - our own words
                f"and image in ({', '.join('?' * len(part))})"
            )
            for image, body in self._rows(query, key, *map(bytes.fromhex, part)):
                yield image.lower(), body

    def put(self, batch: Mapping[str, tuple[int, Sequence[tuple[str, Answer]]]]) -> None:
        """Keep a batch in one transaction: key -> (outputs of the network, (picture, answer) pairs)."""
        with self._transaction() as connection:
            for key, (classes, answers) in batch.items():
                connection.execute(
                    "insert into keys (sha256, classes, used_at) values (?, ?, ?) "
                    "on conflict (sha256) do update set used_at = excluded.used_at",
                    (key, classes, int(time.time())),
                )
                number = connection.execute("select id from keys where sha256 = ?", (key,)).fetchone()[0]
                connection.executemany(
                    "insert or replace into answers values (?, ?, ?)",
                    [(number, bytes.fromhex(image), pack(answer)) for image, answer in answers],
                )

    # Choices.

    def choice(self, about: str) -> Choice | None:
        """What was remembered about this."""
        rows = self._rows("select body from choices where about = ?", about)
        return msgspec.json.decode(rows[0][0], type=Choice) if rows else None

    def remember(self, about: str, choice: Choice) -> None:
        with self._transaction() as connection:
            connection.execute("insert or replace into choices values (?, ?)", (about, msgspec.json.encode(choice)))

    # Pictures that do not decode.

    def undecodable(self, decoder: str, images: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Reason and detail of those of these pictures that are known not to decode."""
        found = {}
        for part in _parts(images):
            marks = ", ".join("?" * len(part))
            query = f"select hex(image), reason, detail from undecodable where decoder = ? and image in ({marks})"  # noqa: S608 - only question marks
            for image, reason, detail in self._rows(query, decoder, *map(bytes.fromhex, part)):
                found[image.lower()] = (reason, detail)
        return found

    def put_undecodable(self, decoder: str, image: str, reason: str, detail: str) -> None:
        with self._transaction() as connection:
            connection.execute(
                "insert or replace into undecodable values (?, ?, ?, ?)",
                (decoder, bytes.fromhex(image), reason, detail),
            )

    # Files that were hashed.

    def hashed(self, file: FileState) -> str | None:
        """The sha256 of a file that is as it was when it was hashed; None for every other."""
        query = "select lower(hex(sha256)) from hashed_files where path = ? and size = ? and mtime_ns = ? and inode = ?"
        rows = self._rows(query, os.fsencode(file.path), file.size, file.mtime_ns, str(file.inode))
        return str(rows[0][0]) if rows else None

    def put_hashed(self, files: Mapping[FileState, str]) -> None:
        """Keep what files were when they were hashed, each with its sha256; of a path, the last alone."""
        with self._transaction() as connection:
            connection.executemany(
                "insert or replace into hashed_files values (?, ?, ?, ?, ?)",
                (
                    (os.fsencode(f.path), f.size, f.mtime_ns, str(f.inode), bytes.fromhex(sha256))
                    for f, sha256 in files.items()
                ),
            )

    # What runs leave for the processes that report them.

    def plan(self, run: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Keep the (model, data set) pairs that a run means to score."""
        with self._transaction() as connection:
            connection.executemany(
                "insert or ignore into plans values (?, ?, ?, ?)",
                [(run, model, dataset, int(time.time())) for model, dataset in pairs],
            )

    def planned(self, run: str) -> set[tuple[str, str]]:
        """The (model, data set) pairs of :meth:`plan`."""
        return set(self._rows("select model, dataset from plans where run = ?", run))

    def tell(self, run: str, dataset: str, done: int, total: int) -> None:
        """Keep how far a pass is, for the process that has the terminal."""
        with self._transaction() as connection:
            connection.execute("insert or replace into progress values (?, ?, ?, ?)", (run, dataset, done, total))

    def put_outcome(
        self, run: str, outcome: DatasetOutcome, images: Sequence[ImageRef], lists: Sequence[LabelList]
    ) -> None:
        """Keep what a run learnt of a data set, the order of its pictures, and the names it used."""
        with self._transaction() as connection:
            connection.execute(
                "insert or replace into outcomes values (?, ?, ?)",
                (run, outcome.dataset, msgspec.json.encode(outcome)),
            )
            connection.execute("delete from listings where run = ? and dataset = ?", (run, outcome.dataset))
            connection.executemany(
                "insert into listings values (?, ?, ?, ?, ?, ?)",
                (
                    (run, outcome.dataset, position, i.path, bytes.fromhex(i.sha256), i.label)
                    for position, i in enumerate(images)
                ),
            )
            keys = [(int(time.time()), pair.prediction_key) for pair in outcome.pairs]
            connection.executemany("update keys set used_at = ? where sha256 = ?", keys)
            planned = [(run, pair.scores.model, outcome.dataset, int(time.time())) for pair in outcome.pairs]
            connection.executemany("insert or ignore into plans values (?, ?, ?, ?)", planned)
            for labels in lists:
                key = list_key(labels)
                rows = ((key, position, name) for position, name in enumerate(labels.names))
                connection.executemany("insert or ignore into names values (?, ?, ?)", rows)

    def outcome(self, run: str, dataset: str) -> DatasetOutcome | None:
        rows = self._rows("select body from outcomes where run = ? and dataset = ?", run, dataset)
        return msgspec.json.decode(rows[0][0], type=DatasetOutcome) if rows else None

    def listing(self, run: str, dataset: str) -> Iterator[list[tuple[str, str, str | None]]]:
        """The pictures of a run in order, in parts: (path, sha256, label)."""
        last = -1
        while rows := self._rows(
            "select position, path, hex(image), label from listings "
            "where run = ? and dataset = ? and position > ? order by position limit ?",
            run, dataset, last, QUERIED,
        ):  # fmt: skip
            last = rows[-1][0]
            yield [(path, image.lower(), label) for _, path, image, label in rows]

    def names(self, key: str) -> tuple[str, ...]:
        """The names of a list, by its :func:`list_key`."""
        return tuple(name for (name,) in self._rows("select name from names where list = ? order by position", key))

    def forget(self, run: str) -> None:
        """Drop what this run left for reporting, and what runs that died a week ago left."""
        with self._transaction() as connection:
            old = "select run from plans where made_at < ?"
            for table in ("listings", "outcomes", "progress", "plans"):
                connection.execute(
                    f"delete from {table} where run = ? or run in ({old})",  # noqa: S608 - our own words
                    (run, int(time.time()) - FORGOTTEN_DAYS * DAY_SECONDS),
                )

    # Upkeep.

    def verify(self) -> int:
        """Read everything; the number of answers. Raises StoreError where the file is damaged."""
        damage = [text for (text,) in self._rows("pragma integrity_check") if text != "ok"]
        count = 0
        for image, body in self._rows("select hex(image), body from answers"):
            count += 1
            try:
                unpack(body)
            except struct.error as error:
                damage.append(f"the answer for picture {image.lower()}: {error}")
        if damage:
            raise StoreError(f"the store {self.file} is damaged: {'; '.join(damage[:3])}. Delete the file")
        return count

    def prune(self, unused_for_days: float) -> int:
        """Drop the answers of keys, and what was compiled, that no run has used for so long; how many keys went."""
        before = int(time.time() - unused_for_days * DAY_SECONDS)
        with self._errors():
            for folder in self.artefacts.glob("*") if self.artefacts else ():
                if folder.stat().st_mtime < before:
                    shutil.rmtree(folder)
        with self._transaction() as connection:
            return connection.execute("delete from keys where used_at < ?", (before,)).rowcount


def told(folder: Path, run: str) -> list[tuple[str, int, int]]:
    """What :meth:`Store.tell` kept in this folder, without a look at anything else: (data set, done, to do)."""
    try:
        with closing(sqlite3.connect(f"{(folder / FILE).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            query = "select dataset, done, total from progress where run = ? order by dataset"
            return connection.execute(query, (run,)).fetchall()
    except sqlite3.OperationalError:  # no store yet, or one that is being written: the next look will tell
        return []


def list_key(labels: LabelList) -> str:
    """What tells one list of names from another."""
    return digest.of_json(labels.names)


def _make(folder: Path) -> None:
    """A new folder that git ignores; a folder that is there already stays as it is."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="ascii")


def _parts(images: Sequence[str]) -> Iterator[Sequence[str]]:
    return (images[start : start + QUERIED] for start in range(0, len(images), QUERIED))


def pack(answer: Answer) -> bytes:
    """Little-endian: logsumexp, how many classes, their indices, their logits, the fingerprint, a CRC-32."""
    indices, logits = zip(*answer.top, strict=True)
    k, f = len(indices), len(answer.fingerprint)
    content = struct.pack(f"<dB{k}I{k}f{f}f", answer.logsumexp, k, *indices, *logits, *answer.fingerprint)
    return content + struct.pack("<I", zlib.crc32(content))


def unpack(body: bytes) -> Answer:
    """The inverse of :func:`pack`. Raises struct.error for a body that it did not write."""
    content = body[:-4]
    if struct.pack("<I", zlib.crc32(content)) != body[-4:]:
        raise struct.error(f"{len(body)} bytes that do not match their checksum")
    logsumexp, k = struct.unpack_from("<dB", content)
    fingerprints = (len(content) - 9 - 8 * k) // 4
    values = struct.unpack(f"<{k}I{k}f{fingerprints}f", content[9:])
    return Answer(tuple(zip(values[:k], values[k : 2 * k], strict=True)), logsumexp, values[2 * k :])
