"""Markdown as readers parse it, for tests of what we write."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

_BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table, row by row with its head, as text; each row has as many cells as its head."""
    of_text: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        counts = {len(_BAR.findall(line)) for line in block.splitlines()}
        assert len(counts) == 1, block
        of_text.append(_rows(block))
    return of_text


def _rows(block: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in tokens(block):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows


def tokens(text: str) -> list[Token]:
    """What a reader makes of the text."""
    return MarkdownIt("commonmark").enable("table").parse(text)


def inline(text: str) -> Iterator[Token]:
    """What stands within the lines."""
    for token in tokens(text):
        yield from token.children or ()


def plain(text: str) -> str:
    """What is read of it: the text without markup, with a line for each block."""
    blocks = (token.children or () for token in tokens(text) if token.type == "inline")
    return "\n".join("".join(child.content for child in block if child.type == "text") for block in blocks)


def has_html(text: str) -> bool:
    """Whether a reader finds HTML in it."""
    return any(token.type.startswith("html") for token in (*tokens(text), *inline(text)))


def targets(text: str) -> list[str]:
    """Where links and images point."""
    places = (token.attrs.get("href") or token.attrs.get("src") for token in inline(text))
    return [str(place) for place in places if place]


def missing(text: str, folder: Path) -> list[str]:
    """Targets that are no files of the folder."""
    return [place for place in targets(text) if not (folder / unquote(place)).is_file()]
