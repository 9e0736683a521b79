"""Result documents as imgcls writes them, one prediction a line: read without all of these in memory at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol, TypeVar

import msgspec

from imgcls import documents
from imgcls.comparison.packed import PackedPredictions
from imgcls.records.comparison import Prediction

FIRST = b'"predictions":['
"""How the line before the first prediction ends."""

LINES = 1000  # docs/decisions.md#comparisons-in-arrays
"""Predictions that are decoded together."""

_decode = msgspec.json.Decoder(list[Prediction]).decode


class Document(Protocol):
    """A record of a result document with its predictions, None where these were left out."""

    @property
    def predictions(self) -> tuple[Prediction, ...] | None: ...


T = TypeVar("T", bound=Document)


class _OtherLayoutError(Exception):
    """Not by lines, or not in order."""


def read(file: Path, kind: type[T], what: str, *, whose: str, way: str) -> tuple[T, PackedPredictions | None]:
    """A document of this kind without its predictions, and these; parameters and errors as of ``documents.read``.

    What another program wrote or formatted, and what is damaged, is read as a whole, and refused with the same words;
    so is what is not a file, since a pipe can be read only once.
    """
    if file.is_file():
        try:
            with file.open("rb") as stream:
                return _Lines(stream).read(kind)
        except (_OtherLayoutError, OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    document = documents.read(file, kind, what, whose=whose, way=way)
    return document, None if document.predictions is None else PackedPredictions(document.predictions)


class _Lines:
    """The lines of a document, each read once; line breaks may be those of Windows."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._digest, self._end = stream, hashlib.sha256(), b""

    def read(self, kind: type[T]) -> tuple[T, PackedPredictions]:
        """Raises _OtherLayoutError or MsgspecError where it is not a sealed document by lines."""
        head = self._line()
        if not head.endswith(FIRST + b"\n"):
            raise _OtherLayoutError
        self._digest.update(head)
        predictions = PackedPredictions(self._predictions())
        end = self._end + self._stream.read()
        document = msgspec.json.decode(head + end, type=kind)
        if document.predictions != () or not documents.is_sealed(end, self._digest):
            raise _OtherLayoutError
        return document, predictions

    def _line(self) -> bytes:
        line = self._stream.readline()
        return line[:-2] + b"\n" if line.endswith(b"\r\n") else line

    def _predictions(self) -> Iterator[Prediction]:
        while not self._end:
            lines = list(self._some())
            self._digest.update(b"".join(lines))
            yield from _decode(b"[" + b"".join(lines).rstrip(b",\n") + b"]")

    def _some(self) -> Iterator[bytes]:
        """The next lines that are predictions; what follows the last of all is kept as the end."""
        for _ in range(LINES):
            line = self._line()
            if not line.startswith(b"{"):
                self._end = line or b"\n"
                return
            yield line
