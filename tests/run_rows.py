"""Runs in a row: documents of one model that predicts fewer and fewer of its images right."""

from dataclasses import replace
from typing import Any

import run_parts
from imgcls.comparison.history import DEFAULT_MARGIN, History
from imgcls.comparison.parts import Part
from imgcls.records.thresholds import Margin

IMAGES = 1000


def make_run(number: int, lost: int, *, images: int = IMAGES, first: int = 0, **values: Any) -> Part:
    """The run of a day in January: of ``images`` cats, ``lost`` are taken for dogs from image ``first`` on."""
    wrong = range(first, first + lost)
    part = run_parts.make_part(
        f"r{number}.json",
        {f"cat/{n:04}.jpg": int(n in wrong) for n in range(images)},
        prediction_key=f"key {number} {lost} {first}",
    )
    return replace(part, report=replace(part.report, made_at=f"2026-01-{number + 1:02}T00:00:00+00:00", **values))


def make_history(*parts: Part, reference: Part | None = None, margin: Margin = DEFAULT_MARGIN) -> History:
    """The history of these runs, each named for its file."""
    history = History(margin, None if reference is None else (reference.file.stem, reference))
    for part in parts:
        history.add(part.file.stem, part)
    return history
