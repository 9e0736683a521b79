"""Folders on the driver's disk that end with it; what a driver that was killed left goes when the next one comes."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK = ".lock"


@contextmanager
def made(place: Path, prefix: str) -> Iterator[Path]:
    """A new folder of this user in a place, while it is open. Raises OSError where none can be made there.

    Its process holds the lock next to it, which the system releases when that process dies.
    """
    _remove_left(place, prefix)
    folder = place / f"{prefix}{secrets.token_hex(4)}"  # short, because a path of a socket is
    lock = folder.with_name(folder.name + _LOCK)
    with FileLock(lock):
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            _remove(folder, lock)


def _remove_left(place: Path, prefix: str) -> None:
    """Remove the folders of processes that are dead; those of other users stay."""
    for folder in place.glob(f"{prefix}*"):
        lock = folder.with_name(folder.name + _LOCK)
        if lock.is_file():
            with suppress(OSError, Timeout), FileLock(lock, timeout=0):
                _remove(folder, lock)


def _remove(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.unlink(missing_ok=True)
