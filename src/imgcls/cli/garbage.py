"""Garbage collections of a process that imports half a million objects and lives for seconds."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000  # docs/decisions.md#garbage-collections-of-a-command


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While it is open, wait for more new objects; at the end of the process, collect nothing that will go anyway."""
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        atexit.unregister(gc.freeze)  # of an earlier command in this process
        atexit.register(gc.freeze)
