"""imgcls.messages: what is wrong fits into one line, and a wrong name has a right one next to it."""

import io
import itertools
import os
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import HOSTILE
from imgcls import messages

TEXTS = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from("\\xnut0fea9" + HOSTILE)))


def test_an_exception_is_one_line() -> None:
    """Line breaks and a full stop are removed, and an exception without a text is its type."""
    lines = [messages.one_line(error) for error in (ValueError("no such\n  file.\n"), TimeoutError())]
    assert lines == ["no such file", "TimeoutError"]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ""), (1, "0"), (3, "0, 1, 2"), (4, "0, 1, 2 and 1 more"), (9, "0, 1, 2 and 6 more")]
)
def test_a_long_list_is_cut_short(count: int, expected: str) -> None:
    """The first items are named up to the limit, the others counted."""
    assert messages.named([str(number) for number in range(count)], limit=3) == expected


def test_many_sentences_are_cut_short() -> None:
    """Five are shown, separated by semicolons, and the others counted."""
    assert messages.sentences(["a is b", "c is d"]) == "a is b; c is d"
    assert messages.sentences([str(number) for number in range(7)]) == "0; 1; 2; 3; 4; and 2 more"
    assert messages.sentences(["a is b"] * 5, 1000).endswith("; and 995 more")


def test_a_wrong_name_has_the_nearest_next_to_it() -> None:
    """One of a few known names, three of many; without a similar one all are named, or none."""
    known = ["resnet18", "resnet50", "resnet50d", "vit"]
    assert messages.did_you_mean("resnet5O", known) == "; did you mean 'resnet50'?"
    assert messages.did_you_mean("alexnet", []) == ""
    assert messages.nearest("vitt", known) == "; did you mean 'vit'?"
    assert messages.nearest("xyz", known) == "; known: resnet18, resnet50, resnet50d, vit"
    assert messages.nearest("xyz", iter(())) == "; there is none"
    assert messages.nearest_three("resnet5O", known) == "; nearest: resnet50, resnet50d, resnet18"
    assert messages.nearest_three("xyz", known) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\r\t\0\x7f", r"a\nb\r\t\x00\x7f"),
        ("\x85\x9b31m", r"\u0085\u009b31m"),
        ("\u202egnp.exe\u2066\u200e\u061c", r"\u202egnp.exe\u2066\u200e\u061c"),
        ("a\u200bb\u2028\ufeff\u00ad\u3164", r"a\u200bb\u2028\ufeff\u00ad\u3164"),
        ("c\u200dat", r"c\u200dat"),
        ("\U000e0041\udcff\ud800", r"\U000e0041\xff\ud800"),
    ],
)
def test_what_is_not_seen_is_an_escape(text: str, shown: str) -> None:
    """What moves a cursor, breaks a line, turns or hides what follows, or is not there to be seen."""
    assert messages.printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Žluťoučký kůň, e\u0301, 日本語, שלום",
        "क्\u200dष 👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 👩🏽\u200d🔬 🏴\U000e0067\U000e0062\U000e007f",
        "10\u00a0%, C:\\new",
    ],
)
def test_what_is_seen_stays(text: str) -> None:
    """Letters of all scripts with their marks and joiners, spaces, and whole emoji."""
    assert messages.printable(text) == text


@given(TEXTS)
def test_a_printable_text_has_no_character_that_a_terminal_obeys(text: str) -> None:
    """It is one line, twice is as once, and a text of lines has the same lines."""
    shown = messages.printable(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff") & set(shown)
    assert messages.printable(shown) == shown
    assert messages.printable_lines(text) == "\n".join(map(messages.printable, text.split("\n")))


def test_different_names_are_spelled_differently() -> None:
    """Also where one has an escape's characters in its name; a name without backslashes is as it is printed."""
    pieces = ("\\", "n", "\n", "\t", "x1b", "\x1b", "u202e", "\u202e", "x9b", "\x9b", "a")
    names = {"".join(parts) for count in range(5) for parts in itertools.product(pieces, repeat=count)}
    assert len({messages.spelled(name) for name in names}) == len(names)
    assert all(messages.spelled(name) == messages.printable(name) for name in names if "\\" not in name)


def test_different_paths_are_different_texts() -> None:
    r"""In documents and on a terminal: a byte 0xff and the four characters ``\xff`` are two files."""
    pieces = (b"\\", b"\xff", b"xff", b"\x9b", b"x9b", b"\n", b"n", b"\x1b", b"x1b", b"a")
    names = {b"p" + b"".join(parts) for count in range(5) for parts in itertools.product(pieces, repeat=count)}
    texts = {messages.path_text(PurePosixPath(os.fsdecode(name))) for name in names}
    assert len({messages.spelled(text) for text in texts}) == len(texts) == len(names)
    assert all(text.encode() for text in texts)


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("cat/a b\u00a0ü.jpg", "cat/a b\u00a0ü.jpg", "cat/a b\u00a0ü.jpg"),
        (r"cats\dog.jpg", r"cats\dog.jpg", r"cats\dog.jpg"),
        ("\udcff.jpg", r"\xff.jpg", r"\xff.jpg"),
        (r"\xff.jpg", r"\\xff.jpg", r"\\xff.jpg"),
        ("a\nb\x1b.jpg", "a\nb\x1b.jpg", r"a\nb\x1b.jpg"),
        (r"a\nb\x1b.jpg", r"a\nb\x1b.jpg", r"a\\nb\\x1b.jpg"),
    ],
)
def test_documents_have_a_path_as_it_is(name: str, text: str, shown: str) -> None:
    """Only bytes that are not UTF-8 are spelled there; messages spell whatever is not seen."""
    assert messages.path_text(PurePosixPath(name)) == text
    assert messages.spelled(text) == shown


def test_lists_and_exceptions_name_things_as_they_are_seen() -> None:
    """The names that they hold have no line of their own."""
    assert messages.named(["a\nb", "c\x1b"], limit=1) == r"a\nb and 1 more"
    assert messages.one_line(ValueError("size\x1b[31m of \u202etensor")) == r"size\x1b[31m of \u202etensor"
    assert messages.nearest("b", ["b\x07"]) == r"; did you mean 'b\x07'?"
    assert messages.nearest_three("bcd", ["bcd\n"]) == r"; nearest: bcd\n"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "─ ö →"), ("cp1252", "- ö \\u2192"), ("ascii", "- \\xf6 \\u2192")]
)
def test_a_stream_loses_nothing_that_it_cannot_show(encoding: str, shown: str) -> None:
    """Rules become hyphens, everything else an escape, whether a text is made fit or the stream does it."""
    assert messages.encodable("─ ö →", encoding) == shown
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors=messages.ESCAPED)
    stream.write("─ ö →")
    stream.seek(0)
    assert stream.buffer.read().decode(encoding) == shown
