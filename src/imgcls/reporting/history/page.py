"""Saved runs in a row as one HTML file that needs neither scripts nor a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup

from imgcls.comparison.history import History, Pair
from imgcls.reporting.history import chart
from imgcls.reporting.html import text
from imgcls.reporting.sheet import Sheet

if TYPE_CHECKING:
    from jinja2 import Environment


def render(history: History, sheets: Sequence[Sheet]) -> str:
    """The page of these sheets, which are those of the history; the same text for the same runs."""
    charts = [
        _chart(history, pair, sheet, n) for n, (pair, sheet) in enumerate(zip(history.points, sheets, strict=True))
    ]
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _environment().get_template("page.html").render(
        sheets=list(zip(sheets, charts, strict=True)),
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=Markup(style),  # noqa: S704 - our own
    )  # fmt: skip


def _chart(history: History, pair: Pair, sheet: Sheet, number: int) -> Markup:
    reference = history.references[pair].result.unit_accuracy("top1") or 0.0
    return Markup(chart.draw(sheet.rows, reference, f"h{number}", sheet.title))  # noqa: S704 - its names are escaped


@cache
def _style() -> str:
    return resources.files("imgcls.reporting.html").joinpath("style.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("imgcls.reporting.history"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text.seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= text.FILTERS
    return environment
