"""Markdown of the generated reference: tables, and texts that were written for other readers."""

import re
from collections.abc import Iterable, Sequence

ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)\s]+)(?=\))")
BAR = re.compile(r"(?<!\\)\|")


class MissingText(Exception):
    """Something that users can write, and that no text explains; or a text about what is not there."""


def required(text: str | None, what: str) -> str:
    """The text in Markdown, on one line. Raises MissingText where there is none."""
    if not text or not text.strip():
        raise MissingText(f"{what} has no text")
    return markdown(text)


def markdown(text: str) -> str:
    """A docstring, or the help of an option, as Markdown on one line."""
    lines = " ".join(text.split())
    without_roles = re.sub(r"``([^`]+)``", r"`\1`", ROLE.sub(r"`\1`", lines))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in _code_apart(without_roles))


def _code_apart(text: str) -> list[str]:
    return re.split(r"(`[^`]*`)", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells may have bars in them, without the columns that are empty."""
    lines = list(rows)
    columns = [index for index in range(len(head)) if any(line[index] for line in lines)]
    return "".join(
        f"| {' | '.join(_cell(line[index]) for index in columns)} |\n" for line in (head, ["---"] * len(head), *lines)
    )


def _cell(text: str) -> str:
    return BAR.sub(r"\|", text)


def rebased(text: str, page: str) -> str:
    """A text of ``docs/PAGE`` with its links as a page of ``docs/reference`` must have them."""
    return LINK.sub(lambda link: f"../{page if link[1].startswith('#') else ''}{link[1]}", text)


def code(text: str) -> str:
    return f"`{text}`"
