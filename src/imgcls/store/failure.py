"""What a store's file or folder failed at, and the way out: only what is damaged is deleted."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from imgcls import documents
from imgcls.messages import one_line

_UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})  # docs/decisions.md#ways-out-of-a-store-that-fails
_UNDAMAGED = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT,
})  # fmt: skip
"""SQLite's codes for what is wrong around a file, and not in it."""

_UNWRITTEN = frozenset({
    sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
})  # fmt: skip
"""SQLite's codes where the system did not write, for which it keeps the system's own to itself."""

_ELSEWHERE = "name another folder for the store, or switch it off"


def message(file: Path | None, error: BaseException) -> str:
    """What to say of an error of the system, of SQLite or of what reads its rows; ``file``: None in memory."""
    if file and _is_read_only(file, error):
        return (
            f"the store {file} is read-only here ({one_line(error)}): name a folder that can be written with "
            "--store DIR (--imgcls-store DIR), into which its files may be copied, or switch the store off with "
            "--store off (--imgcls-store off)"
        )
    return f"the store {file or 'in memory'} cannot be used: {one_line(error)}. {_way_out(error)}"


def _is_read_only(file: Path, error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _UNWRITABLE
    if _code(error) == sqlite3.SQLITE_CANTOPEN:
        return not all(os.access(path, os.R_OK | os.W_OK) for path in (file.parent, file) if path.exists())
    return _code(error) in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}


def _way_out(error: BaseException) -> str:
    code = _code(error)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"Another process writes to it: run again when that is done, or {_ELSEWHERE}"
    if code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and documents.is_full(error)):
        return f"Make room, {_ELSEWHERE}"
    if getattr(error, "sqlite_errorcode", 0) in _UNWRITTEN:
        return f"Make room where the disk, a quota or a limit on files is used up; else {_ELSEWHERE}"
    if isinstance(error, OSError) or code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}:
        return _ELSEWHERE.capitalize()
    return f"Delete the file, {_ELSEWHERE}"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error of SQLite's may be about what is in the file, so that deleting it helps."""
    return _code(error) not in _UNDAMAGED


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where it is not an error of SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
