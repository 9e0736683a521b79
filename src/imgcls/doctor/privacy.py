"""Texts without what does not belong in a bug report: passwords, tokens, and names of users in paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

HIDDEN = "***"

_HOMES = re.compile(r"((?:/home|/Users|[A-Za-z]:\\Users)[/\\])[^/\\\s:;,'\"]+")
_CREDENTIALS = re.compile(r"(?<=//)\S+(?=@)|(?<![\w/.-])[^\s/@:=]+:(?!//)\S+(?=@)")
_QUERIES = re.compile(r"(//[^\s?]+\?)\S+")
"""Of URLs: they may have a key or a signature."""

_PASSWORD = re.compile(r"[^/:]*:([^\s]+)@")
_TOKENS = re.compile(r"\b(?:hf|gh[a-z]|github_pat|glpat|pypi)[_-][A-Za-z0-9_-]{8,}")
_SECRET = re.compile(r"token|secret|passw|credential|api_?key", re.IGNORECASE)
_SHORTEST = 6
"""Characters of a secret; shorter values, such as 1, are settings."""
_SHORTEST_PART = 3
"""Characters of a part of a password, which libraries put into messages where it has a ``/`` or a ``:``."""


def private(text: str, environ: Mapping[str, str], home: Path) -> str:
    """The text with ``~`` for the home folder, and stars for passwords, tokens and names of users.

    ``environ``: the values of variables that are named as secrets are.
    """
    for secret in _secrets(environ):
        text = text.replace(secret, HIDDEN)
    text = _QUERIES.sub(rf"\g<1>{HIDDEN}", _TOKENS.sub(HIDDEN, _CREDENTIALS.sub(HIDDEN, text)))
    for folder in {str(home), str(home.resolve())} - {home.anchor}:
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])", "~", text)
    return _HOMES.sub(rf"\g<1>{HIDDEN}", text)


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of variables such as ``HF_TOKEN``, and passwords of proxies; the longest first.

    One may contain another.
    """
    values = {value for name, value in environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST}
    secrets = {value for value in values if not os.path.exists(value)}  # noqa: PTH110 - pathlib's raises for long ones
    for name, value in environ.items():
        if name.lower().endswith(("_proxy", "_endpoint", "_mirror")) and (
            match := _PASSWORD.search(value.rpartition("//")[2])
        ):
            secrets |= {part for part in re.split(r"[/:@]", match[1]) if len(part) >= _SHORTEST_PART}
    return iter(sorted(secrets, key=len, reverse=True))
