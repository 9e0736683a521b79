"""Garbage collections of a process that imports half a million objects and lives for seconds."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from imgcls.session import garbage


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While it is open, wait for more new objects; at the end of the process, collect nothing that will go anyway."""
    try:
        with garbage.collected_rarely():
            yield
    finally:
        atexit.unregister(gc.freeze)  # of an earlier command in this process
        atexit.register(gc.freeze)
