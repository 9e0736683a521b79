"""Words that messages have in common: lists cut short, exceptions on one line, names that resemble a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

NAMED = 10  # docs/decisions.md#names-in-a-message


def named(items: Sequence[str], limit: int = NAMED) -> str:
    """The first of many items, up to the limit, and the number of the others."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def one_line(error: BaseException) -> str:
    """The text of an exception, without its line breaks and its full stop; its type where it has no text."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def similar(name: str, known: Iterable[str], count: int = 3, cutoff: float = 0.5) -> list[str]:
    """The known names that resemble this one, the nearest first, up to ``count``."""
    return difflib.get_close_matches(name, list(known), n=count, cutoff=cutoff)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that it resembles, if there is one."""
    return "".join(f"; did you mean '{other}'?" for other in similar(name, known, count=1))


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that it resembles, or all of them."""
    names = list(known)
    return did_you_mean(name, names) or (f"; known: {', '.join(names)}" if names else "; there is none")


def nearest_three(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name, one of very many: the three known ones that it resembles most."""
    names = similar(name, known, cutoff=0.6)  # among very many names, some resemble any word a little
    return f"; nearest: {', '.join(names)}" if names else ""
