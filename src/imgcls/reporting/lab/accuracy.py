"""How often the models are right, how sure that is, and on which classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from imgcls import messages
from imgcls.records.config import Accuracy
from imgcls.records.report import Result
from imgcls.reporting import markdown_text
from imgcls.reporting.lab import differences, figures, marks
from imgcls.reporting.lab.contents import Contents
from imgcls.stats import proportions, units

CHART = "charts/accuracy.png"

FEW = 30  # docs/decisions.md#a-report-to-hand-in
"""Of fewer images a class's accuracy comes with a sentence on how little they show."""


def blocks(contents: Contents) -> Iterator[str]:
    """The table with intervals, what the images could have shown, the tests, and the classes."""
    if not contents.has_accuracy:
        return
    columns = ("model", "images", "top-1 %", "95 % interval of top-1", "top-5 %", "95 % interval of top-5")
    yield marks.table(
        columns,
        ("model",),
        (
            (contents.name(r.model), units.total(r), *figures.accuracy(r, "top1"), *figures.accuracy(r, "top5"))
            for r in contents.results
        ),
    )
    yield marks.paragraph(marks.image("Accuracy of each model with its 95 % interval", CHART))
    if width := _width(contents):
        yield marks.paragraph(width)
    if contents.report.contrasts:
        yield "### Differences between models\n"
        yield markdown_text.items(differences.sentences(contents))
    yield from _classes(contents)


def _width(contents: Contents) -> str:
    """What these images could have shown."""
    halves = [
        (known[2] - known[1]) / 2
        for result in contents.results
        for metric in get_args(Accuracy)
        if (known := figures.bounds(result, metric))
    ]
    if not halves:
        return ""
    kinds = dict.fromkeys(messages.counted(r.counted.scored, units.kind(r)) for r in contents.results)
    return (
        f"What {' or '.join(kinds)} can show: each accuracy is known to within {figures.per_cent(max(halves))} "
        "percentage points or better (half the width of its Wilson interval)."
    )


def _classes(contents: Contents) -> Iterator[str]:
    """A row per class: the number of images with the right class first, and among the five best."""
    results = [result for result in contents.results if result.counted.classes]
    counts = {label: score.scored for r in results for label, score in r.counted.classes.items() if score.scored}
    if not counts:
        return
    yield "### Classes\n"
    yield (
        "The number of images whose best class is right and, in brackets, of those with a right class among the "
        "five best.\n"
    )
    columns = ("class", "images", *(contents.name(result.model) for result in results))
    rows = ((label, str(counts[label]), *(_right(r, label) for r in results)) for label in sorted(counts))
    yield marks.table(columns, ("class",), rows)
    fewest = min(counts.values())
    if fewest < FEW:
        low = 100 * proportions.wilson(fewest, fewest).low
        yield marks.paragraph(
            f"With {messages.counted(fewest, 'image')} of a class, even all of them right shows only an accuracy above "
            f"{figures.per_cent(low)} % for that class (95 % Wilson interval)."
        )


def _right(result: Result, label: str) -> str:
    score = result.counted.classes.get(label)
    return f"{score.top1_count} ({score.top5_count})" if score else "-"
