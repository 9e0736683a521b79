"""Which images became right or wrong between another run and this one."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from imgcls import messages
from imgcls.comparison import compare
from imgcls.errors import ConfigError
from imgcls.gates import regression
from imgcls.records.comparison import Comparison, Flip, SavedRun, ScoredModel
from imgcls.reporting.sheet import Column, Sheet
from imgcls.reporting.show import selected

KEYS = (
    *("model", "dataset", "change", "path", "label", "label_name", "before", "before_index", "before_probability"),
    *("after", "after_index", "after_probability", "image_sha256"),
)

SHORT: Mapping[str, str] = {
    "right to wrong": "lost", "wrong to right": "gained", "wrong to otherwise wrong": "other wrong",
}  # fmt: skip
"""What a narrow table has for each kind of change."""

COLUMNS = (
    Column("flip", lambda row: SHORT[row["change"]], words=True),
    Column("image", lambda row: row["path"], words=True),
    Column("label", selected.readable, words=True),
    Column("before", lambda row: row["before"], words=True),
    Column("p before", lambda row: f"{row['before_probability']:.2f}"),
    Column("after", lambda row: row["after"], words=True),
    Column("p after", lambda row: f"{row['after_probability']:.2f}"),
)

IMPORTANCE = ("flip", "image", "label", "before", "after")


def sheets(before: SavedRun, after: SavedRun, model: str | None, dataset: str | None) -> list[Sheet]:
    """A sheet per pair that both runs have. Raises ConfigError where they share none, or none can be compared."""
    selected = [pair for pair in after.scored if model in {None, pair[0]} and dataset in {None, pair[1]}]
    shared = [pair for pair in selected if pair in before.scored]
    comparisons = [compare.pair(before, after, *pair) for pair in shared or selected]
    refusals = [refusal for comparison in comparisons for refusal in comparison.refusals]
    if all(comparison.refusals for comparison in comparisons):
        raise ConfigError(f"{before.name} and {after.name} cannot be compared: {'; '.join(dict.fromkeys(refusals))}")
    missing = tuple(f"{' on '.join(pair)}: not in {before.name}" for pair in selected if pair not in shared)
    first, *others = (
        _sheet(comparison, after.scored[comparison.after, comparison.dataset]) for comparison in comparisons
    )
    return [replace(first, lines=(*missing, *first.lines)), *others]


def _sheet(comparison: Comparison, after: ScoredModel) -> Sheet:
    names = selected.label_names(after.setup.accepted or {}, after.predictions.values())
    title = f"{comparison.after} on {comparison.dataset}, {comparison.before_run} -> {comparison.after_run}"
    rows = tuple(_row(comparison, flip, names.get(flip.label)) for flip in comparison.flips)
    return Sheet(title, KEYS, COLUMNS, rows, tuple(_lines(comparison)), IMPORTANCE)


def _lines(comparison: Comparison) -> Iterator[str]:
    yield from (f"cannot be compared: {refusal}" for refusal in comparison.refusals)
    if comparison.refusals:
        return
    counts = [(word, sum(flip.change == change for flip in comparison.flips)) for change, word in SHORT.items()]
    yield f"flips: {', '.join(f'{count} {word}' for word, count in counts)}"
    yield from (regression.describe(difference) for difference in comparison.differences)
    for run, paths in ((comparison.before_run, comparison.only_before), (comparison.after_run, comparison.only_after)):
        if paths:
            yield f"{messages.counted(len(paths), 'image')} only in {run}"


def _row(comparison: Comparison, flip: Flip, label_name: str | None) -> dict[str, Any]:
    (before_index, before, before_p), (after_index, after, after_p) = flip.before, flip.after
    return {
        "model": comparison.after,
        "dataset": comparison.dataset,
        "change": flip.change,
        "path": flip.path,
        "label": flip.label,
        "label_name": label_name,
        "before": before,
        "before_index": before_index,
        "before_probability": before_p,
        "after": after,
        "after_index": after_index,
        "after_probability": after_p,
        "image_sha256": flip.image_sha256,
    }
