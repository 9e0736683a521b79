"""What a report is about: a result document, its predictions, and the text that the report embeds."""

from __future__ import annotations

import base64
import tempfile
import weakref
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from markupsafe import Markup

from imgcls.comparison import parts
from imgcls.comparison.packed import PackedPredictions
from imgcls.records import blocks
from imgcls.records.comparison import Comparison, Prediction
from imgcls.records.report import Report

PLAIN_BYTES = 500_000  # docs/decisions.md#the-document-in-a-report
"""Up to this size a document is embedded as it is, and compressed above."""

PIECE = 2**20  # docs/decisions.md#the-document-in-a-report
"""Bytes of a document that are compressed together."""

COMPRESSION = 4  # docs/decisions.md#the-document-in-a-report
"""How hard zlib tries, from 1 to 9."""

GZIP = 16 + zlib.MAX_WBITS
"""How zlib calls the format of gzip."""

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""What ends a script or is a line break in one; JSON means the same by its escape."""


@dataclass(frozen=True, slots=True)
class Document:
    """A run: ``predictions`` is ``None`` where they were left out of it.

    ``open_json``: opens the JSON that the report embeds, from its beginning, while the document is there.
    """

    report: Report
    predictions: Collection[Prediction] | None
    open_json: Callable[[], AbstractContextManager[IO[bytes]]]


def read(file: Path) -> Document:
    """A document as it is in a file; one from a pipe, which can be read only once, as it would be written.

    Raises ConfigError.
    """
    [part] = parts.read([file])
    if not file.is_file():
        return of_run(part.report, part.predictions)
    return Document(part.report, part.predictions, lambda: file.open("rb"))


def of_run(report: Report, predictions: Iterable[Prediction] | None) -> Document:
    """The document that is written of a run, in a temporary file. Raises OSError where there is no room for it."""
    from imgcls.reporting import result_document

    packed = predictions if isinstance(predictions, PackedPredictions | None) else PackedPredictions(predictions)
    stream = tempfile.TemporaryFile(prefix="imgcls-", dir=blocks.folder())  # noqa: SIM115 - closed with the document
    result_document.write_json(stream, report, None if packed is None else iter(packed))

    def opened() -> AbstractContextManager[IO[bytes]]:
        stream.seek(0)
        return nullcontext(stream)

    weakref.finalize(opened, stream.close)
    return Document(report, packed, opened)


def compared(document: Document, comparisons: Iterable[Comparison]) -> Document:
    """The same run with other comparisons, which are in its JSON too."""
    return of_run(replace(document.report, comparisons=tuple(comparisons)), document.predictions)


def only(document: Document, images: AbstractSet[tuple[str, str, str | None]]) -> Document:
    """The same run with the predictions of these images, by dataset, path and label."""
    kept = (p for p in document.predictions or () if (p.dataset, p.path, p.label) in images)
    return of_run(document.report, kept)


def embedded(stream: IO[bytes], most: float | None = None) -> Markup | None:
    """The script element that holds the JSON of a document, which no browser runs; the same text for the same bytes.

    None where it is longer than ``most``, which is known before all of it was read.
    """
    start = stream.read(PLAIN_BYTES + 1)
    if len(start) <= PLAIN_BYTES:
        kind, text = "application/json", start.decode().translate(_ESCAPES)
    else:
        packed = b"".join(_compressed(start, stream, most))
        kind, text = "application/gzip;base64", base64.b64encode(packed).decode()
    script = Markup(f'<script type="{kind}" id="document">{text}</script>')  # noqa: S704 - nothing in it ends the element
    return None if most is not None and len(script) > most else script


def _compressed(start: bytes, rest: IO[bytes], most: float | None) -> Iterator[bytes]:
    """The pieces of a compressed stream, until they are longer than ``most``."""
    compressor, size = zlib.compressobj(COMPRESSION, zlib.DEFLATED, GZIP), 0
    piece = start
    while piece and (most is None or size <= most):
        packed = compressor.compress(piece)
        size += len(packed)
        yield packed
        piece = rest.read(PIECE)
    yield compressor.flush()
