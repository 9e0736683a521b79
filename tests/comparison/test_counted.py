"""imgcls.comparison.counted: in arrays the same images count that stats.units draws one by one."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from imgcls.comparison import counted
from imgcls.comparison.words import NONE, Words, numbered
from imgcls.records.comparison import ImageKey
from imgcls.stats import units


def _drawn(images: list[ImageKey], groups: Sequence[tuple[str | None, ...]], *, by_label: bool) -> list[int]:
    """The places by arrays; ``groups``: of each image in several runs."""
    hashes, labels, names = Words[str](), Words[str | None](), Words[str | None]()
    names.number("no group has this")
    of_bytes = np.array([hashes.number(sha256) for sha256, _ in images], np.int64)
    of_runs = [np.array([NONE if g is None else names.number(g) for g in run]) for run in zip(*groups, strict=True)]
    of_units = counted.units_of(of_bytes, *of_runs)
    columns = [np.array([labels.number(label) for _, label in images])] if by_label else []
    drawn = counted.drawn(numbered(of_units, *columns), lambda places: (images[place] for place in places))
    return [int(place) for place in drawn]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("by_label", [False, True])
def test_the_same_images_count_as_one_by_one(seed: int, by_label: bool) -> None:
    """With copies under several labels, and groups that share images within a run and between two."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    n = draw.randrange(1, 40)
    several = ((f"{draw.randrange(1 + n // 2):02x}" * 32, draw.choice(["cat", "dog", None])) for _ in range(n))
    images = list(dict.fromkeys(several))
    names = [None, *(f"group {number}" for number in range(draw.randrange(0, 8)))]
    groups = [(draw.choice(names), draw.choice(names)) for _ in images]
    merged = units.merged((sha256, g) for (sha256, _), of in zip(images, groups, strict=True) for g in of if g)
    assert _drawn(images, groups, by_label=by_label) == units.drawn(images, merged, by_label=by_label)


def test_only_images_that_share_their_unit_are_read() -> None:
    """Where all are units of their own, none is."""
    read: list[int] = []

    def images(places: np.ndarray) -> list[ImageKey]:
        read.extend(places.tolist())
        return [(f"{place:02x}" * 32, "cat") for place in places]

    assert counted.drawn(np.array([0, 2, 1]), images).tolist() == [0, 1, 2]
    assert read == []
    assert len(counted.drawn(np.array([0, 2, 1, 2]), images)) == 3
    assert read == [1, 3]
