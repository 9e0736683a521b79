"""imgcls.store.failure: a message about the store names what helps, and only what is damaged is deleted."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from imgcls.store import failure


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite has it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EROFS, os.strerror(errno.EROFS), "/store"),
        PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/store"),
        PermissionError(errno.EPERM, os.strerror(errno.EPERM), "/store"),
        _sqlite(sqlite3.SQLITE_READONLY),
        _sqlite(sqlite3.SQLITE_READONLY_DBMOVED),
        _sqlite(sqlite3.SQLITE_PERM),
    ],
)
def test_a_place_that_cannot_be_written_is_called_read_only(tmp_path: Path, error: Exception) -> None:
    """Another folder, a copy or no store at all helps; to delete what cannot be written does not."""
    text = failure.message(tmp_path / "predictions.sqlite3", error)
    assert text.startswith(f"the store {tmp_path / 'predictions.sqlite3'} is read-only here (")
    assert "--store DIR (--imgcls-store DIR), into which its files may be copied, or " in text
    assert text.endswith("--store off (--imgcls-store off)")
    assert "elete" not in text


@pytest.mark.parametrize(("writable", "says"), [(False, "is read-only here"), (True, "cannot be used: as SQLite")])
def test_what_sqlite_cannot_open_is_read_only_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool, says: str
) -> None:
    """SQLite itself states no more than that it could not."""
    monkeypatch.setattr(os, "access", lambda *_: writable)
    text = failure.message(tmp_path / "predictions.sqlite3", _sqlite(sqlite3.SQLITE_CANTOPEN))
    assert says in text
    assert "elete" not in text


@pytest.mark.parametrize(
    ("error", "way"),
    [
        (_sqlite(sqlite3.SQLITE_BUSY), "Another process writes to it: run again when that is done, or name another "),
        (_sqlite(sqlite3.SQLITE_FULL), "Make room, name another "),
        (OSError(errno.ENOSPC, "No space left on device"), "Make room, name another "),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Make room, name another "),
        (OSError(errno.EFBIG, "File too large"), "Make room, name another "),
        (
            _sqlite(sqlite3.SQLITE_IOERR_WRITE),
            "Make room where the disk, a quota or a limit on files is used up; else name another ",
        ),
        (OSError(errno.ENOTDIR, "Not a directory"), "Name another "),
        (_sqlite(sqlite3.SQLITE_IOERR_READ), "Name another "),
        (_sqlite(sqlite3.SQLITE_CORRUPT), "Delete the file, name another "),
        (_sqlite(sqlite3.SQLITE_NOTADB), "Delete the file, name another "),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a damaged name"), "Delete the file, name another "),
    ],
)
def test_each_failure_has_its_way_out(error: Exception, way: str) -> None:
    """Only a file that is damaged is deleted."""
    text = failure.message(Path("p.sqlite3"), error)
    assert f". {way}folder for the store, or switch it off" in text


def test_a_store_in_memory_is_no_file() -> None:
    """And cannot be read-only."""
    assert failure.message(None, _sqlite(sqlite3.SQLITE_READONLY)).startswith("the store in memory cannot be used: ")
