"""Garbage collections while half a million objects are imported or made that stay."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000  # docs/decisions.md#garbage-collections-of-a-command

_THRESHOLDS: list[tuple[int, int, int]] = []
"""What was set when each of the open contexts began, in whichever thread; the first is the user's own."""

_LOCK = threading.Lock()


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While any is open, a first collection waits for more new objects; one that never comes still does not."""
    with _LOCK:
        before = gc.get_threshold()
        _THRESHOLDS.append(before)
        if before[0]:
            gc.set_threshold(max(before[0], NEW_OBJECTS), *before[1:])
    try:
        yield
    finally:
        with _LOCK:
            own = _THRESHOLDS[0]
            _THRESHOLDS.pop()
            if not _THRESHOLDS:
                gc.set_threshold(*own)
