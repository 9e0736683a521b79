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
from stored import KEY

SCRIPTS_SHA256 = (
    "332f5f876c9e0283462227473e638666065d51754043024437b31a1fc7f60e45",
    "aff5862992f575e0e9f272abf5b5444551d48cf0edc5574177ceb1fe8583c479",
    "456a2f762ff404d5e523210b16e68b45616309a83bcd15915d8591f52712e827",
    "790c9f560499c64f9cef4d4adb2ea4e42e81019a06773ef49f9b32a37827e294",
    "19ecb9bb23f46c2b789e56a3e18dba060883c1d8245943db6bb001b26e5f288f",
)


def _old_version(folder: Path, version: int = 1) -> None:
    """Write the file that an earlier version of imgcls would, with predictions of two images."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "predictions.sqlite3")) as connection:
        for script in schema.HISTORY[:version]:
            connection.executescript(script)
        connection.execute("insert into keys values (1, ?, 1000, ?)", (KEY, int(time.time())))
        rows = [(1, bytes.fromhex(image), pack(output) + b"crc.") for image, output in stored.outputs([1, 2])]
        connection.executemany("insert into answers values (?, ?, ?)", rows)
        connection.execute(f"pragma user_version = {version}")
        connection.commit()


def test_released_scripts_are_never_changed() -> None:
    """Every version leads to the same tables, because the scripts that made it are still the same."""
    assert tuple(hashlib.sha256(script.encode()).hexdigest() for script in schema.HISTORY) == SCRIPTS_SHA256


@pytest.mark.parametrize("version", [1, 2])
def test_rows_without_checksums_are_removed_once_and_aloud(folder: Path, version: int) -> None:
    """Nothing of an earlier version is served, a sentence says so at the first opening only, and everything works."""
    _old_version(folder, version)
    removed = (
        "the store was written by an older version of imgcls, without checksums: its 2 predictions were removed, "
        "and are computed again"
    )
    images = [stored.sha256(number) for number in (1, 2, 3)]
    with closing(Store(folder)) as store:
        assert store._rows("pragma user_version") == [(VERSION,)]
        assert (store.damage.take(), store.damage.take()) == ((removed,), ())
        assert (store.classes(KEY), store.missing(KEY, images), store.verify()) == (None, set(images), 0)
        store.put({KEY: (1000, stored.outputs([1]))})
    with closing(Store(folder)) as store:
        assert (store.damage.take(), store.missing(KEY, images)) == ((), {stored.sha256(2), stored.sha256(3)})


def test_rows_with_checksums_stay_valid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of the previous schema serves what it has, without a word; what its keys are hashes of is not known."""
    images = [stored.sha256(number) for number in (1, 2)]
    with monkeypatch.context() as patched:
        patched.setattr(schema, "HISTORY", schema.HISTORY[:3])
        patched.setattr(schema, "VERSION", 3)
        with closing(Store(folder)) as old:
            old.put({KEY: (1000, stored.outputs([1, 2]))})
            assert old._rows("select name from sqlite_schema where name = 'identities'") == []
    with closing(Store(folder)) as store:
        assert store._rows("pragma user_version") == [(VERSION,)]
        assert (store.damage.take(), store.missing(KEY, images), store.verify()) == ((), set(), 2)
        assert store.outputs(KEY, images) == dict(stored.outputs([1, 2]))
        assert store.parts(KEY) is None


def test_an_older_and_a_new_store_have_one_schema(folder: Path) -> None:
    """A store that was brought up to date has the tables of a new one."""
    _old_version(folder)
    with closing(Store(folder)) as old, closing(Store(None)) as new:
        tables = "select type, name, sql from sqlite_schema order by name"
        assert old._rows(tables) == new._rows(tables)


def test_a_store_that_cannot_be_brought_up_to_date_stays_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that fails half-way leaves the older file to the older version."""
    _old_version(folder)
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
