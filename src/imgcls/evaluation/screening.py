"""Which images have to be scored again in float32, so that every count is float32's: docs/decisions.md#two-precisions.

A reduced precision moves logits. Where no two logits that a count depends on are so near that it could swap them, the
best class and whether the label is among the five best are float32's. How far it moves them against each other is
measured on a sample, and audited.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from imgcls.records.runtime import Form, Screen, Screened
from imgcls.stats import proportions
from imgcls.store.connection import IMAGES_PER_QUERY

if TYPE_CHECKING:
    from imgcls.evaluation.distinct import DistinctImages, Flags
    from imgcls.records.config import Precision
    from imgcls.records.data import ImageRef
    from imgcls.records.evaluation import Output
    from imgcls.records.runtime import RuntimeChoice
    from imgcls.store.database import Store

NEIGHBOURS = 6  # docs/decisions.md#two-precisions
"""The best classes of which it is measured how far their logits move against each other."""

FACTOR = 1.25  # docs/decisions.md#two-precisions
"""The bound, as a multiple of the largest distance that was seen, or of a gap that was not enough."""

MEDIANS = 8  # docs/decisions.md#two-precisions
"""The smallest bound, as a multiple of the median of the distances of the sample."""

AUDITED, FEWEST_AUDITED = 0.01, 30  # docs/decisions.md#two-precisions
"""The share of the images that are audited, and the number of them where that is more."""

CONFIDENCE = 0.95
"""Of the bound on the share of images of which a count differs."""


class Screening:
    """Decides for one model on one dataset; ``bound`` grows where an audit shows that it was not enough.

    ``choice``: with a screen; ``key``: of the predictions, in reduced precision until they are scored again;
    ``accepted``: the classes that are right for each label. Raises StoreError.
    """

    def __init__(self, choice: RuntimeChoice, key: str, store: Store, accepted: Mapping[str, Collection[int]]) -> None:
        assert choice.screen  # noqa: S101 - else nothing is scored again
        self._choice, self._key, self._store, self._accepted = choice, key, store, accepted
        self._screen = choice.screen
        widened = store.choice(key)
        self.bound = max(self._screen.bound, widened.screen.bound if widened and widened.screen else 0.0)
        self._share = max(AUDITED, FEWEST_AUDITED / max(1, choice.listed))
        self._surpassed = 0.0

    @property
    def precision(self) -> Precision:
        """The reduced one."""
        return self._screen.precision

    def first(self, scored: Sequence[tuple[ImageRef, Output]]) -> list[tuple[str, Output]]:
        """Predictions in reduced precision as they are stored, by sha256."""
        return [(image.sha256, replace(output, form="reduced")) for image, output in scored]

    def again(self, scored: Sequence[tuple[ImageRef, Output]]) -> list[tuple[str, Output]]:
        """Predictions in float32 as they are stored in the place of those in reduced precision.

        A bound that these show to be too narrow is stored here, in their transaction: afterwards nothing would show it.
        Raises StoreError.
        """
        before = self._store.outputs(self._key, [image.sha256 for image, _ in scored])
        outputs = [
            (image.sha256, replace(output, form=self._form(image, before.get(image.sha256), output)))
            for image, output in scored
        ]
        if self._surpassed > self.bound:
            screen = replace(self._screen, bound=FACTOR * self._surpassed)
            self._store.put_choice(self._key, replace(self._choice, screen=screen))
        return outputs

    def left(self, distinct: DistinctImages, scored: Flags) -> Flags:
        """By position: those of the ``scored`` images that are to be scored again, with the bound as it is by now.

        Raises StoreError.
        """
        if self._surpassed > self.bound:
            self.bound = FACTOR * self._surpassed
        left = np.zeros(len(scored), bool)
        copied = np.bincount(distinct.first, minlength=len(scored)) > 1  # which may have several labels
        for position, image, output in self._stored(distinct, scored):
            if output.form == "reduced":
                left[position] = copied[position] or self._is_near(image, output) or self._is_audited(image)
        return left

    def counted(self, distinct: DistinctImages, scored: Flags) -> Screened:
        """How many of the ``scored`` images were scored in which way. Raises StoreError."""
        forms = Counter(output.form for _, _, output in self._stored(distinct, scored))
        changed = forms["corrected"]
        audited = forms["audited"] + changed
        return Screened(
            precision=self.precision,
            bound=self.bound,
            reduced=forms["reduced"],
            again=forms["again"] + audited,
            audited=audited,
            changed=changed,
            most_changed=_most(changed, audited),
        )

    def _stored(self, distinct: DistinctImages, scored: Flags) -> Iterator[tuple[int, ImageRef, Output]]:
        """The distinct ones of the ``scored`` images, by position, with their predictions."""
        positions = np.flatnonzero(scored & distinct.flags)
        for start in range(0, len(positions), IMAGES_PER_QUERY):
            some: list[int] = positions[start : start + IMAGES_PER_QUERY].tolist()
            images = list(distinct.images.at(some))
            outputs = self._store.outputs(self._key, [image.sha256 for image in images])
            for position, image in zip(some, images, strict=True):
                if image.sha256 in outputs:
                    yield position, image, outputs[image.sha256]

    def _form(self, image: ImageRef, before: Output | None, output: Output) -> Form:
        if before is None or before.form != "reduced":  # it was lost, or an engine repeats itself
            return (before and before.form) or "again"
        if self._is_near(image, before) or not self._is_audited(image):
            return "again"
        if self._counts(image, before) == self._counts(image, output):
            return "audited"
        self._surpassed = max(self._surpassed, margin(before, self._right(image)))
        return "corrected"

    def _is_near(self, image: ImageRef, output: Output) -> bool:
        return margin(output, self._right(image)) <= self.bound

    def _is_audited(self, image: ImageRef) -> bool:
        """Drawn by the image's bytes, so that every process draws the same."""
        return int(image.sha256[:8], 16) < self._share * 2**32

    def _right(self, image: ImageRef) -> Collection[int]:
        return () if image.label is None else self._accepted.get(image.label, ())

    def _counts(self, image: ImageRef, output: Output) -> tuple[int, bool]:
        return output.top[0][0], any(index in self._right(image) for index, _ in output.top[:5])


