"""How large a report may be, and what has which part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet

from markupsafe import Markup

from imgcls.reporting.html import document as documents
from imgcls.reporting.html.document import Document
from imgcls.reporting.html.scored import ImageKey

SMALL, LARGE = (1_000, 5_000_000), (50_000, 20_000_000)  # docs/decisions.md#images-in-a-report
"""How many bytes a report has at most, for how many images."""

ROWS = 10_000  # docs/decisions.md#images-in-a-report
"""The most images that a report has a row for."""

THUMBNAILS = 2_000  # docs/decisions.md#images-in-a-report
"""The most images that a report shows."""

ROW_BYTES, MODEL_BYTES = 300, 130  # docs/decisions.md#images-in-a-report
"""What a row takes, and in addition for each model."""

REFERENCE_BYTES = 250  # docs/decisions.md#images-in-a-report
"""What a thumbnail takes in addition to its own bytes, with up to three places that show it."""


def most_bytes(document: Document) -> int:
    """The size of a report on so many images: that of few, of very many, or in proportion between the two."""
    images = max((result.scored for result in document.report.results), default=0)
    share = min(max((images - SMALL[0]) / (LARGE[0] - SMALL[0]), 0), 1)
    return round(SMALL[1] + share * (LARGE[1] - SMALL[1]))


def rows(document: Document, limit: int) -> int:
    """For how many images there is a row: for as many as fill a third of the report."""
    models = max(Counter(result.dataset for result in document.report.results).values(), default=0)
    return min(ROWS, round(limit / 3 / (ROW_BYTES + MODEL_BYTES * models)))


def embedded(document: Document, rows: AbstractSet[ImageKey], limit: int) -> Markup:
    """The document, or where it would fill more than a third of the report, with the predictions of these images."""
    with document.open_json() as stream:
        whole = documents.embedded(stream, None if document.predictions is None else limit / 3)
    if whole is not None:
        return whole
    part = documents.only(document, rows)
    with part.open_json() as stream:
        return documents.embedded(stream) or Markup()
