"""Tables and lines as plain text, laid out by rich, in which every character is seen and no line is too long."""

import io
import textwrap
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

from imgcls import messages
from imgcls.reporting import short_names

UNFOLDED = 1000
"""A width at which every row keeps to one line, however narrow the terminal."""

MARGIN, GAP = 1, 2
"""Blanks before the first column, and between columns."""

SHORTEST_NAME, LONGEST_NAME = 16, 24  # docs/decisions.md#tables-of-80-columns
"""Characters of a name from which on columns of figures go before it, where there are many names and few."""


class _Console(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(messages.printable_lines(o) if isinstance(o, str) else o for o in objects), **options)


class NamedTable(Table):
    """A table that knows which of its columns hold names, which may be shortened, and which matter most.

    ``importance``: headers, the most important first; columns that it does not have come last, in their own order.
    """

    def __init__(self, names: Sequence[str], importance: Sequence[str]) -> None:
        super().__init__(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        self.names, self.importance = tuple(names), tuple(importance)

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Text is spelled so that every character of it is seen."""
        super().add_row(*(messages.spelled(cell) if isinstance(cell, str) else cell for cell in cells), **options)

    @property
    def headers(self) -> list[str]:
        return [str(column.header) for column in self.columns]

    def texts(self, header: str) -> list[str]:
        """The cells of a column, as they are spelled."""
        return [str(cell) for cell in self.columns[self.headers.index(header)].cells]


def console(width: int = UNFOLDED) -> Console:
    """A console that collects what is printed, for :func:`printed`."""
    return _Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)


def printed(console: Console) -> str:
    """The text that was printed to a :func:`console`, without spaces at the ends of lines."""
    lines: list[str] = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO of console
    return "".join(f"{line.rstrip()}\n" for line in lines)


def table(*columns: str, left: int = 1, names: Sequence[str] = (), importance: Sequence[str] = ()) -> NamedTable:
    """An empty table, whose first columns hold words and the others numbers; each cell is one line.

    ``names``: those of :class:`NamedTable`, by default the first column. ``importance``: its own, by default the order.
    """
    result = NamedTable(names or columns[:1], importance or columns)
    for number, column in enumerate(columns):
        result.add_column(column, justify="left" if number < left else "right", no_wrap=True)
    return result


def text(of: NamedTable, width: int, way: str = "") -> str:
    """A table in at most ``width`` columns, and a line that names the columns for which there is no room.

    ``way``: how to pick columns, where that is possible, as the end of the sentence that names them.
    """
    table, left_out = fitted(of, width)
    console = _Console(file=io.StringIO(), width=UNFOLDED, markup=False, highlight=False, emoji=False)
    console.print(table)
    note = f"columns left out: {', '.join(left_out)} (a wider terminal shows them{way})" if left_out else ""
    return printed(console).rstrip("\n") + "\n" + "".join(f"{line}\n" for line in wrapped(note, width))


def wrapped(line: str, width: int) -> list[str]:
    """A sentence in lines of at most ``width`` characters; a longer word has a line of its own."""
    return textwrap.wrap(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def fitted(of: NamedTable, width: int) -> tuple[NamedTable, list[str]]:
    """The table with as many of its most important columns as there is room for, and the headers of the others.

    Names are shortened before a column of figures is left out, and get the room that is left in the end.
    """
    room = width - MARGIN
    natural = {header: max(map(cell_len, [header, *of.texts(header)])) for header in of.headers}
    names = [header for header in of.headers if header in of.names]
    widths: dict[str, int] = {}
    for header in _by_importance(of):
        longest = max(cell_len(header), _longest_name(room, len(names)))
        needed = min(natural[header], longest) if header in names else natural[header]
        if widths and sum(widths.values()) + needed + GAP * len(widths) > room:
            break
        widths[header] = needed
    shown = [header for header in of.headers if header in widths]
    _widen(widths, natural, room - GAP * (len(widths) - 1))
    return _with(of, shown, widths), [header for header in of.headers if header not in widths]


def _longest_name(room: int, names: int) -> int:
    """So that names together leave half of the room to figures, where they are not very short then."""
    return min(max(SHORTEST_NAME, room // (2 * names)), LONGEST_NAME)


def _by_importance(of: NamedTable) -> list[str]:
    known = [header for header in of.importance if header in of.headers]
    return [*known, *(header for header in of.headers if header not in known)]


def _widen(widths: dict[str, int], natural: dict[str, int], room: int) -> None:
    """Give columns that are too narrow what room there is, one character after another."""
    while (left := room - sum(widths.values())) > 0:
        narrow = [header for header in widths if widths[header] < natural[header]]
        for header in narrow[:left]:
            widths[header] += 1
        if not narrow:
            return


def _with(of: NamedTable, headers: Sequence[str], widths: dict[str, int]) -> NamedTable:
    """The table with only these columns, whose names are not longer than ``widths``."""
    result = NamedTable(of.names, of.importance)
    columns: list[Column] = [of.columns[of.headers.index(header)] for header in headers]
    for column in columns:
        result.add_column(str(column.header), justify=column.justify, no_wrap=True)
    cells = [
        short_names.shortened(of.texts(header), widths[header]) if header in of.names else of.texts(header)
        for header in headers
    ]
    for row in zip(*cells, strict=True):
        Table.add_row(result, *row)  # they are spelled already
    return result


def model_name(model: str, *, untrained: bool) -> str:
    """The name of a model in a table, which states that its weights are random."""
    return f"{model}{short_names.UNTRAINED}" if untrained else model
