"""A first gate: a threshold that this many images can show, that a good model passes and a bad one does not."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from imgcls.messages import counted
from imgcls.stats import proportions

CONFIDENCE: Final = 0.95

STEP: Final = 0.05  # docs/decisions.md#a-first-gate
"""Thresholds are multiples of it."""

GOOD: Final = 0.8  # docs/decisions.md#a-first-gate
"""The accuracy of a model that is good enough for its purpose, where nothing is known of it."""

TOLERANCE: Final = 1e-9
"""Of shares that floating point makes a little less than a multiple."""

LUCK: Final = 0.1  # docs/decisions.md#a-first-gate
"""How often chance may fail a model that is as accurate as published."""


@dataclass(frozen=True, slots=True)
class FirstGate:
    """A top-1 that must be shown on ``images``; ``right``: the fewest of them that show it. ``reason``: a sentence."""

    top1: float
    images: int
    right: int
    reason: str


def most_shown(images: int) -> float:
    """The highest accuracy that this many images show with 95 % confidence, which they do if all of them are right."""
    return proportions.one_sided(images, images, CONFIDENCE).low


def proposed(images: int, guessing: float, published: float | None = None) -> FirstGate | None:
    """The gate for a model; None where no gate could fail it or none could be shown.

    ``guessing``: the share of its classes that are right for an image. ``published``: its top-1 on another dataset.
    The threshold is what nine of ten samples of this many images show of a model of this accuracy. Where none is
    published it is what they show of a good one, at most half way between guessing and being always right.
    """
    if images < 1 or guessing >= 1:
        return None
    top1, why = _threshold(images, guessing, published)
    most = most_shown(images)
    if top1 > most:
        top1, why = _rounded(most), f"no more can be shown by {counted(images, 'image')}"
    right = _fewest(images, top1)
    return FirstGate(top1, images, right, f"{right} of {images} right show it; {why}")


def _threshold(images: int, guessing: float, published: float | None) -> tuple[float, str]:
    """A multiple of :data:`STEP`, not below guessing, and where it is from."""
    lowest = max(math.ceil(guessing / STEP - TOLERANCE), 1) * STEP
    usual = _rounded(_shown_by(images, GOOD if published is None else published))
    half_way = _rounded((1 + guessing) / 2)
    if usual < lowest:
        return round(lowest, 2), f"more than guessing, {guessing:.2g}"
    if published is not None:
        validation = "which is of ImageNet's validation images"
        return usual, f"a model of the published {published:.3f}, {validation}, passes 9 times of 10"
    if usual < half_way:
        return usual, "a model that is right 4 times of 5 passes 9 times of 10"
    return half_way, f"half way between guessing, {guessing:.2g}, and being always right"


def _shown_by(images: int, accuracy: float) -> float:
    """What is shown of a model of this accuracy in all but :data:`LUCK` of samples of this many images."""
    from scipy.stats import binom

    return proportions.one_sided(int(binom.ppf(LUCK, images, accuracy)), images, CONFIDENCE).low


def _rounded(share: float) -> float:
    """The next lower multiple of :data:`STEP`, or of a hundredth below the first of them."""
    step = STEP if share >= STEP else 0.01
    return round(math.floor(share / step + TOLERANCE) * step, 2)


def _fewest(images: int, top1: float) -> int:
    """The fewest right ones of this many images that show this top-1."""
    return bisect_left(range(images), top1, key=lambda right: proportions.one_sided(right, images, CONFIDENCE).low)
