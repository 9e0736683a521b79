"""Bytes of a container, by where they are in it: a file of this machine, or one behind a URL."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imgcls.data.places import files, urls
from imgcls.data.places.base import State
from imgcls.errors import Undecodable

_BLOCK = 4 * 2**20  # docs/decisions.md#blocks-of-a-remote-file


def state(container: str) -> State:
    """Raises :class:`Undecodable` for what is not a file with bytes."""
    if urls.is_remote(container):
        from imgcls.data.places import remote

        return remote.state(container)
    status = files.status(Path(container))
    return State(status.st_size, status.st_mtime_ns, status.st_ino)


def listed_state(container: str) -> State:
    """The state of a remote container when it was last listed, without another request; that of a local one now."""
    if urls.is_remote(container):
        from imgcls.data.places import remote

        return remote.stated(container)
    return state(container)


def read(container: str, offset: int, size: int) -> bytes:
    """Exactly these bytes. Raises :class:`Undecodable`, ``truncated`` where the container ends before."""
    if urls.is_remote(container):
        from imgcls.data.places import remote

        data = remote.read(container, offset, size)
    else:
        data = files.part(container, offset, size)
    if len(data) < size:
        raise Undecodable("truncated", f"{urls.shown(container)} ends within it, after {len(data)} of its {size} bytes")
    return data


@contextmanager
def opened(container: str) -> Iterator[BinaryIO]:
    """The container as a file that can be read from anywhere. Raises :class:`Undecodable`."""
    if urls.is_remote(container):
        with io.BufferedReader(_Remote(container), _BLOCK) as stream:
            yield stream
    else:
        with files.opened(Path(container)) as stream:
            yield stream


class _Remote(io.RawIOBase):
    """A remote file, read in the blocks that the buffer in front of it takes."""

    def __init__(self, url: str) -> None:
        self._url, self._size, self._position = url, state(url).size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader passes
        size = max(0, min(len(buffer), self._size - self._position))
        buffer[:size] = read(self._url, self._position, size) if size else b""
        self._position += size
        return size
