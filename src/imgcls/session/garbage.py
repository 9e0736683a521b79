"""Garbage collections while half a million objects are imported or made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000  # docs/decisions.md#garbage-collections-of-a-command


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While it is open, a first collection waits for more new objects; one that never comes still does not."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], NEW_OBJECTS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
