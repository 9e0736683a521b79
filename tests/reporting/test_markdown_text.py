"""imgcls.reporting.markdown_text: whatever a name is, GitHub's Markdown shows it as it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from imgcls import messages
from imgcls.reporting import markdown_text, text_table

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])

AWKWARD = [
    "a|b", "a\\|b", "a\\\\|b", "`code`", "``", "<b>bold</b>", "<!-- gone -->", "&lt;", "&", "*x*", "**x**", "__init__",
    "_x_", "regnet_y_3_2gf", "[text](link)", "![image](x)", "~~gone~~", "\\", "a\\", "# title", "- item", "+ item",
    "1. item", "12) item", "> quoted", "---", "===", "***", "$x$", "a -> b", "", "café", "\u202eevil", "a\nb", "|",
    " blanks ", "https://example.org/a_b", "|:--|",
]  # fmt: skip


def _text(token: Token) -> str:
    """What is read, without spaces of no width; only text and the escapes of it may be there."""
    children = token.children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children).replace("\u200b", "")


def _cells(markdown: str) -> list[list[str]]:
    tokens = GITHUB.parse(markdown)
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_text(token))
    return rows


def _items(markdown: str) -> list[str]:
    tokens = GITHUB.parse(markdown)
    kinds = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "paragraph_open"}
    assert {token.type for token in tokens} <= kinds | {"paragraph_close", "inline"}
    return [_text(token) for token in tokens if token.type == "inline"]


@pytest.mark.parametrize("name", AWKWARD)
def test_a_cell_reads_as_the_name(name: str) -> None:
    """The table has as many cells as it was given, and each is its text."""
    table = text_table.table("model", "images", left=1)
    table.add_row(name, "3")
    expected = messages.spelled(name)
    assert _cells(markdown_text.table(table)) == [["model", "images"], [expected, "3"]]


@pytest.mark.parametrize("name", AWKWARD)
def test_an_item_reads_as_the_line(name: str) -> None:
    """A line is one item, and nothing within it is a list, a heading or a quotation."""
    line = messages.printable(name).strip()
    assert _items(markdown_text.items([name, "next"])) == [text for text in (line, "next") if text]


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), min_size=1, max_size=3))
def test_any_text_reads_as_it_is_written(names: list[str]) -> None:
    """Every character that a keyboard has, in a row of a table."""
    markdown = markdown_text.rows([f"c{place}" for place, _ in enumerate(names)], [], [names])
    assert _cells(markdown)[1] == names


def test_words_are_left_and_numbers_right() -> None:
    """As in the terminal."""
    table = text_table.table("model", "images", left=1)
    table.add_row("net", "3")
    expected = "| model | images |\n| :--- | ---: |\n| net | 3 |\n"
    assert markdown_text.table(table) == expected
    assert markdown_text.rows(["model", "images"], ["model"], [["net", "3"]]) == expected


def test_names_of_networks_are_readable_as_they_stand() -> None:
    """Underscores and arrows within words need no escape."""
    assert markdown_text.escaped("regnet_y_3_2gf -> resnet_50 (0.5)") == "regnet_y_3_2gf -> resnet_50 (0.5)"


@pytest.mark.parametrize(
    "name", ["@somebody", "#12", "GH-12", "https://example.org", "www.example.org", "a@example.org"]
)
def test_a_name_mentions_nobody_and_links_nothing(name: str) -> None:
    """A space of no width stands where GitHub would begin."""
    shown = markdown_text.escaped(name)
    assert "&#8203;" in shown
    assert shown.replace("&#8203;", "") == name


def test_entities_of_tables_stay() -> None:
    """Blanks at the ends of a name are written with a number sign of their own."""
    assert markdown_text.cell(" a ") == "&#32;a&#32;"
