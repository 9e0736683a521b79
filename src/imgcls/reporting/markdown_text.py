"""Tables and lines in GitHub's Markdown: every name is read as it is written, mentions nobody and links nothing."""

import re
from collections.abc import Iterable, Sequence

from rich.table import Table

from imgcls import messages

_MARKS = re.compile(r"[\\`*\[\]<~|&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What has a meaning within a line; an underscore between letters has none, nor has ``>`` after the first character."""

_FIRST = re.compile(r"^(?:(?=[-+#>=])|(\d+)(?=[.)](?: |$)))")
"""Where a line would begin a list, a heading or a quotation of its own."""

_BREAK = "&#8203;"
"""A space of no width: what stands on both sides of it is not one word."""

_REFERENCES = re.compile(
    r"(?P<at>@(?=[A-Za-z0-9\\]))|(?P<number>(?<!(?<!\\)&)#(?=\d))|(?P<issue>\bGH-(?=\d))|(?P<scheme>:(?=//))"
    r"|(?P<host>\bwww(?=\.))",
    re.IGNORECASE,
)
"""What GitHub makes a mention, a reference or a link of; an entity has a ``#`` too, after its ``&``."""

_OUTER_BLANKS = re.compile(r"^ +| +$")


def escaped(text: str) -> str:
    """Text within a line, whatever characters are in it; no name mentions somebody, refers to an issue or is a link."""
    marked = _MARKS.sub(lambda mark: f"\\{mark[0]}", messages.printable(text))
    return _REFERENCES.sub(lambda reference: reference[0] + _BREAK, marked)


def items(lines: Iterable[str]) -> str:
    """A list, one item a line; empty where there is none."""
    return "".join(f"- {_FIRST.sub(_kept, escaped(line.strip()))}\n" for line in lines)


def _kept(first: re.Match[str]) -> str:
    return f"{first[1] or ''}\\"


def rows(columns: Sequence[str], left: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """A table; ``left``: the columns that hold words."""
    rule = [":---" if column in left else "---:" for column in columns]
    return _lines([[*map(cell, columns)], rule, *([*map(cell, row)] for row in cells)])


def table(of: Table) -> str:
    """A table of the terminal."""
    headers = [str(column.header) for column in of.columns]
    rule = [":---" if column.justify == "left" else "---:" for column in of.columns]
    cells = zip(*([cell(str(text)) for text in column.cells] for column in of.columns), strict=True)
    return _lines([[*map(cell, headers)], rule, *cells])


def _lines(of: Iterable[Iterable[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in of)


def cell(text: str) -> str:
    """Text within a cell. Blanks around a name are part of it, and Markdown would drop them."""
    return _OUTER_BLANKS.sub(lambda blanks: "&#32;" * len(blanks[0]), escaped(text))
