"""Markdown that GitHub renders, in which no text is longer than it may be."""

from __future__ import annotations

from imgcls import messages
from imgcls.reporting import markdown_text

MESSAGE_CHARACTERS = 1000  # docs/decisions.md#what-ci-shows
"""Of one message; more of it is in the log."""

NAME_CHARACTERS = 200  # docs/decisions.md#what-ci-shows
"""Of one name or path in a table."""


def line(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """One text within a line: escaped, and cut where it is longer than the limit."""
    return markdown_text.escaped(shortened(text, limit))


def shortened(text: str, limit: int) -> str:
    """The printable text, with three dots in the middle where it is longer than the limit."""
    shown = messages.printable(text)
    if len(shown) <= limit:
        return shown
    end = limit // 3
    return f"{shown[: limit - end - 5]} ... {shown[-end:]}"


def cut(markdown: str, limit: int, pointer: str) -> str:
    """The Markdown in up to ``limit`` bytes of UTF-8: cut between two lines, with a pointer to where the rest is.

    Empty where there is no room for the pointer either.
    """
    data = markdown.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return data.decode()
    end = f"\n{pointer}\n".encode()
    room = data[: max(0, limit - len(end))]
    whole_lines = room[: room.rfind(b"\n") + 1]
    return (whole_lines + end).decode() if len(end) <= limit else ""
