"""Every image that the report has a row for, with what each model predicts of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imgcls.records.comparison import Prediction
from imgcls.reporting.html.scored import Pair
from imgcls.reporting.html.sections import confusion
from imgcls.reporting.html.sections.confusion import Matrix
from imgcls.reporting.html.selection import Shown
from imgcls.reporting.html.view import View


@dataclass(frozen=True, slots=True)
class Said:
    """What one model predicts, and whether its best class is right."""

    prediction: Prediction
    right: bool


@dataclass(frozen=True, slots=True)
class Row:
    """An image; ``tags``: what the filters find it by."""

    shown: Shown
    said: tuple[Said, ...]
    tags: str


def context(view: View) -> dict[str, Any] | None:
    if not view.selection.images:
        return None
    models = list(dict.fromkeys(model for model, _ in view.pairs))
    of_pairs = confusion.by_pair(view)
    rows = [_row(view, shown, models, of_pairs) for shown in view.selection.images]
    return {
        "rows": rows,
        "models": models,
        "left_out": view.selection.left_out,
        "thumbnails": sum(row.shown.sha256 in view.thumbnails for row in rows),
        "notes": view.notes,
    }


def _row(view: View, shown: Shown, models: Sequence[str], matrices: Mapping[Pair, Matrix]) -> Row:
    said = tuple(Said(p, view.pairs[p.model, p.dataset].is_right(p)) for p in shown.predictions)
    return Row(shown, said, " ".join(_tags(shown, said, models, matrices)))


def _tags(shown: Shown, said: Sequence[Said], models: Sequence[str], matrices: Mapping[Pair, Matrix]) -> Iterator[str]:
    """Why it is shown, whether the models differ, which are wrong, and its cells of the confusion matrices."""
    yield shown.why
    if len({each.prediction.top[0].index for each in said}) > 1:
        yield "differ"
    for each in said:
        prediction = each.prediction
        if prediction.label is None:
            continue
        if not each.right:
            yield f"w{models.index(prediction.model)}"
        matrix = matrices[prediction.model, prediction.dataset]
        if cell := matrix.ident(matrix.key(prediction)):
            yield cell
