"""Bytes of files on this machine; whatever keeps them from being read is Undecodable."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgcls.errors import Undecodable


def sha256(file: Path) -> str:
    """The hash of a file's bytes. Raises :class:`Undecodable` where it cannot be read."""
    with opened(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def status(file: str | Path) -> os.stat_result:
    """The status of a file that has bytes. Raises :class:`Undecodable` for anything else."""
    try:
        status = os.stat(file)  # noqa: PTH116 - as below
    except OSError as fault:
        raise from_system(fault) from fault
    except ValueError as fault:  # a name with a null character
        raise Undecodable("missing", str(fault)) from fault
    if not stat.S_ISREG(status.st_mode):
        raise Undecodable("not_regular", f"not a file, its mode is {stat.filemode(status.st_mode)}")
    if not status.st_size:
        raise Undecodable("empty", "it has 0 bytes")
    return status


def content(file: Path) -> bytes:
    """The bytes of a file. Raises :class:`Undecodable` where it cannot be read."""
    with opened(file) as stream:
        return stream.read()


def part(file: str, offset: int, size: int) -> bytes:
    """These bytes of a file, or those that there are of them. Raises :class:`Undecodable` where it cannot be read."""
    end = status(file).st_size
    try:
        with open(file, "rb", buffering=0) as stream:  # noqa: PTH123 - for every image of an archive
            stream.seek(offset)
            return _all_of(stream, min(size, max(0, end - offset)))
    except OSError as fault:
        raise from_system(fault) from fault


def _all_of(stream: io.FileIO, size: int) -> bytes:
    """So many bytes: a system gives them in parts where they are many."""
    data = stream.read(size)
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


@contextmanager
def opened(file: Path) -> Iterator[io.BufferedReader]:
    """Open a file that has bytes; any error of the system, until it is closed, is Undecodable."""
    status(file)  # first: to open a pipe is to wait for its writer
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as fault:
        raise from_system(fault) from fault


def from_system(fault: OSError) -> Undecodable:
    """What an error of the system means for an image."""
    detail = fault.strerror or str(fault)
    if isinstance(fault, (FileNotFoundError, NotADirectoryError)):
        return Undecodable("missing", detail)
    return Undecodable("permission" if isinstance(fault, PermissionError) else "unreadable", detail)
