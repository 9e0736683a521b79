"""imgcls.comparison.classes: which classes lost more than chance explains."""

from dataclasses import replace

import numpy as np
import pytest

from imgcls.comparison import classes
from imgcls.records.comparison import ClassDifference, Comparison
from imgcls.stats import paired

EMPTY = Comparison("photos", "net", "net", "main.json", "this run")


def _differences(lost: dict[str, int], images: int = 36, classes_of: int = 10) -> tuple[ClassDifference, ...]:
    """Of classes of so many images, all right before, these numbers are lost."""
    names = [f"class {number}" for number in range(classes_of)]
    after = [place >= lost.get(name, 0) for name in names for place in range(images)]
    labels = [name for name in names for _ in range(images)]
    return classes.differences(labels, np.ones(len(labels), dtype=bool), np.array(after))


def test_a_class_that_died_is_named_among_ten() -> None:
    """With its counts, and a p-value by Holm over all ten; a class that lost one image is not."""
    differences = _differences({"class 3": 36, "class 7": 1})
    p_value = paired.mcnemar(36, 0)
    assert differences == (
        ClassDifference("class 3", 36, 36, 0, 36, 0, p_value, 10 * p_value, real=True),
        ClassDifference("class 7", 36, 36, 35, 1, 0, 1.0, 1.0, real=False),
    )
    assert [each.label for each in classes.lost(replace(EMPTY, classes=differences))] == ["class 3"]


@pytest.mark.parametrize(("lost", "real"), [(8, False), (9, True)])
def test_holm_is_over_all_classes(lost: int, real: bool) -> None:
    """Of one class six lost images would do (p = 0.03), of ten it takes nine: 10 times 2 / 2^9 is 0.04."""
    [difference] = _differences({"class 0": lost})
    assert difference.real is real
    assert _differences({"class 0": 6}, classes_of=1)[0].real


def test_a_class_that_gained_lost_nothing() -> None:
    """It changed by more than chance explains, and is in the document."""
    before, after = np.zeros(20, dtype=bool), np.ones(20, dtype=bool)
    differences = classes.differences(["cat"] * 20, before, after)
    assert (differences[0].gains, differences[0].real) == (20, True)
    assert classes.lost(replace(EMPTY, classes=differences)) == []


def test_the_largest_loss_is_first() -> None:
    """Of equal ones, by name."""
    differences = _differences({"class 1": 20, "class 2": 30, "class 0": 20})
    names = [each.label for each in classes.lost(replace(EMPTY, classes=differences))]
    assert names == ["class 2", "class 0", "class 1"]


def test_images_without_a_label_have_no_class() -> None:
    """They are counted nowhere, nor do they share one."""
    assert classes.differences([None, None], np.array([True, True]), np.array([False, False])) == ()
    assert classes.differences([], np.array([], dtype=bool), np.array([], dtype=bool)) == ()
