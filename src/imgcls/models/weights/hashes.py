"""The sha256 of files of weights: while a file stays as it is, a process reads it for that only once."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import NamedTuple

SETTLED_NS = 2_000_000_000  # docs/decisions.md#weights-hashed-once
"""The age of a file's last change from which the next one is sure to give it another time."""


class _State(NamedTuple):
    """What changes when the bytes of a file do. ``path``: without links, because some file systems have no inodes."""

    path: Path
    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


_HASHES: dict[_State, str] = {}


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in lower-case hexadecimal. Raises :class:`OSError` as ``open`` does."""
    with path.open("rb") as file:
        state = _state(path.resolve(), file.fileno())  # before the hash: a change while it is computed moves the time
        if known := _HASHES.get(state):
            return known
        is_settled = time.time_ns() - max(state.modified_ns, state.changed_ns) > SETTLED_NS
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if is_settled:
            _HASHES[state] = sha256
        return sha256


def _state(path: Path, descriptor: int) -> _State:
    stat = os.fstat(descriptor)
    return _State(path, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
