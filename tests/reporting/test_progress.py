"""imgcls.reporting.progress: few plain lines in a log; on a terminal a bar, or the line below somebody else's."""

import io
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress

import pytest

from imgcls.reporting import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Screen(_Terminal):
    """A terminal of a few rows as a user sees it: it knows of the sequences that are used here and of no others."""

    def __init__(self, rows: int = 3, columns: int = 40) -> None:
        super().__init__()
        self.rows, self.columns = [[" "] * columns for _ in range(rows)], columns
        self.row = self.column = 0
        self.stored = (0, 0)

    def write(self, text: str) -> int:
        characters = iter(text)
        for character in characters:
            if character == "\x1b":
                self._escape(next(characters), characters)
            elif character == "\n":
                self._down(column=0)
            else:
                self.rows[self.row][self.column] = character
                self.column += 1
        return len(text)

    def _escape(self, kind: str, rest: Iterator[str]) -> None:
        match kind:
            case "D":
                self._down(column=self.column)
            case "E":
                self._down(column=0)
            case "M":
                self.row -= 1
            case "7":
                self.stored = (self.row, self.column)
            case "8":
                self.row, self.column = self.stored
            case "[":
                assert next(rest) + next(rest) == "2K"
                self.rows[self.row] = [" "] * self.columns
            case _:
                raise AssertionError(kind)

    def _down(self, column: int) -> None:
        self.column = column
        if self.row == len(self.rows) - 1:
            self.rows = [*self.rows[1:], [" "] * self.columns]
        else:
            self.row += 1

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.rows]


class _Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class _Second(threading.Timer):
    """A second, or in a log half a minute, that is over at once, or not before the test ends."""

    is_over = True

    def start(self) -> None:
        assert self.interval in {1.0, 30.0}
        if self.is_over:
            self.function()

    def join(self, timeout: float | None = None) -> None:
        pass


class _ShortWork(_Second):
    is_over = False


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """A terminal that takes every sequence."""
    monkeypatch.setenv("TERM", "xterm")
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    return _Terminal()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> _Screen:
    """A terminal of 3 rows and 40 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    return _Screen()


def _lines(*reports: tuple[str, int, int]) -> list[str]:
    stream = io.StringIO()
    with progress.shown(stream) as report:
        for dataset, done, total in reports:
            report(dataset, done, total)
    *lines, last = stream.getvalue().split("\n")
    assert last == ""
    return lines


def test_a_log_has_a_line_for_each_tenth() -> None:
    """However often progress is reported, a stream that is not a terminal shows the start and every tenth, once."""
    lines = _lines(*(("photos", done, 1000) for done in range(1001)))
    assert lines == [f"photos: {done} of 1000 images" for done in range(0, 1001, 100)]


def test_a_log_skips_tenths_that_a_batch_skips() -> None:
    """A large batch that passes several tenths is one line."""
    assert _lines(("d", 0, 64), ("d", 32, 64), ("d", 34, 64), ("d", 64, 64)) == [
        "d: 0 of 64 images",
        "d: 32 of 64 images",
        "d: 64 of 64 images",
    ]


def test_a_log_begins_with_what_is_stored() -> None:
    """A pass of which the store has a part begins with the images that are done."""
    assert _lines(("d", 50, 100), ("d", 55, 100), ("d", 100, 100)) == ["d: 50 of 100 images", "d: 100 of 100 images"]


def test_a_log_of_nothing_to_do_is_one_line() -> None:
    """An empty dataset is shown once, without a division by zero."""
    assert _lines(("d", 0, 0), ("d", 0, 0)) == ["d: 0 of 0 images"]


def test_each_dataset_has_its_own_tenths() -> None:
    """What one dataset has shown does not silence another."""
    assert _lines(("a", 10, 10), ("b", 0, 10), ("b", 10, 10)) == [
        "a: 10 of 10 images",
        "b: 0 of 10 images",
        "b: 10 of 10 images",
    ]


def test_an_error_begins_a_line_of_its_own() -> None:
    """Whenever it comes: also a shell's word on a process that was killed, after which nothing ends the line."""
    log = io.StringIO()
    with progress.shown(log) as report:
        report("photos", 0, 10)
        log.write("imgcls: the store cannot be used\n")
        report("photos", 5, 10)
        log.write("Killed\n")
    assert log.getvalue().split("\n") == [
        "photos: 0 of 10 images",
        "imgcls: the store cannot be used",
        "photos: 5 of 10 images",
        "Killed",
        "",
    ]


