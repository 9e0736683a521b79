"""imgcls.models.weights.transfer_progress: a bar after a second on a terminal, and a line now and then in a log."""

import io

import pytest

from imgcls.models.weights import transfer_progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), _Terminal()], ids=["log", "terminal"])
def test_what_is_quick_shows_nothing(stream: io.StringIO) -> None:
    """Neither within the first second on a terminal nor within the first half minute in a log."""
    seconds = iter([0.0, 0.5, 0.9])
    with transfer_progress.shown("net.pth", stream, lambda: next(seconds)) as report:
        report(10, 100)
        report(90, 100)
    assert stream.getvalue() == ""


def test_a_log_gets_a_line_now_and_then() -> None:
    """With what is there of all, where that is known."""
    stream, seconds = io.StringIO(), iter([0.0, 31.0, 31.0, 40.0, 62.0, 62.0])
    with transfer_progress.shown("net.pth", stream, lambda: next(seconds)) as report:
        report(50_000_000, 100_000_000)
        report(60_000_000, 100_000_000)
        report(70_000_000, None)
    assert stream.getvalue() == "downloading net.pth: 50 of 100 MB\ndownloading net.pth: 70 MB\n"


def test_a_terminal_gets_a_bar() -> None:
    """After a second, with the name of the file; it is gone at the end."""
    stream, seconds = _Terminal(), iter([0.0, 1.5, 1.5])
    with transfer_progress.shown("net.pth", stream, lambda: next(seconds)) as report:
        report(50_000_000, 100_000_000)
    assert "net.pth" in stream.getvalue()
    assert "100.0 MB" in stream.getvalue()
