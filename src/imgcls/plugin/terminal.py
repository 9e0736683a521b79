"""The terminal of a pytest session, for what is shown while a test runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, TextIO

import pytest

from imgcls.reporting import progress

if TYPE_CHECKING:
    from imgcls.records.performance import Status


def uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    """While it is open, pytest captures nothing."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return capture.global_and_fixture_disabled() if capture else nullcontext()


@contextmanager
def status(config: pytest.Config, *, at_once: bool = False) -> Iterator[Status]:
    """A function that states what a test is doing, past pytest's capturing; workers of xdist have no terminal.

    ``at_once``: what it states first is not about the last second.
    """
    if hasattr(config, "workerinput"):
        yield lambda _: None
        return
    with _stream(config) as stream, progress.status(stream, at_once=at_once) as say:
        yield say


@contextmanager
def _stream(config: pytest.Config) -> Iterator[TextIO]:
    """Standard error as it is without pytest, while what tests write goes on being captured."""
    with ExitStack() as stack:
        with uncaptured(config):
            stream: TextIO = sys.stderr
            with suppress(io.UnsupportedOperation):  # it is no file: pytest itself runs within another program
                copy = os.dup(stream.fileno())
                stream = stack.enter_context(os.fdopen(copy, "w", encoding=stream.encoding, errors="backslashreplace"))
        yield stream
