"""One table for every reader: as JSON, as CSV, as Markdown, and in a terminal of any width."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from imgcls import messages
from imgcls.reporting import csv_text, markdown_text, text_table

ROWS_SHOWN = 20  # docs/decisions.md#names-in-a-message
"""The rows of a table that a terminal gets; documents have all."""

NOTHING = "-"
"""The cell of a row that has no such figure."""

Values = Mapping[str, Any]
"""A row as documents have it, by the names of the columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that people read; ``show``: its cell of a row. ``words``: it holds no numbers."""

    title: str
    show: Callable[[Values], str]
    words: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows for programs, and how people see them; ``lines``: sentences that belong to it, above the table.

    ``keys``: the columns of the documents, in order. ``title``: of which run, model or dataset it is. ``importance``:
    the titles of columns, those first that a narrow terminal has; the others follow in their own order.
    """

    title: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Values, ...]
    lines: tuple[str, ...] = ()
    importance: tuple[str, ...] = ()


def as_json(of: Mapping[str, Any], sheets: Iterable[Sheet]) -> str:
    """An object with these keys, ``rows`` and ``lines``."""
    of_all = list(sheets)
    rows = [{key: row[key] for key in sheet.keys} for sheet in of_all for row in sheet.rows]
    document = {**of, "rows": rows, "lines": [line for sheet in of_all for line in sheet.lines]}
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def as_csv(sheets: Sequence[Sheet]) -> str:
    """One table of all rows, whose columns are those of the first."""
    keys = sheets[0].keys if sheets else ()
    return csv_text.text(keys, ([row[key] for key in keys] for sheet in sheets for row in sheet.rows))


def as_markdown(sheets: Iterable[Sheet]) -> str:
    """A section per sheet with all rows."""
    return "\n".join(map(_markdown, sheets))


def _markdown(sheet: Sheet) -> str:
    blocks = [f"### {markdown_text.escaped(sheet.title)}\n", markdown_text.items(sheet.lines)]
    if sheet.rows:
        columns = _columns(sheet)
        left = [column.title for column in columns if column.words]
        cells = ([messages.spelled(column.show(row)) for column in columns] for row in sheet.rows)
        blocks.append(markdown_text.rows([column.title for column in columns], left, cells))
    return "\n".join(block for block in blocks if block)


def terminal(sheets: Iterable[Sheet], width: int) -> str:
    """Every sheet with its first rows, in lines of up to ``width`` characters."""
    return "\n".join(_terminal(sheet, width) for sheet in sheets)


def _terminal(sheet: Sheet, width: int) -> str:
    lines = [
        part for line in (sheet.title, *sheet.lines) for part in text_table.wrapped(messages.printable(line), width)
    ]
    text = "".join(f"{line}\n" for line in lines)
    if not sheet.rows:
        return text
    columns = _columns(sheet)
    names = [column.title for column in columns if column.words]
    table = text_table.table(*(column.title for column in columns), names=names, importance=sheet.importance)
    for column, shown in zip(table.columns, columns, strict=True):
        column.justify = "left" if shown.words else "right"
    for row in sheet.rows[:ROWS_SHOWN]:
        table.add_row(*(column.show(row) for column in columns))
    return text + text_table.text(table, width) + _more(len(sheet.rows))


def _columns(sheet: Sheet) -> list[Column]:
    """Those in which a row has something."""
    return [column for column in sheet.columns if any(column.show(row) != NOTHING for row in sheet.rows)]


def _more(rows: int) -> str:
    return f"and {rows - ROWS_SHOWN} more: --csv FILE, --json FILE and --markdown FILE have all\n" * (rows > ROWS_SHOWN)
