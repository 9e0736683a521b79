"""imgcls.reporting.ci.github_text: names stay names, and no text is longer than it may be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_runs import HOSTILE_NAMES
from imgcls.reporting.ci import github_text

LINKED = re.compile(r"(?i)://|\bwww\.|@[a-z0-9]|(?<!&)#\d|\bgh-\d|(?<!\\)<")
"""What GitHub's own extensions make something of, wherever it stands."""


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_is_only_a_name(name: str) -> None:
    """No mention, no reference to an issue, no link, no element, and one line."""
    text = github_text.line(name)
    assert not LINKED.search(text)
    assert "\n" not in text
    text.encode()


@given(st.text(st.sampled_from("@#:/w.GHgh-1a &;\\"), max_size=12))
def test_any_text_of_such_characters_is_inert(name: str) -> None:
    """However they are put together."""
    assert not LINKED.search(github_text.line(name))


@pytest.mark.parametrize("text", ["short", "x" * 100])
def test_what_is_short_is_whole(text: str) -> None:
    """Up to the limit itself."""
    assert github_text.shortened(text, 100) == text


def test_what_is_long_keeps_both_ends() -> None:
    """The suffix of a file is among them."""
    text = github_text.shortened(f"a{'x' * 500}.jpg", 100)
    assert len(text) == 100
    assert text.startswith("ax")
    assert " ... " in text
    assert text.endswith(".jpg")


def test_a_text_within_the_limit_is_not_cut() -> None:
    """To the last byte."""
    assert github_text.cut("é" * 50, 100, "more in run.json") == "é" * 50


def test_a_text_is_cut_between_lines() -> None:
    """It ends with the pointer, and is never longer than the limit in bytes."""
    text = "".join(f"| é {number} |\n" for number in range(100))
    for limit in range(60, 120):
        cut = github_text.cut(text, limit, "more in run.json")
        assert len(cut.encode()) <= limit
        rows, _, end = cut.partition("\n\n")
        assert end == "more in run.json\n"
        assert text.startswith(rows)
        assert set(map(len, rows.split("\n")[:9])) <= {0, 7}


def test_without_room_for_the_pointer_nothing_is_left() -> None:
    """What is cut is never without it."""
    assert github_text.cut("x" * 100, 10, "more in run.json") == ""
