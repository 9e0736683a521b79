"""How far a download is, on standard error: on a terminal a bar after a second, in a log a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from imgcls import messages
from imgcls.models.weights.transfer import Report

FIRST_S, LOG_S = 1.0, 30.0  # docs/decisions.md#the-line-that-is-left-free


@contextmanager
def shown(name: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Report]:
    """A function that takes the bytes that are there, and all of them where that is known, until the context ends."""
    stream = stream or sys.stderr
    with ExitStack() as stack:
        show = _bar(name, stream, stack) if stream.isatty() else _lines(name, stream)
        every_s = 0.0 if stream.isatty() else LOG_S
        next_s = clock() + (FIRST_S if stream.isatty() else LOG_S)

        def report(done: int, total: int | None) -> None:
            nonlocal next_s
            if clock() >= next_s:
                next_s = clock() + every_s
                show(done, total)

        yield report


def _bar(name: str, stream: TextIO, stack: ExitStack) -> Report:
    """It is drawn from its first report on."""
    tasks: list[Report] = []

    def begin() -> Report:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        bar = stack.enter_context(Progress(*columns, console=Console(file=stream), transient=True))
        task = bar.add_task(messages.printable(name), total=None)
        return lambda done, total: bar.update(task, completed=done, total=total)

    def show(done: int, total: int | None) -> None:
        tasks[:] = tasks or [begin()]
        tasks[0](done, total)

    return show


def _lines(name: str, stream: TextIO) -> Report:
    def show(done: int, total: int | None) -> None:
        of_all = f" of {total / 1e6:.0f}" if total else ""
        stream.write(f"downloading {messages.printable(name)}: {done / 1e6:.0f}{of_all} MB\n")
        stream.flush()

    return show
