"""imgcls.reporting.text_table: tables as plain text."""

from imgcls.reporting import text_table


def test_a_table_is_text_without_spaces_at_the_ends_of_lines() -> None:
    """Words are on the left, numbers on the right, and markup and names of emoji stay as they are."""
    table, console = text_table.table("name", "number"), text_table.console()
    table.add_row("[b]a[/b] :cat:", "1")
    table.add_row("b", "22")
    console.print(table)
    assert text_table.printed(console) == (
        "\n name             number\n ───────────────────────\n [b]a[/b] :cat:        1\n b                    22\n\n"
    )


def test_rows_keep_to_one_line_unless_a_width_is_given() -> None:
    """The default console is wider than any row; a narrow one folds."""
    lines = []
    for console in (text_table.console(), text_table.console(20)):
        table = text_table.table("name")
        table.columns[0].no_wrap = False
        table.add_row("x" * 100)
        console.print(table)
        lines.append(text_table.printed(console).count("x" * 100))
    assert lines == [1, 0]


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
