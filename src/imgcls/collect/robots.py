"""What a robots.txt allows, by RFC 9309."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from requests.utils import requote_uri

AGENT = "imgcls"
"""The product token by which a robots.txt addresses this crawler."""


class Rule(NamedTuple):
    """What a path that matches a pattern may be."""

    pattern: str
    allows: bool


class Rules(NamedTuple):
    """The rules of a robots.txt that hold for one crawler."""

    rules: tuple[Rule, ...] = ()

    def allow(self, url: str) -> bool:
        """Whether a URL may be fetched: the longest rule that matches decides, and of two equal ones that to allow.

        Source: RFC 9309, section 2.2.2.
        """
        parts = urlsplit(url)
        path = requote_uri(parts.path or "/") + (f"?{requote_uri(parts.query)}" if parts.query else "")
        if path == "/robots.txt":
            return True
        matching = [(len(rule.pattern), rule.allows) for rule in self.rules if _matches(rule.pattern, path)]
        return max(matching, default=(0, True))[1]


def parse(text: str, agent: str = AGENT) -> Rules:
    """The rules for a crawler: of all groups that name it, or else of those for ``*``.

    Not by :mod:`urllib.robotparser`, see docs/decisions.md#robots. Source: RFC 9309, section 2.2.1.
    """
    groups: dict[str, list[Rule]] = {}
    agents: list[str] = []
    in_rules = False
    for key, value in _lines(text):
        if key == "user-agent":
            agents = [value.lower()] if in_rules else [*agents, value.lower()]
            in_rules = False
            groups.setdefault(value.lower(), [])
        elif key in {"allow", "disallow"}:
            in_rules = True
            for name in agents if value else ():
                groups[name].append(Rule(requote_uri(value), key == "allow"))
    return Rules(tuple(groups.get(agent.lower(), groups.get("*", ()))))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.removeprefix("\ufeff").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _matches(pattern: str, path: str) -> bool:
    """Whether a path begins as a pattern does, in which ``*`` stands for anything, and ``$`` for the path's end.

    In time that is linear in the path, unlike a regular expression with as many stars.
    """
    to_end = pattern.endswith("$")
    first, *pieces = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    last = pieces.pop() if to_end and pieces else None
    place = len(first)
    for piece in pieces:
        found_at = path.find(piece, place)
        if found_at < 0:
            return False
        place = found_at + len(piece)
    if last is not None:
        return len(path) - len(last) >= place and path.endswith(last)
    return not to_end or place == len(path)