def test_a_terminal_has_a_bar(terminal: _Terminal) -> None:
    """On a terminal each dataset has a bar with its name and its counts, which goes when all is done."""
    with progress.shown(terminal, _Second) as report:
        for done in (0, 3, 7):
            report("photos", done, 10)
        report("digits", 5, 360)
    shown = terminal.getvalue()
    assert "photos" in shown
    assert "7/10 images" in shown
    assert "5/360 images" in shown
    assert shown.endswith("\x1b[2K")


def test_a_terminal_is_left_as_it_was_when_a_pass_fails(terminal: _Terminal) -> None:
    """After an interrupt the cursor is shown again."""
    with suppress(KeyboardInterrupt), progress.shown(terminal, _Second) as report:
        report("photos", 3, 10)
        raise KeyboardInterrupt
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")


def test_a_bar_is_for_what_takes_over_a_second(terminal: _Terminal) -> None:
    """What ends before that shows nothing on a terminal, and leaves its cursor where it was."""
    with progress.working(terminal, "checking the store", _ShortWork):
        pass
    assert terminal.getvalue() == ""
    with progress.shown(terminal, _ShortWork) as report:
        report("photos", 3, 10)
    assert re.sub(r"\x1b\[(\?25[lh]|2K)|\r", "", terminal.getvalue()) in {"", "\n\x1b[1A"}


