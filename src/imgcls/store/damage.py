"""Rows of the store that do not match their checksums: what is computed again is counted, the rest is refused."""

from __future__ import annotations

from pathlib import Path

from imgcls.errors import StoreError


class Damage:
    """What was damaged in a store and is computed again, by kind: ``predictions``, ``hashes of files`` and others."""

    def __init__(self) -> None:
        self._rows: dict[str, set[object]] = {}
        self._sentences: list[str] = []

    def add(self, kind: str, row: object) -> None:
        """Count a row, however often it is read."""
        self._rows.setdefault(kind, set()).add(row)

    def add_sentence(self, sentence: str) -> None:
        """Keep a sentence about the whole store."""
        self._sentences.append(sentence)

    def take(self) -> tuple[str, ...]:
        """Everything since the last call, a sentence each."""
        sentences = tuple(self._sentences)
        if self._rows:
            counts = ", ".join(f"{kind}: {len(rows)}" for kind, rows in self._rows.items())
            again = f"damaged rows of the store were computed again ({counts})"
            sentences += (f"{again}: `imgcls cache verify` shows whether there is more",)
        self._rows, self._sentences = {}, []
        return sentences


def refused(file: Path | None, what: str) -> StoreError:
    """The error where a damaged row cannot be computed again by the run that reads it."""
    return _error(file, f"{what} does not match its checksum")


def lost(file: Path | None, what: str) -> StoreError:
    """The error where a row is not there any more that has to be."""
    return _error(file, f"{what} is no longer complete")


def _error(file: Path | None, found: str) -> StoreError:
    return StoreError(
        f"the store {file or 'in memory'} is damaged: {found}. Run again; where that does not help, delete the file"
    )
