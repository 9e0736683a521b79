"""What is being done at the moment: on a terminal one changing line or a bar, elsewhere a plain line now and then."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from imgcls import messages
from imgcls.records.evaluation import Progress
from imgcls.records.performance import Status

TERMINAL_S, LOG_S = 1.0, 30.0  # docs/decisions.md#the-line-that-is-left-free
"""How often a line changes on a terminal, and how often a log has another one; the first comes after as long."""

ROOM_BELOW = "\x1bD\x1bM"
"""Down a line and up again (IND, RI): the column stays, and at the bottom of the screen everything moves up."""

LINE_BELOW, CLEARED, BACK = "\x1b7\x1bE", "\x1b[2K", "\x1b8"
"""To the beginning of the next line (DECSC, NEL); nothing in it any more (EL); and back (DECRC)."""


@contextmanager
def status(stream: TextIO, clock: Callable[[], float] = time.monotonic, *, at_once: bool = False) -> Iterator[Status]:
    """A function that states on ``stream`` what is being done, until the context ends; it may be called very often.

    On a terminal in the line below the cursor, which stays where it is: the line that the cursor is in is that of
    another writer, such as pytest. Elsewhere a line every half a minute. ``at_once``: the first one, too.
    """
    if _moves_the_cursor(stream):
        say = _Throttled(stream, clock, TERMINAL_S, _below, f"{LINE_BELOW}{CLEARED}{BACK}", at_once=at_once)
    else:
        say = _Throttled(stream, clock, LOG_S, "\n{}".format, "\n", at_once=at_once)
    try:
        yield say
    finally:
        say.end()


@contextmanager
def notices(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Iterator[Status]:
    """A function that states what is waited for, in lines of their own: at once, and then every half a minute."""
    yield _Throttled(stream, clock, LOG_S, "{}\n".format, "", at_once=True)


@contextmanager
def waiting(say: Status, doing: str, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """While it is open, state what is being waited for, and for how long already."""
    started = clock()
    with _repeated(lambda: say(f"{doing}, {clock() - started:.0f} s"), TERMINAL_S):
        yield


@contextmanager
def below(stream: TextIO) -> Iterator[Progress]:
    """A function that shows progress next to what another writer has in the cursor's line, until the context ends."""
    if not _moves_the_cursor(stream):
        with lines(stream) as report:
            yield report
        return
    with status(stream) as say:
        yield lambda dataset, done, total: say(f"{dataset}: {done} of {messages.counted(total, 'image')}")


def _moves_the_cursor(stream: TextIO) -> bool:
    from rich.console import Console

    console = Console(file=stream)
    return stream.isatty() and not (console.is_dumb_terminal or console.legacy_windows)


class _Throttled:
    """Shows a text every ``every_s`` seconds, first after as many or at once, and ``last`` at the end if any was."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float],
        every_s: float,
        layout: Callable[[str], str],
        last: str,
        *,
        at_once: bool,
    ) -> None:
        self.stream, self.clock, self.every_s, self.layout, self.last = stream, clock, every_s, layout, last
        self.next_s = clock() + (0.0 if at_once else every_s)
        self.is_shown = False

    def __call__(self, text: str) -> None:
        if self.clock() >= self.next_s:
            self.next_s = self.clock() + self.every_s
            self.is_shown = True
            self._write(self.layout(messages.printable(text)))

    def end(self) -> None:
        """Leave the stream to the other writer."""
        if self.is_shown:
            self._write(self.last)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _below(text: str) -> str:
    from rich.cells import set_cell_size

    fitting = set_cell_size(text, shutil.get_terminal_size().columns - 1).rstrip()
    return f"{ROOM_BELOW}{LINE_BELOW}{CLEARED}{fitting}{BACK}"


@contextmanager
def shown(stream: TextIO) -> Iterator[Progress]:
    """A function that shows progress on ``stream``, until the context ends."""
    if not stream.isatty():
        yield _Lines(stream, "{}\n")
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TextColumn, TimeRemainingColumn

    columns = (
        *Bar.get_default_columns()[:-1],
        TextColumn("{task.completed}/{task.total} images"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        tasks: dict[str, int] = {}

        def report(dataset: str, done: int, total: int) -> None:
            if dataset not in tasks:
                tasks[dataset] = bar.add_task(messages.printable(dataset), total=total)
            bar.update(tasks[dataset], completed=done, total=total)  # type: ignore[arg-type]  # TaskID is an int

        yield report


@contextmanager
def lines(stream: TextIO) -> Iterator[Progress]:
    """Progress in plain lines, each of which begins anew wherever the line of another writer, such as pytest, is."""
    report = _Lines(stream, "\n{}")
    try:
        yield report
    finally:
        report.end()


@contextmanager
def followed(read: Callable[[], list[tuple[str, int, int]]], report: Progress, every_s: float = 1.0) -> Iterator[None]:
    """While it is open, and once more at the end, report the progress that ``read`` returns of other processes."""

    def follow() -> None:
        for dataset, done, total in read():
            report(dataset, done, total)

    try:
        with _repeated(follow, every_s):
            yield
    finally:
        follow()


@contextmanager
def _repeated(act: Callable[[], None], every_s: float) -> Iterator[None]:
    """While it is open, act every so often, in a thread of its own."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every_s):
            act()

    thread = threading.Thread(target=repeat, name="imgcls-progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Lines:
    """``layout``: how a line is set apart from what stands before it and behind it."""

    def __init__(self, stream: TextIO, layout: str) -> None:
        self.stream, self.layout = stream, layout
        self.tenths: dict[str, int] = {}

    def __call__(self, dataset: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 10
        if tenth > self.tenths.get(dataset, 0) or (done == 0 and dataset not in self.tenths):
            self.tenths[dataset] = tenth
            counted = f"{done} of {messages.counted(total, 'image')}"
            self.stream.write(self.layout.format(f"{messages.printable(dataset)}: {counted}"))
            self.stream.flush()

    def end(self) -> None:
        """Leave the cursor at the beginning of a line."""
        if self.tenths:
            self.stream.write("\n")
