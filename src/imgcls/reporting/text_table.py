"""Tables and lines as plain text, laid out by rich, in which every character is seen."""

import io
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from imgcls import messages

UNFOLDED = 1000
"""A width at which every row keeps to one line, however narrow the terminal."""


class _Console(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(messages.printable_lines(o) if isinstance(o, str) else o for o in objects), **options)


class _Table(Table):
    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(messages.spelled(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def console(width: int = UNFOLDED) -> Console:
    """A console that collects what is printed, for :func:`printed`."""
    return _Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)


def printed(console: Console) -> str:
    """The text that was printed to a :func:`console`, without spaces at the ends of lines."""
    lines: list[str] = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO of console
    return "".join(f"{line.rstrip()}\n" for line in lines)


def table(*columns: str, left: int = 1) -> Table:
    """An empty table, whose first columns hold words and the others numbers; each cell is one line."""
    table = _Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        first = number < left
        table.add_column(column, justify="left" if first else "right", overflow="fold", no_wrap=first)
    return table


def model_name(model: str, *, untrained: bool) -> str:
    """The name of a model in a table, which states that its weights are random."""
    return f"{model} (untrained)" if untrained else model
