"""Rows of plain values, however many there are: beyond a few they are in a temporary file, a block of them together."""

from __future__ import annotations

import heapq
import marshal
import os
import sys
import threading
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Final, Generic, TypeVar

from imgcls.errors import MachineError

BLOCK: Final = 512  # docs/decisions.md#listings-on-disk
"""Rows that are read together."""

IN_MEMORY: Final = 16 * 2**20  # docs/decisions.md#listings-on-disk
"""Bytes of blocks that are kept in memory before all of them go into a file."""

RUN: Final = 128 * BLOCK  # docs/decisions.md#listings-on-disk
"""Rows that are sorted at once."""

_DISK: Final = Path("/var/tmp")  # noqa: S108 - a file without a name, docs/decisions.md#listings-on-disk
_NAMED_BY: Final = ("TMPDIR", "TEMP", "TMP")

Row = TypeVar("Row")


class Blocks(Generic[Row]):
    """Rows in their order. Read-only; 8 bytes of memory for each block of them, and the block that was read last.

    A row consists of what :mod:`marshal` packs: texts, bytes, numbers, None, tuples, lists and dicts of those.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """Consume an iterator, whose rows need not fit into memory. Raises MachineError where the disk is full."""
        self._in_memory: list[bytes] = []
        self._offsets = array("Q", [0])
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._length = 0
        self._last: tuple[int, list[Row]] = (-1, [])
        rows = iter(rows)
        while block := list(islice(rows, BLOCK)):
            self._length += len(block)
            self._append(marshal.dumps(block))

    def at(self, positions: Iterable[int]) -> Iterator[Row]:
        """The rows at these positions, from 0; each block is read once where the positions are sorted."""
        return (self._block(position // BLOCK)[position % BLOCK] for position in positions)

    def part(self, start: int, stop: int) -> Iterator[Row]:
        """The rows from one position up to another one, which it does not include."""
        first, skipped = divmod(start, BLOCK)
        blocks = range(first, -(-min(stop, self._length) // BLOCK))
        return islice(chain.from_iterable(map(self._unpacked, blocks)), skipped, skipped + stop - start)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        return self.part(0, self._length)

    def _append(self, packed: bytes) -> None:
        self._offsets.append(self._offsets[-1] + len(packed))
        self._in_memory.append(packed)
        if self._file or self._offsets[-1] > IN_MEMORY:
            self._write(self._in_memory)
            self._in_memory.clear()

    def _write(self, blocks: list[bytes]) -> None:
        """Append blocks to the file. Raises MachineError."""
        try:
            if self._file is None:
                self._file = _temporary_file()
                weakref.finalize(self, self._file.close)
            self._file.writelines(blocks)
            self._file.flush()
        except OSError as fault:
            raise no_room(fault) from fault

    def _block(self, number: int) -> list[Row]:
        last = self._last  # once: another thread may read another block
        if last[0] != number:
            last = self._last = (number, self._unpacked(number))
        return last[1]

    def _unpacked(self, number: int) -> list[Row]:
        block: list[Row] = marshal.loads(self._packed(number))  # noqa: S302 - written by this object
        return block

    def _packed(self, number: int) -> bytes:
        if self._file is None:
            return self._in_memory[number]
        start, size = self._offsets[number], self._offsets[number + 1] - self._offsets[number]
        if sys.platform == "win32":  # which has no pread
            with self._lock:
                self._file.seek(start)
                return self._file.read(size)
        return os.pread(self._file.fileno(), size, start)


def in_order(rows: Iterable[Row], key: Callable[[Row], Any]) -> Iterator[Row]:
    """All rows sorted by a key, those of the same key as they came, in memory for few of them at once.

    Raises MachineError where the disk is full.
    """
    rows = iter(rows)
    runs = Blocks(chain.from_iterable(iter(lambda: sorted(islice(rows, RUN), key=key), [])))
    return heapq.merge(*(runs.part(start, start + RUN) for start in range(0, len(runs), RUN)), key=key)


def folder() -> Path:
    """Where the file is: the system's folder of temporary files on a disk, unless the environment names another."""
    import tempfile

    is_named = any(map(os.environ.get, _NAMED_BY))
    return _DISK if not is_named and os.access(_DISK, os.W_OK) else Path(tempfile.gettempdir())


def no_room(fault: OSError) -> MachineError:
    """The error where a file in :func:`folder` cannot be written."""
    return MachineError(
        f"{folder()}: no room for the list of images: {fault.strerror}; free some, or set TMPDIR to a folder "
        "on a disk that has room"
    )


def _temporary_file() -> IO[bytes]:
    import tempfile

    return tempfile.TemporaryFile(prefix="imgcls-", dir=folder())