def test_a_redirected_stdout_is_given_back(terminal: _Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the second passes while a library's output is caught, what is printed later gets out."""
    seconds: list[Callable[[], object]] = []
    monkeypatch.setattr(_ShortWork, "start", lambda self: seconds.append(self.function))
    stdout = sys.stdout
    for context in (progress.shown(terminal, _ShortWork), progress.working(terminal, "calibrating", _ShortWork)):
        with context, redirect_stdout(io.StringIO()):
            seconds.pop()()
        assert sys.stdout is stdout


def test_what_the_first_image_waits_for_is_stated(terminal: _Terminal) -> None:
    """Hashing and loading are named until the first progress is reported: in the bar, or once in a log."""
    with progress.shown(terminal, _Second):
        pass
    assert "looking at files, loading models" in terminal.getvalue()
    log = io.StringIO()
    with progress.shown(log, _Second) as report:
        report("photos", 0, 10)
    assert log.getvalue() == "looking at files, loading models\nphotos: 0 of 10 images\n"


def test_a_log_that_has_lines_needs_no_word_on_what_comes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second that passes after the first line adds nothing."""
    seconds: list[Callable[[], object]] = []
    monkeypatch.setattr(_ShortWork, "start", lambda self: seconds.append(self.function))
    log = io.StringIO()
    with progress.shown(log, _ShortWork) as report:
        report("photos", 0, 10)
        [over] = seconds
        over()
    assert log.getvalue() == "photos: 0 of 10 images\n"


def test_work_without_a_count_is_stated(terminal: _Terminal) -> None:
    """A line that goes on a terminal, and one line in a log."""
    with progress.working(terminal, "checking the store", _Second):
        pass
    assert "checking the store" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")
    log = io.StringIO()
    with progress.working(log, "checking\x1b the store", _Second):
        pass
    assert log.getvalue() == "checking\\x1b the store\n"


@pytest.mark.parametrize("stream", [_Terminal(), io.StringIO()])
def test_what_is_hidden_writes_nothing(stream: io.StringIO) -> None:
    """Neither bars nor lines, and afterwards both are shown again."""
    with progress.hidden(is_hidden=True):
        with progress.shown(stream, _Second) as report, progress.working(stream, "checking", _Second):
            report("photos", 5, 10)
        with progress.status(stream, at_once=True) as say, progress.notices(stream) as notice:
            say("measuring")
            notice("waiting")
    assert stream.getvalue() == ""
    with progress.shown(stream, _Second) as report:
        report("photos", 5, 10)
    assert "photos" in stream.getvalue()


def test_progress_of_other_processes_is_reported_to_the_end() -> None:
    """The last progress is reported even where the work was quicker than the first look."""
    read: list[tuple[str, int, int]] = []
    reported: list[tuple[str, int, int]] = []

    def report(dataset: str, done: int, total: int) -> None:
        reported.append((dataset, done, total))

    with progress.followed(lambda: read, report, every_s=3600.0):
        read.append(("photos", 7, 10))
    assert reported == [("photos", 7, 10)]


def test_the_line_of_another_writer_is_left_alone(screen: _Screen) -> None:
    """What pytest has written stays, what is being done stands below it, and pytest goes on where it was."""
    clock = _Clock()
    screen.write("test_models.py ..")
    with progress.status(screen, clock) as say:
        for seconds in range(5):
            clock.now_s = seconds
            say(f"net on cpu: round {seconds}")
            if seconds:
                assert screen.lines == ["test_models.py ..", f"net on cpu: round {seconds}", ""]
    screen.write(".  [100%]\n")
    assert screen.lines == ["test_models.py ...  [100%]", "", ""]


def test_at_the_bottom_of_the_screen_everything_moves_up(screen: _Screen) -> None:
    """There is no line below the last one, so room is made."""
    clock = _Clock()
    screen.write("first\nsecond\ntest_models.py ..")
    with progress.status(screen, clock) as say:
        for clock.now_s in (1.0, 2.0, 3.0):
            say("a line that is much longer than the forty columns of this terminal")
        assert screen.lines == ["second", "test_models.py ..", "a line that is much longer than the fort"[:39]]
    screen.write(".")
    assert screen.lines == ["second", "test_models.py ...", ""]


def test_what_is_quick_shows_nothing(screen: _Screen) -> None:
    """Within the first second nothing is written, neither on a terminal nor, for half a minute, in a log."""
    log, clock = io.StringIO(), _Clock()
    for stream, seconds in ((screen, 0.9), (log, 29)):
        with progress.status(stream, clock) as say:
            clock.now_s += seconds
            say("soon over")
    assert screen.lines == ["", "", ""]
    assert log.getvalue() == ""


def test_a_log_has_a_line_every_half_minute() -> None:
    """However often it is stated what is being done."""
    log, clock = io.StringIO(), _Clock()
    with progress.status(log, clock) as say:
        for second in range(100):
            clock.now_s = second
            say(f"round {second}")
    assert log.getvalue() == "\nround 30\nround 60\nround 90\n"


@pytest.mark.usefixtures("screen")
def test_a_terminal_that_moves_no_cursor_is_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the one in an editor."""
    monkeypatch.setenv("TERM", "dumb")
    stream, clock = _Terminal(), _Clock()
    with progress.status(stream, clock) as say:
        clock.now_s = 40
        say("round 12")
    assert stream.getvalue() == "\nround 12\n"


def test_progress_of_images_stands_below_too(screen: _Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within pytest there is no bar over pytest's own line; in a log there is a line for each tenth, as elsewhere."""
    monkeypatch.setattr(progress, "TERMINAL_S", 0.0)
    screen.write("test_models.py .")
    with progress.below(screen) as report:
        report("photos", 30, 100)
        assert screen.lines == ["test_models.py .", "photos: 30 of 100 images", ""]
    assert screen.lines == ["test_models.py .", "", ""]
    log = io.StringIO()
    with progress.below(log) as report:
        report("photos", 30, 100)
    assert log.getvalue() == "\nphotos: 30 of 100 images\n"


def test_what_is_waited_for_is_stated_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seconds that it takes already; nobody has to call anything."""
    monkeypatch.setattr(progress, "TERMINAL_S", 0.001)
    said: list[str] = []
    with progress.waiting(said.append, "net on cpu: measuring its memory", clock=iter(range(1000)).__next__):
        ends = time.monotonic() + 30
        while not said and time.monotonic() < ends:
            time.sleep(0.001)
    assert said[0] == "net on cpu: measuring its memory, 1 s"


def test_what_is_done_is_one_line_whatever_its_name_is(screen: _Screen) -> None:
    """Sequences of a name are seen, in the line below and in a log."""
    clock = _Clock()
    with progress.status(screen, clock) as say:
        clock.now_s = 1.0
        say("a\x1bE\n")
        assert screen.lines == ["", r"a\x1bE\n", ""]
    log = io.StringIO()
    with progress.lines(log) as report:
        report("a\x1bE\n", 0, 1)
    assert log.getvalue() == "\na\\x1bE\\n: 0 of 1 image\n"


def test_what_is_waited_for_is_a_line_at_once_and_then_every_half_minute(screen: _Screen) -> None:
    """In lines of their own, or, where another writer has the cursor, in the line below it."""
    clock, log = _Clock(), io.StringIO()
    with progress.notices(log, clock) as say:
        for clock.now_s in (0.0, 1.0, 29.0, 30.0, 31.0):
            say(f"waiting, {clock.now_s:.0f} s")
    assert log.getvalue() == "waiting, 0 s\nwaiting, 30 s\n"
    clock.now_s = 0.0
    screen.write("test_models.py .")
    with progress.status(screen, clock, at_once=True) as say:
        say("waiting")
        assert screen.lines == ["test_models.py .", "waiting", ""]
    assert screen.lines == ["test_models.py .", "", ""]
