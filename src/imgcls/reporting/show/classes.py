"""The accuracy of every class with its interval, the lowest first."""

from collections.abc import Mapping
from typing import Any

from imgcls.records.evaluation import ClassScore
from imgcls.reporting import tables
from imgcls.reporting.sheet import Column, Sheet
from imgcls.reporting.show import selected
from imgcls.reporting.show.selected import Pair
from imgcls.stats import proportions

KEYS = (
    "model",
    "dataset",
    "label",
    "label_name",
    "scored",
    "top1_count",
    "top1",
    "top1_low",
    "top1_high",
    "top5_count",
    "answered",
)

COLUMNS = (
    Column("label", selected.readable, words=True),
    Column("right", lambda row: f"{row['top1_count']} of {row['scored']}"),
    Column("top-1 %", lambda row: tables.two_sided(row["top1"])),
    Column("95 %", lambda row: f"{tables.two_sided(row['top1_low'])}-{tables.two_sided(row['top1_high'])}"),
    Column("in top 5", lambda row: str(row["top5_count"])),
    Column("predicted", lambda row: str(row["answered"])),
)


def sheet(pair: Pair) -> Sheet:
    """A row per folder of which something was scored; images of the same bytes or group count once."""
    classes = pair.result.counted.classes
    names = pair.label_names()
    rows = [_row(pair, label, names.get(label), score) for label, score in classes.items() if score.scored]
    rows.sort(key=lambda row: (row["top1"], -row["scored"], row["label"]))
    title = f"{pair.title}: {len(rows)} classes, the lowest accuracy first"
    return Sheet(title, KEYS, COLUMNS, tuple(rows))


def _row(pair: Pair, label: str, label_name: str | None, score: ClassScore) -> Mapping[str, Any]:
    interval = proportions.wilson(score.top1_count, score.scored)
    return {
        **pair.key,
        "label": label,
        "label_name": label_name,
        "scored": score.scored,
        "top1_count": score.top1_count,
        "top1": 100 * score.top1_count / score.scored,
        "top1_low": 100 * interval.low,
        "top1_high": 100 * interval.high,
        "top5_count": score.top5_count,
        "answered": score.answered,
    }
