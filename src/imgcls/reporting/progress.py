"""What is being done at the moment: on a terminal one changing line or a bar, elsewhere a plain line now and then."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, TextIO

from imgcls import messages

if TYPE_CHECKING:
    from imgcls.records.evaluation import Progress
    from imgcls.records.performance import Status

TERMINAL_S, LOG_S = 1.0, 30.0  # docs/decisions.md#the-line-that-is-left-free
"""How often a line changes on a terminal, and how often a log has another one; the first comes after as long."""

ROOM_BELOW = "\x1bD\x1bM"
"""Down a line and up again (IND, RI): the column stays, and at the bottom of the screen everything moves up."""

LINE_BELOW, CLEARED, BACK = "\x1b7\x1bE", "\x1b[2K", "\x1b8"
"""To the beginning of the next line (DECSC, NEL); nothing in it any more (EL); and back (DECRC)."""


PREPARING = "looking at files, loading models"
"""What is done before the first image."""

Timer = Callable[[float, Callable[[], object]], threading.Timer]

_is_hidden = False


@contextmanager
def hidden(is_hidden: bool) -> Iterator[None]:
    """While it is open, nothing of this module is shown, where that is requested."""
    global _is_hidden  # noqa: PLW0603 - where this process shows progress
    before, _is_hidden = _is_hidden, is_hidden
    try:
        yield
    finally:
        _is_hidden = before


@contextmanager
def status(stream: TextIO, clock: Callable[[], float] = time.monotonic, *, at_once: bool = False) -> Iterator[Status]:
    """A function that states on ``stream`` what is being done, until the context ends; it may be called very often.

    On a terminal in the line below the cursor, which stays where it is: the line that the cursor is in is that of
    another writer, such as pytest. Elsewhere a line every half a minute. ``at_once``: the first one, too.
    """
    if _is_hidden:
        yield _ignore
        return
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
    yield _ignore if _is_hidden else _Throttled(stream, clock, LOG_S, "{}\n".format, "", at_once=True)


def _ignore(_text: str) -> None:
    pass


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
    if not stream.isatty():
        return False
    from rich.console import Console

    console = Console(file=stream)
    return not (console.is_dumb_terminal or console.legacy_windows)


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
            _write(self.stream, self.layout(messages.printable(text)))

    def end(self) -> None:
        """Leave the stream to the other writer."""
        if self.is_shown:
            _write(self.stream, self.last)


def _below(text: str) -> str:
    from rich.cells import set_cell_size

    fitting = set_cell_size(text, shutil.get_terminal_size().columns - 1).rstrip()
    return f"{ROOM_BELOW}{LINE_BELOW}{CLEARED}{fitting}{BACK}"


@contextmanager
def shown(stream: TextIO, timer: Timer = threading.Timer) -> Iterator[Progress]:
    """A function that shows progress on ``stream``, until the context ends.

    On a terminal a bar, but only after a second, and before the first image what that waits for; in a log lines, and
    what the first image waits for where that takes half a minute.
    """
    if _is_hidden:
        yield lambda _dataset, _done, _total: None
    elif stream.isatty():
        with _bar(stream, timer) as report:
            yield report
    else:
        report = _Lines(stream, "{}\n")
        with _later(timer, LOG_S, lambda: None if report.tenths else _write(stream, f"{PREPARING}\n")):
            yield report


@contextmanager
def working(stream: TextIO, doing: str, timer: Timer = threading.Timer) -> Iterator[None]:
    """While it is open, state what is being done: on a terminal after a second, in a log once after half a minute."""
    text = messages.printable(doing)
    if _is_hidden:
        yield
    elif stream.isatty():
        with ExitStack() as stack, _later(timer, TERMINAL_S, lambda: stack.enter_context(_spinner(stream, text))):
            yield
    else:
        with _later(timer, LOG_S, lambda: _write(stream, f"{text}\n")):
            yield


def _spinner(stream: TextIO, text: str) -> AbstractContextManager[object]:
    """A line that goes. It leaves sys.stdout alone, which the work may have redirected when a timer begins it."""
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    console = Console(file=stream)
    return Live(Spinner("dots", text), console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


@contextmanager
def _bar(stream: TextIO, timer: Timer) -> Iterator[Progress]:
    """It prints above itself from the beginning on, and can be seen after a second."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TextColumn, TimeRemainingColumn

    columns = (*Bar.get_default_columns()[:-1], TextColumn("{task.fields[images]}"), TimeRemainingColumn())
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        tasks = {PREPARING: bar.add_task(PREPARING, total=None, images="", visible=False)}
        seconds_passed = threading.Event()

        def show() -> None:
            seconds_passed.set()
            for task in bar.tasks:
                bar.update(task.id, visible=True)

        def report(dataset: str, done: int, total: int) -> None:
            if PREPARING in tasks:
                bar.remove_task(tasks.pop(PREPARING))
            if dataset not in tasks:
                tasks[dataset] = bar.add_task(messages.printable(dataset), total=total, images="", visible=False)
            images = f"{done}/{messages.counted(total, 'image')}"
            bar.update(tasks[dataset], completed=done, total=total, images=images, visible=seconds_passed.is_set())

        with _later(timer, TERMINAL_S, show):
            yield report


@contextmanager
def _later(timer: Timer, after_s: float, act: Callable[[], object]) -> Iterator[None]:
    """Act after some time, unless the context has ended by then."""
    pending = timer(after_s, act)
    pending.daemon = True
    pending.start()
    try:
        yield
    finally:
        pending.cancel()
        pending.join()


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


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
