"""imgcls.store.verification: damage of the file, of rows, of what belongs together, each in a line of its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import stored
from imgcls.errors import StoreError
from imgcls.store import verification
from imgcls.store.database import Store
from stored import KEY, OUTCOME

REMARK = {stored.sha256(1): ["16 bits"]}


def _damage(store: Store) -> list[str]:
    with closing(Store(None)) as new:
        return list(verification.damage(store._connection, new._rows(verification.TABLES)))


def _fill(store: Store) -> None:
    store.put({KEY: (10, stored.outputs([1, 2]))})
    store.put_remarks("Pillow 13", REMARK)
    store.put_outcome("run", OUTCOME, stored.images(range(3)), [])


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("update keys set used_at = 3", f"the row of keys for {KEY} does not match its checksum"),
        ("update outcomes set dataset = 'other'", "the row of outcomes for run, other does not match its checksum"),
        ("update remarks set body = 5", f"the row of remarks for Pillow 13, {stored.sha256(1)} does not match"),
        ("delete from keys", f"the key of predictions is not complete any more: {KEY[:16]}"),
        ("delete from listings where position = 2", "the listing of a run is not complete any more: run, photos"),
        ("delete from outcomes", "the outcome of a run is not complete any more: run, photos"),
        ("delete from plans", "the plan of a run is not complete any more: run"),
        ("delete from remarks", "the remarks on images are not complete any more: Pillow 13"),
        ("delete from remarked", "the remarks on images are not complete any more: Pillow 13"),
        ("create table diary (day)", "the tables are not as this version of imgcls makes them"),
    ],
)
def test_each_damage_has_a_line(store: Store, fault: str, line: str) -> None:
    """It names the table and the key of the row, or what is not complete."""
    _fill(store)
    assert _damage(store) == []
    store._connection.execute(fault)
    assert any(found.startswith(line) for found in _damage(store)), _damage(store)


def test_a_table_that_cannot_be_read_does_not_hide_the_next(store: Store, folder: Path) -> None:
    """SQLite's own errors are lines as well, and reading goes on with the next table."""
    _fill(store)
    store.put({KEY: (10, stored.outputs(range(2000)))})
    store._connection.execute("update outcomes set images = 4")
    [(root,)] = store._rows("select rootpage from sqlite_schema where name = 'answers'")
    store.close()
    with (folder / "predictions.sqlite3").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes(4096))
    with closing(Store(folder)) as damaged:
        lines = _damage(damaged)
    assert "the table answers: database disk image is malformed" in lines
    assert "the row of outcomes for run, photos does not match its checksum" in lines


def test_a_name_of_a_column_that_is_not_text_is_a_line(store: Store, folder: Path) -> None:
    """A bit of the schema that makes a name unreadable is damage, and not a traceback."""
    _fill(store)
    store.close()
    file = folder / "predictions.sqlite3"
    content = file.read_bytes()
    place = content.index(b"used_at integer")
    file.write_bytes(content[:place] + bytes([content[place] | 0x80]) + content[place + 1 :])
    with closing(Store(folder)) as damaged:
        lines = _damage(damaged)
    assert any("can't decode" in line for line in lines), lines


def test_a_header_that_makes_the_file_read_only_is_a_line(store: Store, folder: Path) -> None:
    """SQLite takes it for a file of a later version, which it may read and not write."""
    _fill(store)
    store.close()
    with (folder / "predictions.sqlite3").open("r+b") as file:
        file.seek(18)
        file.write(b"\x09")
    with closing(Store(folder)) as damaged:
        assert _damage(damaged) == ["the file's header states another kind of journal, with which it may be read-only"]


def test_a_full_disk_is_no_damage(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a file that is busy: the advice is room, and not to delete what is in order."""

    def full(*_: object) -> Iterator[str]:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        yield from ()
        raise error

    monkeypatch.setattr(verification, "_of_file", full)
    with pytest.raises(StoreError) as failed:
        store.verify()
    assert "cannot be used: database or disk is full. Make room" in str(failed.value)
    assert "elete" not in str(failed.value)
