"""imgcls.reporting.text_table: tables as plain text, which fit their terminal."""

from rich.cells import cell_len

from imgcls.reporting import text_table
from imgcls.reporting.text_table import NamedTable

LONG = "vit_base_patch16_224.augreg_in21k"


def _table(*rows: tuple[str, ...]) -> NamedTable:
    table = text_table.table("name", "first", "second", "third", importance=("name", "second", "first", "third"))
    for row in rows:
        table.add_row(*row)
    return table


def test_a_table_is_text_without_spaces_at_the_ends_of_lines() -> None:
    """Words are on the left, numbers on the right, and markup and names of emoji stay as they are."""
    table = text_table.table("name", "number")
    table.add_row("[b]a[/b] :cat:", "1")
    table.add_row("b", "22")
    assert text_table.text(table, 80) == (
        "\n name            number\n ──────────────────────\n [b]a[/b] :cat:       1\n b                   22\n"
    )


def test_the_least_important_columns_are_left_out_and_named() -> None:
    """Columns stay in their order; those for which there is no room are in the line below, with the way to them."""
    text = text_table.text(_table(("net", "1" * 20, "2" * 20, "3" * 20)), 52, ", --columns picks")
    assert text.splitlines()[1].split() == ["name", "first", "second"]
    assert text.splitlines()[-2:] == ["columns left out: third (a wider terminal shows", "  them, --columns picks)"]
    assert "left out" not in text_table.text(_table(("net", "1", "2", "3")), 52)


def test_a_wider_terminal_shows_more_by_importance() -> None:
    """Each width has all columns of a narrower one."""
    table = _table((LONG, "1" * 20, "2" * 20, "3" * 20))
    shown = [text_table.fitted(table, width)[0].headers for width in (40, 60, 80, 120)]
    assert shown == [["name"], ["name", "second"], ["name", "first", "second"], ["name", "first", "second", "third"]]


def test_names_are_shortened_before_figures_are_left_out() -> None:
    """In the middle, and no further than there is need."""
    for width in (50, 80):
        text = text_table.text(_table((LONG, "1" * 10, "2" * 10, "3")), width)
        row = text.splitlines()[3]
        assert "1" * 10 in row
        assert "2" * 10 in row
        assert cell_len(row) <= width
        assert ("…" in row) is (width == 50)


def test_names_are_seen_and_keep_to_their_row() -> None:
    """Cells tell a line break from its letters; lines of text keep their own breaks."""
    table, console = text_table.table("name"), text_table.console()
    table.add_row("a\x1b[31m\nb")
    table.add_row(r"a\nb")
    console.print(table)
    console.print("c\r\x07\n  d\u202e", soft_wrap=True)
    assert [line.rstrip() for line in text_table.printed(console).splitlines()[3:]] == [
        r" a\x1b[31m\nb",
        r" a\\nb",
        "",
        r"c\r\x07",
        r"  d\u202e",
    ]
