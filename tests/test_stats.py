"""imgcls.stats: intervals against their closed formulas."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import stats

untimed = settings(deadline=None)  # the first example pays for an import
counts = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])


def _wilson_1927(count: int, n: int, confidence: float) -> tuple[float, float]:
    """E. B. Wilson, "Probable inference", JASA 22 (1927), 209-212: the roots of (p - x/n)^2 = z^2 p (1 - p) / n."""
    z, p = NormalDist().inv_cdf((1 + confidence) / 2), count / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


@untimed
@given(counts, confidences)
def test_wilson_is_wilsons_formula(counts: tuple[int, int], confidence: float) -> None:
    """The interval is that of the paper within 1e-12, for every count and confidence."""
    interval = stats.wilson(*counts, confidence)
    assert (interval.low, interval.high) == pytest.approx(_wilson_1927(*counts, confidence), rel=0, abs=1e-12)


@untimed
@given(counts, confidences)
def test_wilson_of_the_rest_is_the_mirror_image(counts: tuple[int, int], confidence: float) -> None:
    """The interval of the wrong answers is one minus that of the right ones."""
    count, n = counts
    right, wrong = stats.wilson(count, n, confidence), stats.wilson(n - count, n, confidence)
    assert (1 - wrong.high, 1 - wrong.low) == pytest.approx((right.low, right.high), rel=0, abs=1e-12)


@untimed
@given(counts, confidences)
def test_wilson_contains_the_estimate_within_0_and_1(counts: tuple[int, int], confidence: float) -> None:
    """The observed fraction lies in its interval, and the interval in [0, 1]."""
    interval = stats.wilson(*counts, confidence)
    assert 0 <= interval.low <= counts[0] / counts[1] <= interval.high <= 1


def test_wilson_is_exact_at_the_ends() -> None:
    """None right begins at exactly 0, all right ends at exactly 1."""
    assert (stats.wilson(0, 50).low, stats.wilson(50, 50).high) == (0.0, 1.0)


def test_wilson_takes_95_per_cent_by_default() -> None:
    """612 of 1000 lie between 58.1 and 64.2 per cent."""
    interval = stats.wilson(612, 1000)
    assert (interval.low, interval.high) == pytest.approx(_wilson_1927(612, 1000, 0.95), rel=0, abs=1e-12)
    assert (f"{interval.low:.3f}", f"{interval.high:.3f}") == ("0.581", "0.642")


@pytest.mark.parametrize(("count", "n", "why"), [(0, 0, "n"), (1, 0, "n"), (-1, 5, "k"), (6, 5, "k")])
def test_wilson_refuses_what_is_no_proportion(count: int, n: int, why: str) -> None:
    """No pictures, and counts that are not within them, are a ValueError."""
    with pytest.raises(ValueError, match=rf"\b{why}\b"):
        stats.wilson(count, n)
