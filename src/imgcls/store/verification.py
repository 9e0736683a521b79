"""Reads every row of every table of the store, and finds what is damaged or lost."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgcls.messages import one_line
from imgcls.store import checksum, failure, remarks
from imgcls.store.connection import text
from imgcls.store.predictions import KEY_BYTES
from imgcls.store.runs import UNFINISHED

ROLLBACK_JOURNAL = b"\1\1"
"""Bytes 18 and 19 of a database: what writing and reading it needs (SQLite, "Database File Format", section 1.3.3)."""

TABLES = "select name, sql from sqlite_schema where type = 'table' order by name"

LOST = {
    "the listing of a run": "select run || ', ' || dataset from outcomes o where images not in "  # noqa: S608 - our own number
    f"({UNFINISHED}, (select count(*) from listings l where l.run = o.run and l.dataset = o.dataset))",
    "the outcome of a run": "select distinct run || ', ' || dataset from listings l where not exists "
    "(select 1 from outcomes o where o.run = l.run and o.dataset = l.dataset)",
    "the plan of a run": "select run from outcomes where run not in (select run from plans)",
    "the key of predictions": "select lower(hex(key)) from answers a group by key "
    "having not exists (select 1 from keys where substr(sha256, 1, length(a.key)) = a.key)",
}
"""Queries for what is not complete any more, each with what that is."""


def damage(connection: sqlite3.Connection, tables: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A line for each damage of a store; ``tables``: the names of its tables, and the statements that make them."""
    yield from _read("the file", _of_file(connection))
    yield from _read("the tables", _of_schema(connection, tables))
    for name, _ in tables:
        yield from _read(f"the table {name}", _of_rows(connection, name))
    for what, query in LOST.items():
        yield from _read(what, _of_lost(connection, what, query))
    yield from _read("the remarks on images", _of_lost_remarks(connection))


def _read(what: str, lines: Iterator[str]) -> Iterator[str]:
    """The lines, and what ends them where SQLite cannot read any further, unless it is no fault of the file."""
    try:
        yield from lines
    except (sqlite3.DatabaseError, UnicodeError) as error:
        if isinstance(error, sqlite3.Error) and not failure.is_damage(error):
            raise
        yield f"{what}: {one_line(error)}"


def _of_file(connection: sqlite3.Connection) -> Iterator[str]:
    [(name,)] = connection.execute("select file from pragma_database_list where name = 'main'")
    file = Path(name)
    if file.is_file():  # not in memory, nor where its name is not Unicode
        with file.open("rb") as opened:
            if opened.read(20)[18:] != ROLLBACK_JOURNAL:
                yield "the file's header states another kind of journal, with which it may be read-only"
    for (result,) in connection.execute("pragma integrity_check"):
        yield from (line for line in result.splitlines() if line != "ok" and not line.startswith("***"))


def _of_schema(connection: sqlite3.Connection, tables: Sequence[tuple[str, str]]) -> Iterator[str]:
    if connection.execute(TABLES).fetchall() != list(tables):
        yield "the tables are not as this version of imgcls makes them"


def _of_rows(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    whole_keys = {}
    if table == "answers":
        whole_keys = dict(connection.execute("select substr(sha256, 1, ?), sha256 from keys", (KEY_BYTES,)))
    key_columns = sum(bool(is_key) for *_, is_key in connection.execute(f"pragma table_info({table})"))
    for first, *values, stored in connection.execute(f"select * from {table}"):  # noqa: S608 - our own words
        if checksum.of(table, whole_keys.get(first, first), *values) != stored:
            key = ", ".join(map(_named, (first, *values)[:key_columns]))
            yield f"the row of {table} for {key} does not match its checksum"


def _of_lost(connection: sqlite3.Connection, what: str, query: str) -> Iterator[str]:
    for (about,) in connection.execute(query):
        yield f"{what} is not complete any more: {_named(about)}"


def _of_lost_remarks(connection: sqlite3.Connection) -> Iterator[str]:
    for decoding in lost_remarks(connection):
        yield f"the remarks on images are not complete any more: {_named(decoding)}"


def lost_remarks(connection: sqlite3.Connection, database: str = "main") -> Iterator[str]:
    """The decodings of which a remark on an image is lost."""
    images = defaultdict(list)
    for decoding, image in connection.execute(f"select decoding, image from {database}.remarks"):  # noqa: S608 - our own words
        images[decoding].append(image)
    stored = dict(connection.execute(f"select decoding, images from {database}.remarked"))  # noqa: S608 - our own words
    for decoding in images.keys() | stored.keys():
        if remarks.digest(images[decoding]) != stored.get(decoding):
            yield decoding


def _named(value: checksum.Value) -> str:
    """A value of a key as text, or in hexadecimal."""
    if not isinstance(value, bytes):
        return str(value)
    name = text(value)
    return name if name.isprintable() and "\ufffd" not in name else value.hex()
