"""imgcls.store.schema: every version of the file leads to the same tables, and a newer one is left alone."""

import hashlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

import stored
from imgcls.errors import StoreError
from imgcls.store import schema
from imgcls.store.codec import pack
from imgcls.store.database import Store
from imgcls.store.schema import VERSION
from stored import KEY, STATE

FIRST_SCRIPT_SHA256 = "332f5f876c9e0283462227473e638666065d51754043024437b31a1fc7f60e45"


def _first_version(folder: Path) -> None:
    """Write the file that the first version of imgcls would, with predictions of two images."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "predictions.sqlite3")) as connection:
        connection.executescript(schema.HISTORY[0])
        connection.execute("insert into keys values (1, ?, 1000, ?)", (KEY, int(time.time())))
        rows = [(1, bytes.fromhex(image), pack(output)) for image, output in stored.outputs([1, 2])]
        connection.executemany("insert into answers values (?, ?, ?)", rows)
        connection.execute("pragma user_version = 1")
        connection.commit()


def test_a_store_of_the_first_version_is_brought_up_to_date(folder: Path) -> None:
    """Its predictions are read, and what is new works; the script that made it is still the same."""
    assert hashlib.sha256(schema.HISTORY[0].encode()).hexdigest() == FIRST_SCRIPT_SHA256
    _first_version(folder)
    for _ in range(2):
        with closing(Store(folder)) as store:
            assert store._rows("pragma user_version") == [(VERSION,)]
            assert dict(stored.outputs([1, 2])) == store.outputs(
                KEY, [stored.sha256(1), stored.sha256(2), stored.sha256(3)]
            )
            store.put_hashed({STATE: stored.sha256(1)})
            assert store.hashed(STATE) == stored.sha256(1)


def test_an_older_and_a_new_store_have_one_schema(folder: Path) -> None:
    """A store that was brought up to date has the tables of a new one."""
    _first_version(folder)
    with closing(Store(folder)) as old, closing(Store(None)) as new:
        tables = "select type, name, sql from sqlite_schema order by name"
        assert old._rows(tables) == new._rows(tables)


def test_a_store_that_cannot_be_brought_up_to_date_stays_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that fails half-way leaves the older file to the older version."""
    _first_version(folder)
    before = (folder / "predictions.sqlite3").read_bytes()
    monkeypatch.setattr(schema, "HISTORY", (*schema.HISTORY, "create table half (n);\ncreate table keys (n)"))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    with pytest.raises(StoreError, match="table keys already exists"):
        Store(folder)
    assert (folder / "predictions.sqlite3").read_bytes() == before


@pytest.mark.parametrize("version", [VERSION + 1, VERSION + 2])
def test_a_newer_schema_is_refused(folder: Path, version: int) -> None:
    """A store of a newer version of imgcls is not touched, and the message states what to do."""
    with closing(Store(folder)) as store:
        store._connection.execute(f"pragma user_version = {version}")
    with pytest.raises(
        StoreError, match=rf"its schema is {version}, ours {VERSION}\): delete the file, or name another"
    ):
        Store(folder)
