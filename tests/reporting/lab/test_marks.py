"""imgcls.reporting.lab.marks: Markdown without HTML, in which names are read as they are written."""

from urllib.parse import unquote

import pytest

import markdown_pages
from builders import HOSTILE
from imgcls.reporting.lab import marks

NAMES = (
    "a|b", "*a*", "`x`", "<script>alert(1)</script>", "[a](javascript:alert(1))", "![a](http://x/y.png)", "&amp;", "\\",
    "\\|", " a ", "~~a~~", "$x$", "_a_", HOSTILE,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_in_a_table_a_paragraph_and_a_link(name: str) -> None:
    """No markup, no HTML and no further cell comes of it, in bold neither."""
    text = marks.table(("a", "b"), ("a",), [(name, "1"), (marks.strong(name), "2")]) + "\n"
    text += marks.paragraph(name, marks.link(name, "a.png"), marks.image(name, "b.png"))
    [[head, first, second]] = markdown_pages.tables(text)
    assert [len(row) for row in (head, first, second)] == [2, 2, 2]
    assert not markdown_pages.has_html(text)
    assert markdown_pages.targets(text) == ["a.png", "b.png"]


def test_the_name_itself_is_what_is_read() -> None:
    """The text of a cell is the name again, without spaces of no width."""
    [[_, *rows]] = markdown_pages.tables(marks.table(("a",), ("a",), [(name,) for name in NAMES[:-1] if name != " a "]))
    assert [row[0].replace("\u200b", "") for row in rows] == [name for name in NAMES[:-1] if name != " a "]


@pytest.mark.parametrize("path", ["images/my cat (1).jpg", "images/mésange 猫.jpg", "a%20b.png", "a#b?.png"])
def test_links_reach_files_of_any_name(path: str) -> None:
    """Spaces, brackets, signs and other scripts are percent-encoded."""
    [target] = markdown_pages.targets(marks.image("x", path))
    assert target.isascii()
    assert " " not in target
    assert unquote(target) == path


def test_pages_of_the_web_are_linked_and_nothing_else_is() -> None:
    """Whatever characters an address has, it ends no link and begins none."""
    address = "https://x.test/a b(c)/*d*|[e]?f=<g>&h=%20#i"
    text = marks.table(
        ("a",), ("a",), [(marks.page(address),), (marks.page("javascript:alert(1)"),), (marks.page(""),)]
    )
    [target] = markdown_pages.targets(text)
    assert target == "https://x.test/a%20b%28c%29/%2Ad%2A%7C%5Be%5D?f=%3Cg%3E&h=%20#i"
    [[_, first, *others]] = markdown_pages.tables(text)
    assert first[0].replace("\u200b", "") == address
    assert others == [["javascript:alert(1)"], [""]]


def test_numbers_stand_right_and_words_left() -> None:
    """As the rule below the head states."""
    assert marks.table(("name", "n"), ("name",), [("a", "1")]) == "| name | n |\n| :--- | ---: |\n| a | 1 |\n"
