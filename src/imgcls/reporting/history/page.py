"""Saved runs in a row as one HTML file that needs neither scripts nor a network."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from imgcls.comparison.history import History, Pair
from imgcls.reporting.history import chart
from imgcls.reporting.html import source
from imgcls.reporting.sheet import Sheet


def render(history: History, sheets: Sequence[Sheet]) -> str:
    """The page of these sheets, which are those of the history; the same text for the same runs."""
    charts = [
        _chart(history, pair, sheet, n) for n, (pair, sheet) in enumerate(zip(history.points, sheets, strict=True))
    ]
    style = source.own_file("style.css")
    return source.environment("imgcls.reporting.history").get_template("page.html").render(
        sheets=list(zip(sheets, charts, strict=True)),
        policy=f"default-src 'none'; style-src '{source.digest(style)}'; base-uri 'none'; form-action 'none'",
        style=Markup(style),  # noqa: S704 - our own
    )  # fmt: skip


def _chart(history: History, pair: Pair, sheet: Sheet, number: int) -> Markup:
    reference = history.references[pair].result.unit_accuracy("top1") or 0.0
    return Markup(chart.draw(sheet.rows, reference, f"h{number}", sheet.title))  # noqa: S704 - its names are escaped
