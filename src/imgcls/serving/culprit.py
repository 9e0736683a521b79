"""Finds the variants, one or several, by which steps differ from what something that ships does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from imgcls.serving import variants
from imgcls.serving.steps import Steps
from imgcls.serving.variants import Variant

DEPTH = 4
"""The most variants that are taken for at work at once."""

WIDTH = 4  # docs/decisions.md#searching-for-a-culprit
"""How many sets of variants are extended by one more."""

GAIN = 0.25  # docs/decisions.md#searching-for-a-culprit
"""What one more variant must take away of the difference that is left."""


class Evidence(Protocol):
    """What was served for some images."""

    def residual(self, steps: Steps, images: Sequence[int]) -> float:
        """The mean difference between what was served for these images and what these steps make of them."""

    def is_same(self, steps: Steps, images: Sequence[int]) -> bool:
        """Whether that is no more than rounding explains."""


class Culprit(NamedTuple):
    """A variant, and how much of the difference it explains, from 0 to 1."""

    variant: Variant
    explained: float


class Search(NamedTuple):
    """One search. ``steps``: those of the reference; ``images``: those that are looked at."""

    evidence: Evidence
    steps: Steps
    images: Sequence[int]
    rows: Sequence[Variant]

    def best(self) -> tuple[Variant, ...]:
        """The fewest variants that leave nothing, or those that leave least; empty where none takes away enough.

        The best sets of each size are extended by one; where none of those is better, all pairs are tried. A single
        variant is also looked for where there is no more than rounding.
        """
        best: tuple[Variant, ...] = ()
        sets = [best]
        for size in range(1, DEPTH + 1):
            if best and self.is_explained(best):
                break
            ranked = self._ranked(sets)
            if size == 2 and not self._improves(ranked, best):
                ranked = self._ranked([(row,) for row in self.rows])
            if self._improves(ranked, best):
                best = ranked[0]
            elif size > 1 or self.is_explained(best):
                break
            sets = ranked[:WIDTH]
        return best

    def _improves(self, ranked: Sequence[tuple[Variant, ...]], best: tuple[Variant, ...]) -> bool:
        return bool(ranked) and self.residual(ranked[0]) <= (1 - GAIN) * self.residual(best)

    def _ranked(self, sets: Sequence[tuple[Variant, ...]]) -> list[tuple[Variant, ...]]:
        """All sets of one variant more, the nearest first; ties in the order of the rows."""
        extended = {
            frozenset(row.name for row in wider): wider
            for chosen in sets
            for row in self.rows
            if all(variants.compatible(row, other) for other in chosen)
            for wider in [(*chosen, row)]
        }
        return sorted(extended.values(), key=self.residual)

    def residual(self, chosen: Sequence[Variant]) -> float:
        return self.evidence.residual(variants.applied(self.steps, chosen), self.images)

    def is_explained(self, chosen: Sequence[Variant]) -> bool:
        return self.evidence.is_same(variants.applied(self.steps, chosen), self.images)

    def culprits(self, chosen: Sequence[Variant]) -> list[Culprit]:
        """Each with what it explains beside the others: 1 less what is left of the difference, for a single one."""
        whole, left = self.residual(()), self.residual(chosen)
        without = [self.residual([other for other in chosen if other is not row]) for row in chosen]
        shares = [max(0.0, min(other, whole) - left) / whole for other in without]
        pairs = (Culprit(row, share) for row, share in zip(chosen, shares, strict=True))
        return sorted(pairs, key=lambda culprit: -culprit.explained)