def added(first: Screened | None, second: Screened | None) -> Screened | None:
    """Of the images of both, with the bound that holds for both; None where one of them was scored in one precision."""
    if first is None or second is None:
        return None
    numbers = ("reduced", "again", "audited", "changed")
    both = {name: getattr(first, name) + getattr(second, name) for name in numbers}
    most = _most(both["changed"], both["audited"])
    return Screened(first.precision, min(first.bound, second.bound), **both, most_changed=most)


def _most(changed: int, audited: int) -> float | None:
    return proportions.one_sided(changed, audited, CONFIDENCE).high if audited else None


def margin(output: Output, right: Collection[int]) -> float:
    """By how much two logits have to move against each other before a count of the image may change.

    What counts is the best class, and whether one of the ``right`` ones is among the five best.
    """
    logits = [logit for _, logit in output.top]
    best = logits[0] - logits[1] if len(logits) > 1 else math.inf
    if not right or len(logits) <= 5:
        return best
    first_right = next((place for place, (index, _) in enumerate(output.top) if index in right), len(logits) - 1)
    among_five = logits[first_right] - logits[5] if first_right < 5 else logits[4] - logits[first_right]
    return min(best, among_five)


def distances(reduced: Output, exact: Output) -> list[float]:
    """How far the logits of neighbours among the six best have moved against each other.

    Of a class that is not stored any more it is known that its logit is no larger than the last one.
    """
    known, last = dict(exact.top), exact.top[-1][1]
    moved = [logit - known.get(index, last) for index, logit in reduced.top[:NEIGHBOURS]]
    return [abs(first - second) for first, second in pairwise(moved)]


def measured(
    precision: Precision, reduced: Sequence[Output], exact: Sequence[Output], right: Sequence[Collection[int]]
) -> Screen:
    """The bound, from both predictions of the images of a sample, and the classes that are right for each."""
    moved = [distance for pair in zip(reduced, exact, strict=True) for distance in distances(*pair)]
    largest, median = max(moved), float(np.median(moved))
    bound = max(FACTOR * largest, MEDIANS * median)
    again = sum(margin(*pair) <= bound for pair in zip(reduced, right, strict=True))
    return Screen(precision, bound, len(exact), again, largest, median)
