"""Stores of several shards become one: every intact row of each, under the keys that it has."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock, Timeout

from imgcls import documents
from imgcls.errors import ConfigError, StoreError
from imgcls.messages import named
from imgcls.records.runtime import RuntimeChoice
from imgcls.store import checksum, codec, connection, failure, holder, remarks, schema, verification
from imgcls.store.connection import SCORING, UNUSABLE
from imgcls.store.database import Store
from imgcls.store.identities import Parts
from imgcls.store.predictions import KEY_BYTES

COPIED: Final[Mapping[str, str]] = {
    "keys": "prediction keys", "identities": "parts of prediction keys", "undecodable": "rejections",
    "choices": "choices of runtimes", "hashed_files": "hashes of files", "durations": "durations",
    "remarks": "remarks", "descriptions": "descriptions of models",
}  # fmt: skip
"""Tables of which every row is taken as it is, and what the rows are called; what runs leave is of those runs only."""

IMAGES_NAMED = 3  # docs/decisions.md#names-in-a-message


@dataclass(frozen=True, slots=True)
class MergedStore:
    """What one of several stores had. ``keys``: the parts of its prediction keys, None where they are not known.

    ``new``: predictions that no store before it had; ``damaged``: rows that were left out, by kind; ``different``:
    predictions of which a store before it has another one under the same key, and ``images`` (sha256) of some.
    """

    folder: Path
    predictions: int
    new: int
    keys: Mapping[str, Parts | None]
    damaged: Mapping[str, int]
    different: int
    images: Sequence[str]


def merge(folders: Sequence[Path], out: Path) -> list[MergedStore]:
    """Write a store with the rows of all of these into a new folder, of which nothing is there until it is whole.

    Of rows with one key the first one is taken; of ``precision = "auto"`` the predictions in float32, and the widest
    bound. Raises ConfigError where something that is named is not a store, or is named twice, or where ``out`` is
    there; StoreError where a store is of another schema, cannot be read, or is the one into which a process scores.
    """
    files = [_file(folder) for folder in folders]
    places = [folder.resolve() for folder in folders]
    if twice := [folder for number, folder in enumerate(folders) if places[number] in places[:number]]:
        raise ConfigError(f"{twice[0]} is named twice: name each store once")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already: name a folder that is not, with -o FOLDER")
    for file in files:
        _require_schema(file)
    with ExitStack() as locks:
        for folder in folders:
            _hold(locks, folder)
        with _own(out) as half, closing(Store(half)) as store:
            (half / ".gitignore").write_text("*\n", encoding="ascii")
            return [_Part(store, folder, file).added() for folder, file in zip(folders, files, strict=True)]


def _hold(locks: ExitStack, folder: Path) -> None:
    """Let no process score into a store while it is read, which stays as it is. Raises StoreError where one does."""
    file = folder / f"{SCORING}.lock"
    if not os.access(file, os.W_OK):
        return  # nobody has scored into it, or nobody can
    try:
        locks.enter_context(FileLock(file, timeout=0))
    except Timeout:
        who, since = holder.who_and_since(folder / f"{SCORING}.holder")
        raise StoreError(f"{folder} is not whole yet: {who} scores into it, {since}; merge when that is done") from None


@contextmanager
def _own(out: Path) -> Iterator[Path]:
    """A new folder that becomes ``out``. Raises ConfigError where another process wrote that one first."""
    try:
        with documents.whole_folder(out, is_only=True) as half:
            yield half
    except OSError:
        if out.is_dir() and any(out.iterdir()):
            raise ConfigError(
                f"{out} was written by another process during the merge: name another folder with -o FOLDER"
            ) from None
        raise


def _file(folder: Path) -> Path:
    if (folder / schema.FILE).is_file():
        return folder / schema.FILE
    inside = sorted(str(file.parent) for file in folder.glob(f"*/{schema.FILE}"))
    way = f"those in it are {named(inside)}: name them" if inside else "name the folder of --store"
    raise ConfigError(f"there is no store in {folder}: {way}")


def _require_schema(file: Path) -> None:
    with _errors(file), closing(sqlite3.connect(file)) as reader:
        version = reader.execute("pragma user_version").fetchone()[0]
    if version > schema.VERSION:
        way = "merge with the version of imgcls that wrote it"
    elif version < schema.VERSION:
        way = f"`imgcls cache info --store {file.parent}` brings it up to date"
    else:
        return
    raise StoreError(
        f"{file} was written by another version of imgcls (its schema is {version}, ours {schema.VERSION}): {way}"
    )


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    try:
        yield
    except UNUSABLE as error:
        raise StoreError(failure.message(file, error)) from error


class _Part:
    """One store, attached to the one that it is added to."""

    def __init__(self, store: Store, folder: Path, file: Path) -> None:
        self.store, self.folder, self.file = store, folder, file
        self.damaged: dict[str, int] = {}
        self._intact, self._doubtful = 0, frozenset[bytes]()

    def added(self) -> MergedStore:
        """Take every intact row. Raises StoreError, about this store, where it cannot be read."""
        with _errors(self.file), self.store.attached(self.file) as self.database:
            self.database.create_function("intact", -1, self._is_intact)
            for table, kind in COPIED.items():
                query = f"select * from part.{table} where {self._condition(table)}"  # noqa: S608 - our own words
                self._copied(kind, table, query)
            self._widen_bounds()
            self._doubtful = frozenset(self._images_with_damaged_remarks())
            new = 0 if self._has_lost_remarks() else self._copy_answers()
            self._put_digests()
            total = self._count("answers")
            is_new = new + self.damaged.get("predictions", 0) == total
            if not is_new:
                self._replace_reduced()
            different, images = (0, []) if is_new else self._different()
            return MergedStore(self.folder, total, new, self._keys(), self.damaged, different, images)

    def _is_intact(self, table: str, *arguments: checksum.Value) -> bool:
        """Of :func:`_call`."""
        pairs = zip(arguments[::2], arguments[1::2], strict=True)
        *row, stored = [
            connection.text(value) if isinstance(value, bytes) and kind == "text" else value for value, kind in pairs
        ]
        is_intact = checksum.of(table, *row) == stored and not (table == "answers" and row[1] in self._doubtful)
        self._intact += is_intact
        return is_intact

    def _condition(self, table: str) -> str:
        columns = [name for _, name, *_ in self.database.execute(f"pragma part.table_info({table})")]
        return _call(table, columns)

    def _copied(self, kind: str, table: str, query: str) -> int:
        """Add the rows of a query that are not there yet, and count the damaged ones; the number of new rows."""
        self._intact = 0
        new = self.database.execute(f"insert or ignore into main.{table} {query}").rowcount
        if damaged := self._count(table) - self._intact:
            self.damaged[kind] = damaged
        return new

    def _count(self, table: str) -> int:
        return int(self.database.execute(f"select count(*) from part.{table}").fetchone()[0])  # noqa: S608 - our own words

    def _widen_bounds(self) -> None:
        """Of a screen that both have, take the wider one."""
        query = f"select about, body from part.choices where {self._condition('choices')}"  # noqa: S608 - our own words
        for about, body in self.database.execute(query).fetchall():
            known, other = self.store.choice(about), msgspec.json.decode(body, type=RuntimeChoice)
            if known and known.screen and other.screen and other.screen.bound > known.screen.bound:
                connection.write(self.database, "choices", [(about, body)])

    def _copy_answers(self) -> int:
        query = (
            f"select a.* from main.keys k join part.answers a on a.key = substr(k.sha256, 1, {KEY_BYTES}) "  # noqa: S608 - our own words
            f"where {_call('answers', ['k.sha256', 'a.image', 'a.body', 'a.checksum'])}"
        )
        return self._copied("predictions", "answers", query)

    def _replace_reduced(self) -> None:
        """Take what is in float32 here, and was not there."""
        self.database.execute(
            "insert or replace into main.answers select p.* from part.answers p "  # noqa: S608 - our own words
            "cross join main.answers m on m.key = p.key and m.image = p.image "
            f"join main.keys k on p.key = substr(k.sha256, 1, {KEY_BYTES}) "
            f"where {codec.has_form('p.body')} and {codec.is_reduced('m.body')} and not {codec.is_reduced('p.body')} "
            f"and {_call('answers', ['k.sha256', 'p.image', 'p.body', 'p.checksum'])}"
        )

    def _different(self) -> tuple[int, list[str]]:
        """Of how many predictions another one was there under the same key, and the images of the first of them.

        In another precision it may be another one.
        """
        query = (
            "select p.image from part.answers p join main.answers m on m.key = p.key and m.image = p.image "  # noqa: S608 - our own words
            f"join main.keys k on p.key = substr(k.sha256, 1, {KEY_BYTES}) where m.body != p.body "
            f"and {codec.is_reduced('m.body')} = {codec.is_reduced('p.body')} "
            f"and {codec.without_form('m.body')} != {codec.without_form('p.body')} "
            f"and {_call('answers', ['k.sha256', 'p.image', 'p.body', 'p.checksum'])}"
        )
        rows = self.database.execute(query)
        images = [image.hex() for (image,) in islice(rows, IMAGES_NAMED)]
        return len(images) + sum(1 for _ in rows), images

    def _images_with_damaged_remarks(self) -> Iterator[bytes]:
        """Images whose predictions are left out, so that they are decoded, and remarked on, again."""
        query = f"select image from part.remarks where not {self._condition('remarks')}"  # noqa: S608 - our own words
        return (image for (image,) in self.database.execute(query))

    def _has_lost_remarks(self) -> bool:
        """Whether a row of ``remarks`` is gone, so that nobody knows which images have to be decoded again."""
        if not list(verification.lost_remarks(self.database, "part")):
            return False
        self.damaged["predictions"] = self._count("answers")
        return True

    def _put_digests(self) -> None:
        images: dict[str, list[bytes]] = {}
        for decoding, image in self.database.execute("select decoding, image from main.remarks"):
            images.setdefault(decoding, []).append(image)
        rows = [(decoding, remarks.digest(of_decoding)) for decoding, of_decoding in images.items()]
        connection.write(self.database, "remarked", rows)

    def _keys(self) -> dict[str, Parts | None]:
        """The prediction keys of this store, with their parts."""
        query = f"select sha256 from part.keys where {self._condition('keys')}"  # noqa: S608 - our own words
        keys = [sha256.hex() for (sha256,) in self.database.execute(query).fetchall()]
        return {key: self.store.parts(key) for key in keys}


def _call(table: str, columns: Sequence[str]) -> str:
    """The call that checks a row: each value with its type, texts as bytes, because SQLite passes no broken UTF-8."""
    values = (f"iif(typeof({name}) = 'text', cast({name} as blob), {name}), typeof({name})" for name in columns)
    return f"intact('{table}', {', '.join(values)})"
