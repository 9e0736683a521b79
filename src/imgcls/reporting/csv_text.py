"""CSV that a spreadsheet reads as it is meant: no text of a cell is a formula, and every text can be restored."""

from collections.abc import Iterable, Sequence

import msgspec

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with in some spreadsheet; the last four are the full-width forms."""

MARK = "'"
"""Put in front of a text that begins like a formula, or with this mark itself: a reader takes one away again."""

QUOTE = '"'

SPECIAL = frozenset(f"{QUOTE},\r\n")
"""What may stand only within quotes."""


def text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line of names, and a line per row, as RFC 4180 has them except that lines end with a line feed."""
    return "".join(f"{','.join(_quoted(cell(value)) for value in row)}\n" for row in (columns, *rows))


def _quoted(cell: str) -> str:
    """Python's own writer does not quote a carriage return, which its reader takes for the end of a line."""
    return f'"{cell.replace(QUOTE, 2 * QUOTE)}"' if SPECIAL.intersection(cell) else cell


def cell(value: object) -> str:
    """A value as a cell: nothing for None, numbers as they are, lists and maps as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"{MARK}{value}" if value.startswith((*FORMULA, MARK)) else value
    if isinstance(value, bool | list | tuple | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def restored(cell: str) -> str:
    """The text of a cell that held one."""
    return cell.removeprefix(MARK)
