"""What prediction keys are hashes of, kept next to them, so that keys that do not agree can be told apart in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from imgcls import hashing
from imgcls.store import connection
from imgcls.store.connection import Connection

Parts = Mapping[str, Any]
"""The names and values that a key is the hash of, as JSON."""

_WORDS: Final = {
    "arch": "architecture", "cpu": "CPU instructions", "decoding": "decoder", "gpu": "GPU",
    "imgcls_sha256": "source of imgcls", "own_sources": "own code", "state_sha256": "weights",
}  # fmt: skip
"""What parts of a key are called, where that is not their name."""

_LONGEST = 60  # docs/decisions.md#names-in-a-message
"""Characters of a value that a message shows."""


class Identities(Connection):
    """The parts of keys."""

    def put_parts(self, key: str, parts: Parts) -> None:
        """Store what a key is the hash of, unless it is known."""
        if self.parts(key) is None:
            with self._transaction() as transaction:
                row = (bytes.fromhex(key), hashing.canonical(parts).encode())
                connection.write(transaction, "identities", [row])

    def parts(self, key: str) -> Parts | None:
        """What a key is the hash of; None where that was not stored, as by older versions of imgcls."""
        rows = self._intact("parts of prediction keys", "identities", "body", {"key": bytes.fromhex(key)})
        return next((msgspec.json.decode(body) for (body,) in rows), None)


def unlike(one: Parts, first: str, other: Parts, second: str) -> Iterator[str]:
    """A phrase for each part that two keys have different; ``first`` and ``second``: where, as in ``in the plan``."""
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a != b:
            yield _phrase(name, a, first, b, second)


def _phrase(name: str, a: Any, first: str, b: Any, second: str) -> str:
    word = _WORDS.get(name, name)
    if name == "cpu":
        flags = {where: set(str(value or "").split()) for where, value in ((first, a), (second, b))}
        only = [
            f"only {where} {textwrap.shorten(' '.join(sorted(own)), _LONGEST, placeholder=' ...')}"
            for where, than in ((first, second), (second, first))
            if (own := flags[where] - flags[than])
        ]
        return f"{word} ({', '.join(only)})"
    values = [_shown(value) for value in (a, b)]
    if None in values or name.endswith("sha256"):
        return f"another {word}"
    return f"{word} {values[0]} {first} and {values[1]} {second}"


def _shown(value: Any) -> str | None:
    """A value that is short enough for a message; else None."""
    text = "none" if value is None else str(value)
    return text if len(text) <= _LONGEST and not isinstance(value, Mapping | list) else None
