"""The report: one HTML file that needs nothing else, neither scripts nor styles nor a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from markupsafe import Markup

from imgcls.reporting.html import budget, scored, selection, source, thumbnails
from imgcls.reporting.html.document import Document
from imgcls.reporting.html.drawing import Charts
from imgcls.reporting.html.sections import (
    classes,
    confidence,
    confusion,
    costs,
    deployment,
    files,
    flips,
    images,
    mistakes,
    models,
    overall,
    provenance,
    training,
    verdicts,
)
from imgcls.reporting.html.thumbnails import Images
from imgcls.reporting.html.view import Training, View

SECTIONS: Mapping[str, tuple[str, Callable[[View], dict[str, Any] | None]]] = {
    "verdicts": ("Verdicts", verdicts.context),
    "models": ("Models", models.context),
    "flips": ("Flips", flips.context),
    "mistakes": ("Worst mistakes", mistakes.context),
    "confusion": ("Confusion", confusion.context),
    "classes": ("Classes", classes.context),
    "confidence": ("Confidence", confidence.context),
    "deployment": ("Deployment", deployment.context),
    "costs": ("Time and memory", costs.context),
    "files": ("Files", files.context),
    "overall": ("Overall five", overall.context),
    "training": ("Training", training.context),
    "provenance": ("Inputs and versions", provenance.context),
    "images": ("Images", images.context),
}
"""The sections in their order: the name of the template, the heading, and what it shows; None leaves it out."""


def render(document: Document, images: Images, trainings: Sequence[Training] = ()) -> str:
    """The report of a run as HTML; the same text for the same input.

    ``images``: of which thumbnails are made. ``trainings``: those that the weights are from.
    """
    pairs = scored.of(document)
    limit = budget.most_bytes(document)
    chosen = selection.select(document.report, pairs, budget.rows(document, limit))
    view = View(document.report, pairs, chosen, notes=images.notes, trainings=trainings)
    data = budget.embedded(document, set(view.rows), limit)
    charts = Charts()
    bare = _html(view, data, charts, {})
    uris = _fitting(view, images, limit - len(bare.encode()))
    if not uris:
        return bare
    return _html(replace(view, thumbnails={sha256: f"t{n}" for n, sha256 in enumerate(uris)}), data, charts, uris)


def _fitting(view: View, images: Images, room: int) -> dict[str, str]:
    """The thumbnails that fit into this number of bytes, by hash, in the order in which images matter."""
    uris: dict[str, str] = {}
    for sha256, content in islice(images.thumbnails(view.selection.images), budget.THUMBNAILS):
        uri = thumbnails.data_uri(content)
        room -= len(uri) + budget.REFERENCE_BYTES
        if room < 0:
            break
        uris[sha256] = uri
    return uris


def _html(view: View, data: Markup, charts: Charts, uris: Mapping[str, str]) -> str:
    template = source.environment("imgcls.reporting.html").get_template("page.html")
    contexts = {name: context(view) for name, (_, context) in SECTIONS.items()}
    return template.render(
        view=view,
        report=view.report,
        sections=[(name, SECTIONS[name][0], of) for name, of in contexts.items() if of is not None],
        data=data,
        uris=[(view.thumbnails[sha256], uri) for sha256, uri in uris.items()],
        label=view.label,
        thumb=view.thumbnails.get,
        matrix=charts.matrix,
        chart=charts.draw,
        policy=policy(),
        style=Markup(source.own_file("style.css")),  # noqa: S704 - our own
        script=Markup(source.own_file("script.js")),  # noqa: S704 - our own
    )


def policy() -> str:
    """The Content-Security-Policy: nothing but our own style and script, and images that are in the file."""
    style, script = (source.digest(source.own_file(name)) for name in ("style.css", "script.js"))
    return (
        f"default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
