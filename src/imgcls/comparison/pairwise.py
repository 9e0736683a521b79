"""Which models of one run differ in top-1: all pairs, on the images that all of them have predictions of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from imgcls.comparison import counted
from imgcls.comparison.common_images import CommonImages
from imgcls.comparison.compare import ALPHA
from imgcls.comparison.table import Table
from imgcls.comparison.words import NONE, Numbers, Words, numbered
from imgcls.records.comparison import ImageKey, PairwiseTest, ScoredModel
from imgcls.stats import paired

POINT = 0.01  # docs/decisions.md#distinguishing-models
"""The difference that is planned for where two models have equal counts."""

Right = NDArray[np.bool_]


def all_pairs(scored: Sequence[ScoredModel]) -> tuple[PairwiseTest, ...]:
    """All pairs of models of one dataset, on the images that all of them have predictions of.

    Empty where there is no such image, or where the accepted classes of a model are not known.
    """
    if any(s.setup.accepted is None for s in scored):
        return ()
    tables = [Table.of(s.predictions) for s in scored]
    places = _places(tables)
    if not places.size:
        return ()
    right = [table.right(s.setup.accepted or {}, 1)[of] for table, s, of in zip(tables, scored, places, strict=True)]
    groups = Words[str | None]()
    of_groups = [
        groups.include(table.words)[table.columns.groups[of]] for table, of in zip(tables, places, strict=True)
    ]
    units = counted.units_of(numbered(*tables[0].columns.hashes[places[0]].T), *of_groups)

    def images(some: Numbers) -> Iterator[ImageKey]:
        return ((p.image_sha256, p.label) for p in tables[0].at(places[0][some]))

    chosen = counted.drawn(numbered(units), images)
    return by_units(scored[0].setup.dataset, [s.setup.model for s in scored], np.stack(right, axis=1), chosen)


def _places(tables: Sequence[Table]) -> Numbers:
    """The position in each table of the images that all have, in the order of the first; shape (tables, images)."""
    places = np.full((len(tables), len(tables[0])), NONE)
    for row, table in zip(places, tables, strict=True):
        common = CommonImages(table, tables[0])
        row[common.new] = common.old
    return places[:, (places != NONE).all(axis=0)]


def by_units(dataset: str, models: Sequence[str], right: Right, chosen: Numbers) -> tuple[PairwiseTest, ...]:
    """:func:`pairwise_tests` on one image of each unit.

    ``right``: whether each model is, shape (images, models); ``chosen``: the places of the images that count.
    """
    return pairwise_tests(dataset, models, right[chosen], len(right) if len(chosen) < len(right) else None)


def pairwise_tests(
    dataset: str, models: Sequence[str], right: Right, of_images: int | None = None
) -> tuple[PairwiseTest, ...]:
    """All pairs of models in top-1 by exact McNemar, adjusted by Holm; ``right`` is (units, models)."""
    pairs = list(combinations(range(len(models)), 2))
    counts = [(int((right[:, a] & ~right[:, b]).sum()), int((right[:, b] & ~right[:, a]).sum())) for a, b in pairs]
    p_values = [paired.mcnemar(*discordant) for discordant in counts]
    n, tests = len(right), []
    for (a, b), (first, second), p_value, adjusted in zip(pairs, counts, p_values, paired.holm(p_values), strict=True):
        real, difference = adjusted <= ALPHA, (second - first) / n
        needed = None
        if not real:
            needed = paired.images_needed(difference or POINT, (first + second) / n, ALPHA / len(pairs))
        tests.append(
            PairwiseTest(
                dataset, models[a], models[b], n, first, second, difference, p_value, adjusted, real, needed, of_images
            )
        )
    return tuple(tests)
