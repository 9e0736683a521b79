"""Two sets of logits agree where they are the same within limits, and only there."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from imgcls.evaluation import agreement
from imgcls.records.runtime import PredictionChange

LIMIT = 1e-3
LOGITS = np.array([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], np.float32)
RANDOM = arrays(np.float32, (4, 8), elements=st.floats(-50, 50, width=32), unique=True)


@given(RANDOM)
def test_every_logits_agree_with_themselves(logits: NDArray[np.float32]) -> None:
    """Nothing moved is no disagreement, and no drift."""
    assert agreement.disagreement(logits, logits.copy(), LIMIT) is None
    assert agreement.prediction_change(logits, logits.copy()) == PredictionChange(4, 0, 0)


@given(RANDOM, st.integers(0, 3), st.integers(0, 7), st.floats(0.01, 10))
def test_one_logit_beyond_the_limit_is_enough(logits: NDArray[np.float32], row: int, column: int, by: float) -> None:
    """Whichever of them moved further than is allowed, it is a disagreement."""
    moved = logits.copy()
    moved[row, column] += np.float32(by * logits.std() + 1e-3)
    assert "standard deviations apart" in str(agreement.disagreement(logits, moved, LIMIT))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_disagrees(value: float) -> None:
    """NaN and infinity are no agreement, however they compare."""
    broken = LOGITS.copy()
    broken[0, 3] = value
    assert "inf standard deviations apart" in str(agreement.disagreement(LOGITS, broken, LIMIT))


def test_another_number_of_classes_disagrees() -> None:
    """Another shape is reported as such."""
    assert agreement.disagreement(LOGITS, LOGITS[:, :5], LIMIT) == "its logits have the shape (2, 5), not (2, 7)"


@pytest.mark.parametrize(("gap", "reported"), [(0.5, False), (1.5, True)])
@pytest.mark.parametrize(("first", "k"), [(0, 1), (4, 5)])
def test_only_ties_may_change_places(first: int, k: int, gap: float, reported: bool) -> None:
    """Two classes that move by less than the limit and change places were a tie, or else it is a disagreement."""
    limit, plain = 0.1, LOGITS.copy()
    plain[0, first + 1] = plain[0, first] - gap * limit * LOGITS.std()
    by = 0.9 * limit * plain.std()
    other = plain.copy()
    other[0, first : first + 2] += np.array([-by, by], np.float32)
    expected = f"its top-{k} differs on 1 of 2 images" if reported else None
    assert agreement.disagreement(plain, other, limit) == expected


def test_a_prediction_change_counts_images() -> None:
    """A best class that changes counts in both, an order within the five best in neither but the first."""
    other = LOGITS.copy()
    other[0, [0, 1]] = other[0, [1, 0]]
    other[1, [1, 2]] = other[1, [2, 1]]
    assert agreement.prediction_change(LOGITS, other) == PredictionChange(images=2, top1=1, top5=1)


@pytest.mark.parametrize(("sensitivity", "limit"), [(0.0, 1e-4), (1e-7, 1e-4), (1e-4, 1e-2)])
def test_a_sensitive_network_is_allowed_more(sensitivity: float, limit: float) -> None:
    """A hundred times the sensitivity, and at least 1e-4."""
    assert agreement.allowed(sensitivity) == pytest.approx(limit)


def test_constant_logits_are_their_own_scale() -> None:
    """Without any deviation, differences count as they are."""
    same: Any = np.ones((2, 3), np.float32)
    assert agreement.distance(same, same + np.float32(0.5)) == 0.5
