"""Which classes are taken for which, the most frequent confusion first."""

from collections import Counter

from imgcls.reporting.sheet import Column, Sheet
from imgcls.reporting.show import selected
from imgcls.reporting.show.selected import Pair

KEYS = (
    "model",
    "dataset",
    "label",
    "label_name",
    "predicted",
    "predicted_index",
    "right",
    "images",
    "of_label",
    "example",
)

COLUMNS = (
    Column("label", selected.readable, words=True),
    Column("predicted", lambda row: row["predicted"], words=True),
    Column("it is", lambda row: "right" if row["right"] else "wrong", words=True),
    Column("images", lambda row: f"{row['images']} of {row['of_label']}"),
    Column("example", lambda row: row["example"], words=True),
)


def sheet(pair: Pair) -> Sheet:
    """A row per cell of the matrix that has images, wrong ones first. Raises ConfigError without predictions."""
    cells: Counter[tuple[str | None, int, bool]] = Counter()
    names: dict[int, str] = {}
    examples: dict[tuple[str | None, int, bool], str] = {}
    labels: Counter[str | None] = Counter()
    label_names = pair.label_names()
    for prediction in pair.required_predictions():
        best = prediction.top[0]
        cell = (prediction.label, best.index, pair.is_right(prediction))
        cells[cell] += 1
        labels[prediction.label] += 1
        names[best.index] = best.name
        examples[cell] = min(prediction.path, examples.get(cell, prediction.path))
    order = sorted(cells, key=lambda cell: (cell[2], -cells[cell], str(cell[0]), cell[1]))
    rows = tuple(
        {
            **pair.key,
            "label": label, "label_name": label_names.get(label), "predicted": names[index], "predicted_index": index,
            "right": right, "images": cells[label, index, right], "of_label": labels[label],
            "example": examples[label, index, right],
        }
        for label, index, right in order
    )  # fmt: skip
    return Sheet(f"{pair.title}: which classes are taken for which", KEYS, COLUMNS, rows)
