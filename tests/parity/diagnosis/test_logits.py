"""Distances of logits."""

import numpy as np
import pytest

from imgcls.parity.diagnosis import logits

LOGITS = np.random.default_rng(0).normal(0, 3, (4, 10))


def test_a_constant_is_no_distance() -> None:
    """What is added to all logits of an image changes no probability."""
    assert logits.relative(LOGITS + 7, LOGITS) == pytest.approx(0, abs=1e-12)
    assert logits.relative(LOGITS * 2, LOGITS) == pytest.approx(1, rel=0.1)


def test_what_is_not_finite_is_infinitely_far() -> None:
    """And undoing it explains all."""
    broken = np.where(LOGITS > 4, np.inf, LOGITS)
    assert logits.relative(broken, LOGITS) == np.inf
    assert logits.explained(np.inf, 0.3) == 1
    assert logits.explained(np.inf, np.inf) == 0


def test_shares_are_from_0_to_1() -> None:
    """What makes a distance larger explains nothing."""
    assert logits.explained(2, 0.5) == 0.75
    assert logits.explained(2, 3) == 0
    assert logits.explained(0, 0) == 0


def test_images_lost() -> None:
    """Right predictions are counted with and without a fault."""
    accepted = tuple(frozenset({int(best)}) for best in LOGITS.argmax(axis=1))
    assert logits.top1_lost(np.roll(LOGITS, 1, axis=1), LOGITS, accepted) == 4
    assert logits.top1_lost(LOGITS, LOGITS, accepted) == 0
