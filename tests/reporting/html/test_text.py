"""Words and figures as the page has them."""

import pytest
from markupsafe import Markup

from imgcls.reporting.html import text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.jpg", "<bdi>a.jpg</bdi>"),
        ("<b>&", "<bdi>&lt;b&gt;&amp;</bdi>"),
        ("a\u202eb", "<bdi>a\\u202eb</bdi>"),
        ("a\nb", "<bdi>a\\nb</bdi>"),
        ("\x1b[0m", "<bdi>\\x1b[0m</bdi>"),
    ],
)
def test_a_name_is_text_in_an_element_of_its_own(name: str, shown: str) -> None:
    """In which every character is seen."""
    assert text.name(name) == shown


def test_names_are_separated() -> None:
    """Each is isolated."""
    assert text.names(["a", "b"]) == "<bdi>a</bdi>, <bdi>b</bdi>"


def test_text_of_ours_keeps_its_lines_and_nothing_that_hides() -> None:
    """Markup is markup already, and None is nothing."""
    assert text.seen("a\nb\u202e") == "a\nb\\u202e"
    assert text.seen(Markup("<b>")) == "<b>"
    assert text.seen(None) == ""
    assert text.seen(3) == 3


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.0"), (0.00001, "0.1"), (0.5, "50.0"), (0.9999, "99.9"), (1.0, "100.0"), (None, "-")]
)
def test_shares_are_rounded_to_0_and_100_only_where_they_are_exact(value: float | None, shown: str) -> None:
    """In per cent."""
    assert text.share(value) == shown


def test_what_is_missing_is_a_dash() -> None:
    """In every unit."""
    assert {text.figure(None), text.milliseconds(None), text.megabytes(None), text.interval(None, 1.0)} == {"-"}
    assert (text.figure(1.25, 2), text.milliseconds(2_500_000), text.megabytes(1_260_000)) == ("1.25", "2.50", "1.3")
    assert text.interval(1.0, 99.96) == "1.0 to 99.9"


def test_a_bar_is_as_long_as_its_share() -> None:
    """Without a style; nothing is longer than the whole."""
    assert f'width="{text.BAR_WIDTH / 2:g}"' in text.bar(0.5)
    assert text.bar(7.0) == text.bar(1.0)


def test_names_in_drawings_are_short() -> None:
    """And end with dots where something is left out."""
    assert text.short("a" * text.LETTERS) == "a" * text.LETTERS
    assert text.short("a" * 100) == "a" * (text.LETTERS - 1) + "…"


def test_plurals_are_right() -> None:
    """Large numbers have commas."""
    assert (text.count(1, "image"), text.count(1200, "image")) == ("1 image", "1,200 images")
