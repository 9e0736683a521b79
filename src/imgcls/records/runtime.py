"""How a model is run on a dataset: by which runtime, and in which precisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from imgcls.records.config import Precision

SpeedOption = Literal["precision", "decode"]
"""What makes scoring faster and may change predictions."""


Form = Literal["reduced", "again", "audited", "corrected"]
"""How an image was scored under ``precision = "auto"``: in reduced precision only; again in float32, because its counts
could differ; again as part of the audit, where they did not differ, or did."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Which images are scored again in float32: those of which a count may change where logits move by ``bound``.

    It was measured on a sample of ``images``, of which ``again`` are such: ``largest`` and ``median`` are of the
    distances by which ``precision`` moves two neighbouring logits against each other.
    """

    precision: Precision
    bound: float
    images: int
    again: int
    largest: float
    median: float


@dataclass(frozen=True, slots=True)
class PredictionChange:
    """Of a sample of ``images``: for how many the best class, and the set of the five best, is another."""

    images: int
    top1: int
    top5: int


@dataclass(frozen=True, slots=True)
class Screened:
    """How many distinct images were scored in which way under ``precision = "auto"``.

    ``precision``: the reduced one, and ``bound``: as in :class:`Screen`, at the end. ``reduced``: the images scored
    only in it, ``again``: those scored in float32 as well, ``audited`` among them: those of which no count could
    change, taken at random, and ``changed`` of these: those of which one did. ``most_changed``: the share of
    ``reduced`` of which at most a count differs from float32's, a fraction (95 %, Clopper and Pearson); None where
    nothing was audited.
    """

    precision: Precision
    bound: float
    reduced: int
    again: int
    audited: int
    changed: int
    most_changed: float | None


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """The runtime that scores a model on a dataset of ``listed`` files.

    ``why``: the reason where it is not the requested one. ``drifts``: what changes in the predictions, by what was
    chosen for speed: ``precision``, against float32, and ``decode``, against exact pixels. ``screen``: where
    ``precision = "auto"`` scores in less than float32 first. ``smallest``: the smallest hashes of these files, in
    order, 16 hexadecimal digits of each, by which files that came since are noticed.
    """

    runtime: str
    listed: int
    why: str | None = None
    drifts: Mapping[SpeedOption, PredictionChange] = field(default_factory=dict)
    screen: Screen | None = None
    smallest: tuple[str, ...] = ()
