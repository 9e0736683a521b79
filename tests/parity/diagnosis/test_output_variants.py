"""Outputs that are tried without running anything."""

import numpy as np
import pytest

from imgcls.parity.diagnosis import output_variants
from imgcls.records.data import LabelList

LOGITS = np.random.default_rng(0).normal(0, 3, (16, 12)).astype(np.float32)
LABELS = LabelList("a list", tuple(f"class {letter}" for letter in "lkjihgfedcba"))


@pytest.mark.parametrize("shift", [1, -1, 2])
def test_shifted_classes(shift: int) -> None:
    """By how many numbers, in which direction."""
    undone = output_variants.best(np.roll(LOGITS, shift, axis=1), LOGITS, LABELS)
    assert undone
    assert undone.fault.what.startswith(f"class k is output k{shift:+d} of the file")
    assert undone.share == pytest.approx(1)


@pytest.mark.parametrize(("place", "where"), [(0, "first"), (12, "last")])
def test_a_class_for_the_background(place: int, where: str) -> None:
    """One more output, before or after the others."""
    undone = output_variants.best(np.insert(LOGITS, place, 0, axis=1), LOGITS, LABELS)
    assert undone
    assert f"the file has 13 outputs and the reference 12 classes: its {where} output" in undone.fault.what


def test_the_order_of_names() -> None:
    """Classes that were sorted by their names are recognised, and others are in another order."""
    in_order = output_variants.best(LOGITS[:, ::-1], LOGITS, LABELS)
    assert in_order
    assert "in the order of their names: 0 (class l) is output 11" in in_order.fault.what
    other = output_variants.best(LOGITS[:, [1, 0, *range(2, 12)]], LOGITS, LABELS)
    assert other
    assert "in another order: 0 (class l) is output 1, 1 (class k) is output 0; 2 of 12" in other.fault.what


def test_other_logits_are_explained_by_nothing() -> None:
    """What only looks like an order of classes explains little."""
    undone = output_variants.best(np.random.default_rng(1).normal(0, 3, LOGITS.shape), LOGITS, LABELS)
    assert undone is None or undone.share < 0.5


def test_lists_of_classes() -> None:
    """Names that a file states are compared one by one; where there are none, nothing is said."""
    assert output_variants.other_labels(LABELS, LABELS) is None
    assert output_variants.other_labels(LABELS, LabelList("none", ())) is None
    fault = output_variants.other_labels(LABELS, LabelList("file", LABELS.names[1:]))
    assert fault
    assert fault.what == "the file states 11 classes and the reference has 12"
