"""imgcls.reporting.progress: few plain lines in a log, a bar on a terminal."""

import io
from contextlib import suppress

import pytest

from imgcls.reporting import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _lines(*reports: tuple[str, int, int]) -> list[str]:
    stream = io.StringIO()
    with progress.shown(stream) as report:
        for dataset, done, total in reports:
            report(dataset, done, total)
    first, *lines, last = stream.getvalue().split("\n")
    assert first == last == ""
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


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each dataset has a bar with its name and its counts, which goes when all is done."""
    monkeypatch.setenv("TERM", "xterm")
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    stream = _Terminal()
    with progress.shown(stream) as report:
        for done in (0, 3, 7):
            report("photos", done, 10)
        report("digits", 5, 360)
    shown = stream.getvalue()
    assert "photos" in shown
    assert "7/10 images" in shown
    assert "5/360 images" in shown
    assert shown.endswith("\x1b[2K")


def test_a_terminal_is_left_as_it_was_when_a_pass_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interrupt the cursor is shown again."""
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    with suppress(KeyboardInterrupt), progress.shown(stream) as report:
        report("photos", 3, 10)
        raise KeyboardInterrupt
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_progress_of_other_processes_is_reported_to_the_end() -> None:
    """The last progress is reported even where the work was quicker than the first look."""
    read: list[tuple[str, int, int]] = []
    reported: list[tuple[str, int, int]] = []

    def report(dataset: str, done: int, total: int) -> None:
        reported.append((dataset, done, total))

    with progress.followed(lambda: read, report, every_s=3600.0):
        read.append(("photos", 7, 10))
    assert reported == [("photos", 7, 10)]
