"""Which process holds a lock: the note that it leaves next to the lock, and what others say while they wait.

The note is of no consequence: who holds the lock is decided by the lock, which the system releases when its process
dies. Where a process was killed, its note stays until the next one holds the lock.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec


class Holder(msgspec.Struct, frozen=True):
    """A process that holds a lock; ``since``: in seconds since 1970; ``program`` is empty where it has no name."""

    program: str
    pid: int
    host: str
    since: float


@contextmanager
def noted(file: Path) -> Iterator[None]:
    """While it is open, a note on this process is in the file, where one can be written."""
    own = Holder(_program(Path(sys.argv[0])), os.getpid(), platform.node(), time.time())
    with suppress(OSError):
        file.write_bytes(msgspec.json.encode(own))
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _program(command: Path) -> str:
    """The name of a program by what it was started as; ``python -c`` has none."""
    name = command.parent.name if command.name == "__main__.py" else command.name
    return "" if name.startswith("-") else name


def waiting(folder: Path, note: Path, waited_s: float) -> str:
    """What a process says that waits for a store: until when, for whom and since when; the rest may be cut off."""
    who, since = who_and_since(note)
    return (
        f"waiting until {who} is done or ends, {since}; it uses the store {folder}; {_duration(waited_s)} so far, for "
        "as long as it takes; --store DIR (--imgcls-store DIR) names another store"
    )


def who_and_since(note: Path) -> tuple[str, str]:
    """The process that holds a lock, and since when, in words."""
    try:
        holder = msgspec.json.decode(note.read_bytes(), type=Holder)
        since = datetime.fromtimestamp(holder.since, UTC).astimezone()
    except (OSError, ValueError, OverflowError, msgspec.MsgspecError):
        return "another process", "which left no note"
    process = f"process {holder.pid} on {holder.host}"
    day = "" if since.date() == datetime.now(UTC).astimezone().date() else f"{since:%Y-%m-%d} "
    ago = _duration(max(0.0, time.time() - holder.since))
    who = f"{holder.program} ({process})" if holder.program else process
    return who, f"at work since {day}{since:%H:%M:%S} ({ago})"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
