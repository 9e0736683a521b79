"""Classes: the lowest accuracy first, each with its interval."""

from dataclasses import replace

import pytest

from imgcls.records.evaluation import ClassScore, Units
from imgcls.reporting.show import classes
from imgcls.stats import proportions
from shown import make_shown

PAIR = make_shown({"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/1.jpg": 1, "elk/1.jpg": 0, "elk/2.jpg": 0})


def test_the_lowest_comes_first() -> None:
    """With the Wilson interval of its images, in per cent."""
    rows = classes.sheet(PAIR).rows
    assert [(row["label"], row["top1_count"], row["scored"]) for row in rows] == [
        ("elk", 0, 2), ("cat", 1, 2), ("dog", 1, 1),
    ]  # fmt: skip
    interval = proportions.wilson(1, 2)
    assert (rows[1]["top1_low"], rows[1]["top1_high"]) == pytest.approx((100 * interval.low, 100 * interval.high))
    assert rows[1]["answered"] == 3


def test_copies_count_once() -> None:
    """Counts are those of the units, and a folder without an image has no accuracy."""
    units = Units(3, 1, 1, {"cat": ClassScore(1, 1, 1, 1), "dog": ClassScore()})
    [row] = classes.sheet(replace(PAIR, result=replace(PAIR.result, units=units))).rows
    assert (row["label"], row["scored"], row["top1"]) == ("cat", 1, 100)
