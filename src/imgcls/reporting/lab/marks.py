"""Tables, images and links in Markdown that GitHub, VS Code and pandoc read alike: without any HTML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from urllib.parse import quote

from imgcls.reporting import markdown_text

_OF_ADDRESSES = ":/?#@!$&'+,;=%~"
"""What has a meaning in an address, and none in Markdown within a link's target."""


class Markup(str):
    """Markdown that is inserted as it is; any other text is escaped."""

    __slots__ = ()


def strong(text: str) -> Markup:
    """A text in bold."""
    return Markup(f"**{markdown_text.escaped(text.strip())}**")


def image(text: str, path: str) -> Markup:
    """An image of the folder; ``text``: what stands for it where it is not shown."""
    return Markup(f"!{link(text, path)}")


def link(text: str, path: str) -> Markup:
    """A link to a file of the folder, whatever characters its name has."""
    return Markup(f"[{markdown_text.escaped(text)}]({quote(path)})")


def page(url: str) -> str:
    """A link to a page of the web; text where it is no such address."""
    is_web = url.startswith(("https://", "http://"))
    return Markup(f"[{markdown_text.escaped(url)}]({quote(url, safe=_OF_ADDRESSES)})") if is_web else url


def paragraph(*parts: str) -> str:
    """A paragraph of texts and markup, separated by spaces."""
    return f"{' '.join(part if isinstance(part, Markup) else markdown_text.escaped(part) for part in parts)}\n"


def table(columns: Sequence[str], left: Collection[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; ``left``: the columns that hold words."""
    rule = [":---" if column in left else "---:" for column in columns]
    lines = [[*map(_cell, columns)], rule, *([*map(_cell, row)] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text if isinstance(text, Markup) else markdown_text.cell(text)
