"""Faults of a store's file: bits, pages, ends that are missing, and rows with other values."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

BITS, PAGE = 120, 4096

Fault = Callable[[Path], None]

Value = int | float | str | bytes | None

Row = Sequence[Value]


def _bit(place: int) -> Fault:
    def turn(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[place // 8] ^= 1 << place % 8
        file.write_bytes(content)

    return turn


def _bytes(start: int, content: bytes) -> Fault:
    def overwrite(file: Path) -> None:
        with file.open("r+b") as opened:
            opened.seek(start)
            opened.write(content)

    return overwrite


def cut(size: int) -> Fault:
    def cut(file: Path) -> None:
        with file.open("r+b") as opened:
            opened.truncate(size)

    return cut


def of_file(content: bytes, rng: random.Random) -> Iterator[tuple[str, Fault]]:
    """Bits all over the file, pages of zeros and of noise, pages that are exchanged, and ends that are missing."""
    for number in range(BITS):
        place = number * 8 * len(content) // BITS + rng.randrange(8 * len(content) // BITS)
        yield f"bit {place % 8} of byte {place // 8}", _bit(place)
    pages = range(0, len(content), PAGE)
    for start in pages:
        yield f"zeros from {start}", _bytes(start, bytes(PAGE))
        noise = start + rng.randrange(PAGE - 64)
        yield f"noise from {noise}", _bytes(noise, rng.randbytes(64))
    for _ in range(12):
        one, other = rng.sample(pages[1:], 2)
        yield f"page {other} in the place of {one}", _bytes(one, content[other : other + PAGE])
    for size in (0, 17, 100, 512, PAGE, *sorted(rng.sample(range(PAGE, len(content)), 5))):
        yield f"cut at {size}", cut(size)


def _replaced(table: str, old: Row, *new: Row) -> Fault:
    """Rows in the place of one, also such as the schema does not allow."""

    def replace(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            [(sql,)] = connection.execute("select sql from sqlite_schema where name = ?", (table,)).fetchall()
            names = [column[1] for column in connection.execute(f"pragma table_info({table})")]
        with_null = any(value is None for row in new for value in row)
        if with_null:
            _set_schema(file, table, sql.replace(" not null", ""))
        condition, marks = " and ".join(f"{name} is ?" for name in names), ", ".join("?" * len(names))
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("pragma synchronous = off")
            connection.execute(f"delete from {table} where {condition}", old)  # noqa: S608 - our own words
            connection.executemany(f"insert or replace into {table} values ({marks})", new)  # noqa: S608
        if with_null:
            _set_schema(file, table, sql)

    return replace


def _set_schema(file: Path, table: str, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("pragma synchronous = off")
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_schema set sql = ? where name = ?", (sql, table))


def of_rows(file: Path, rng: random.Random) -> Iterator[tuple[str, Fault]]:
    """In every table: every column with another value and with one of another type, exchanged keys, a lost row."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")]
        for table in tables:
            columns = connection.execute(f"pragma table_info({table})").fetchall()
            rows = connection.execute(f"select * from {table}").fetchall()  # noqa: S608 - our own words
            for place, (_, name, *_, is_key) in enumerate(columns):
                old = rng.choice(rows)
                for value in (_other_value(old[place]), _other_type(old[place], nullable=not is_key, rng=rng)):
                    new = (*old[:place], value, *old[place + 1 :])
                    yield f"{table}.{name} = {value!r:.40}", _replaced(table, old, new)
            keys = sum(bool(is_key) for *_, is_key in columns)
            if len(rows) > 1:
                one, other = rng.sample(rows, 2)
                new = ((*one[:keys], *other[keys:]), (*other[:keys], *one[keys:]))
                yield f"{table}: exchanged keys", _both(_replaced(table, one, new[0]), _replaced(table, other, new[1]))
            yield f"{table}: a lost row", _replaced(table, rng.choice(rows))


def _both(first: Fault, second: Fault) -> Fault:
    def fault(file: Path) -> None:
        first(file)
        second(file)

    return fault


def _other_value(value: Value) -> Value:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    return value + 1 if isinstance(value, int | float) else f"{value}?"


def _other_type(value: Value, *, nullable: bool, rng: random.Random) -> Value:
    if nullable and rng.random() < 0.5:
        return None
    if isinstance(value, bytes):
        return value.hex()
    return f"{value}?" if isinstance(value, int | float) else str(value).encode()
