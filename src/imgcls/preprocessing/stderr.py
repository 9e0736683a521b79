"""What C libraries print while they decode belongs to the image that made them print it."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from imgcls import messages
from imgcls.errors import MachineError

# "TIFFFillStrip: Read error on strip 0.", "tempfile.tif: ...": a function's name with two capitals,
# unlike "INFO: ..." and "ValueError: ..."
_LIBTIFF_LINE = re.compile(
    rb"^(?:tempfile\.tif|(?!\w+(?:Error|Exception|Warning):)(?=\w*[a-z])\w*[A-Z]\w*[A-Z]\w*): .*\.\n", re.MULTILINE
)

_SHOWN_LINES = 4

_FD2 = threading.Lock()  # file descriptor 2 belongs to the whole process


@contextmanager
def caught(printed: list[str]) -> Iterator[None]:
    """Append what libtiff prints on file descriptor 2 to ``printed``, also where decoding fails.

    Other threads print there too, a progress bar above all: what does not look like libtiff's is passed on,
    a moment late. Raises :class:`MachineError` where there is no temporary file to catch it.
    """
    with _FD2:
        terminal = _duplicate_of_fd2()
        if terminal is None:
            yield
            return
        try:
            with _scratch_file() as scratch:
                os.dup2(scratch.fileno(), 2)
                try:
                    yield
                finally:
                    os.dup2(terminal, 2)
                    printed += _sorted_out(scratch, terminal)
        finally:
            os.close(terminal)


def abridged(printed: Sequence[str]) -> list[str]:
    """Each line once, the first four of them, and the number of the others."""
    lines = list(dict.fromkeys(printed))
    more = len(lines) - _SHOWN_LINES
    return [*lines[:_SHOWN_LINES], f"and {messages.counted(more, 'more line')}"] if more > 0 else lines


def _duplicate_of_fd2() -> int | None:
    """Another descriptor of what 2 is; ``None`` where 2 is closed, and nothing printed can be seen."""
    try:
        return os.dup(2)
    except OSError as fault:
        if fault.errno == errno.EBADF:
            return None
        raise MachineError(f"cannot duplicate file descriptor 2: {fault.strerror}; close some files") from fault


def _scratch_file() -> BinaryIO:
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError as fault:
        raise MachineError(f"no temporary file for what libtiff prints: {fault}; set TMPDIR to a folder") from fault


def _sorted_out(scratch: BinaryIO, terminal: int) -> list[str]:
    """The lines of libtiff; all else goes on to the terminal."""
    scratch.seek(0)
    caught = scratch.read()
    with suppress(OSError), open(terminal, "wb", closefd=False) as rest:  # a closed pipe would have lost it anyway
        rest.write(_LIBTIFF_LINE.sub(b"", caught))
    return [line.decode(errors="replace").strip() for line in _LIBTIFF_LINE.findall(caught)]
