"""Tables and lines as plain text, laid out by rich."""

import io

from rich import box
from rich.console import Console
from rich.table import Table

UNFOLDED = 1000
"""A width at which every row keeps to one line, however narrow the terminal."""


def console(width: int = UNFOLDED) -> Console:
    """A console that collects what is printed, for :func:`printed`."""
    return Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)


def printed(console: Console) -> str:
    """The text that was printed to a :func:`console`, without spaces at the ends of lines."""
    lines: list[str] = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO of console
    return "".join(f"{line.rstrip()}\n" for line in lines)


def table(*columns: str, left: int = 1) -> Table:
    """An empty table, whose first columns hold words and the others numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        first = number < left
        table.add_column(column, justify="left" if first else "right", overflow="fold", no_wrap=first)
    return table
