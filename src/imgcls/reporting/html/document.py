"""What a report is about: a result document, its predictions, and the text that the report embeds."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from imgcls.comparison import parts
from imgcls.records.comparison import Comparison, Prediction
from imgcls.records.report import Report
from imgcls.reporting import result_document

PLAIN_BYTES = 500_000  # docs/decisions.md#the-document-in-a-report
"""Up to this size a document is embedded as it is, and compressed above."""

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""What ends a script or is a line break in one; JSON means the same by its escape."""


@dataclass(frozen=True, slots=True)
class Document:
    """A run: ``predictions`` is ``None`` where they were left out of it; ``data``: the JSON that the report embeds."""

    report: Report
    predictions: tuple[Prediction, ...] | None
    data: bytes


def read(file: Path) -> Document:
    """A document as it is in a file. Raises ConfigError."""
    [part] = parts.read([file])
    return Document(part.report, part.predictions, file.read_bytes())


def of_run(report: Report, predictions: Iterable[Prediction] | None) -> Document:
    """The document that is written of a run."""
    kept = None if predictions is None else tuple(predictions)
    stream = io.BytesIO()
    result_document.write_json(stream, report, None if kept is None else iter(kept))
    return Document(report, kept, stream.getvalue())


def compared(document: Document, comparisons: Iterable[Comparison]) -> Document:
    """The same run with other comparisons, which are in its JSON too."""
    return of_run(replace(document.report, comparisons=tuple(comparisons)), document.predictions)


def only(document: Document, images: AbstractSet[tuple[str, str, str | None]]) -> Document:
    """The same run with the predictions of these images, by dataset, path and label."""
    kept = (p for p in document.predictions or () if (p.dataset, p.path, p.label) in images)
    return of_run(document.report, kept)


def embedded(data: bytes) -> Markup:
    """The script element that holds a document, which no browser runs; the same text for the same bytes."""
    if len(data) <= PLAIN_BYTES:
        kind, text = "application/json", data.decode().translate(_ESCAPES)
    else:
        packed = gzip.compress(data, compresslevel=6, mtime=0)
        kind, text = "application/gzip;base64", base64.b64encode(packed).decode()
    return Markup(f'<script type="{kind}" id="document">{text}</script>')  # noqa: S704 - nothing in it ends the element
