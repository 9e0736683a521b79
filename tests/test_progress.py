"""imgcls.progress: few plain lines in a log, a bar on a terminal."""

import io
from contextlib import suppress

import pytest

from imgcls import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _lines(*told: tuple[str, int, int]) -> list[str]:
    stream = io.StringIO()
    with progress.shown(stream) as tell:
        for dataset, done, total in told:
            tell(dataset, done, total)
    first, *lines, last = stream.getvalue().split("\n")
    assert first == last == ""
    return lines


def test_a_log_has_a_line_for_each_tenth() -> None:
    """However often it is told, a stream that is no terminal shows the start and every tenth, once."""
    lines = _lines(*(("photos", done, 1000) for done in range(1001)))
    assert lines == [f"photos: {done} of 1000 images" for done in range(0, 1001, 100)]


def test_a_log_skips_tenths_that_a_batch_skips() -> None:
    """A large batch that passes several tenths is one line."""
    assert _lines(("d", 0, 64), ("d", 32, 64), ("d", 34, 64), ("d", 64, 64)) == [
        "d: 0 of 64 images",
        "d: 32 of 64 images",
        "d: 64 of 64 images",
    ]


def test_what_is_known_already_is_where_a_log_begins() -> None:
    """A pass that the store has answered in part begins with what is done."""
    assert _lines(("d", 50, 100), ("d", 55, 100), ("d", 100, 100)) == ["d: 50 of 100 images", "d: 100 of 100 images"]


def test_a_log_of_nothing_to_do_is_one_line() -> None:
    """An empty data set is shown once, without a division by zero."""
    assert _lines(("d", 0, 0), ("d", 0, 0)) == ["d: 0 of 0 images"]


def test_each_data_set_has_its_own_tenths() -> None:
    """What one data set has shown does not silence another."""
    assert _lines(("a", 10, 10), ("b", 0, 10), ("b", 10, 10)) == [
        "a: 10 of 10 images",
        "b: 0 of 10 images",
        "b: 10 of 10 images",
    ]


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each data set has a bar with its name and its counts, which goes when all is done."""
    monkeypatch.setenv("TERM", "xterm")
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    stream = _Terminal()
    with progress.shown(stream) as tell:
        for done in (0, 3, 7):
            tell("photos", done, 10)
        tell("digits", 5, 360)
    shown = stream.getvalue()
    assert "photos" in shown
    assert "7/10 images" in shown
    assert "5/360 images" in shown
    assert shown.endswith("\x1b[2K")


def test_a_terminal_is_left_as_it_was_when_a_pass_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interrupt the cursor is shown again."""
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    with suppress(KeyboardInterrupt), progress.shown(stream) as tell:
        tell("photos", 3, 10)
        raise KeyboardInterrupt
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_what_others_say_is_passed_on_to_the_end() -> None:
    """The last word is passed on even where the work was quicker than the first look."""
    said: list[tuple[str, int, int]] = []
    heard: list[tuple[str, int, int]] = []

    def tell(dataset: str, done: int, total: int) -> None:
        heard.append((dataset, done, total))

    with progress.followed(lambda: said, tell, every_s=3600.0):
        said.append(("photos", 7, 10))
    assert heard == [("photos", 7, 10)]
