"""The Markdown of a report: its sections one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imgcls.reporting import markdown_text, notes, tables
from imgcls.reporting.lab import (
    accuracy,
    costs,
    marks,
    models,
    operators,
    origins,
    overview,
    predictions,
    published,
    training,
)
from imgcls.reporting.lab.contents import Contents

RESULT = "result.json"


def markdown(contents: Contents) -> str:
    """The whole text; sections without content are left out."""
    sections: Mapping[str, Iterator[str]] = {
        "Summary": overview.summary(contents),
        "Models": models.blocks(contents),
        "With published weights": published.blocks(contents),
        "Accuracy": accuracy.blocks(contents),
        "Time": costs.time(contents),
        "Memory": costs.memory(contents),
        "Operators": operators.blocks(contents),
        "Training": training.blocks(contents),
        "The whole set": predictions.overall(contents),
        "Image by image": predictions.of_images(contents),
        "Where the images are from": origins.blocks(contents),
        "Files": _files(contents),
    }
    parts = [f"# {markdown_text.escaped(contents.title)}\n\n{_joined(overview.introduction(contents))}"]
    for title, blocks in sections.items():
        if text := _joined(blocks):
            parts.append(f"## {title}\n\n{text}")
    return "\n".join(parts)


def _joined(blocks: Iterator[str]) -> str:
    return "\n".join(block for block in blocks if block)


def _files(contents: Contents) -> Iterator[str]:
    """What was not scored and why, and where all figures are."""
    report = contents.report
    if files := notes.files_table(report):
        yield markdown_text.table(files)
    yield markdown_text.items([*notes.ignored(report), *tables.rejections(report)])
    yield marks.paragraph("Every figure and every prediction:", marks.link(RESULT, RESULT))
