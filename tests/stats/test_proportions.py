"""imgcls.stats.proportions: against closed formulas, other libraries and the enumeration of all outcomes."""

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from imgcls.stats import proportions

Array = NDArray[np.float64]
SIZES = [20, 50, 360, 1000]

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
    interval = proportions.wilson(*counts, confidence)
    assert (interval.low, interval.high) == pytest.approx(_wilson_1927(*counts, confidence), rel=0, abs=1e-12)


@untimed
@given(counts, confidences)
def test_wilson_of_the_rest_is_the_mirror_image(counts: tuple[int, int], confidence: float) -> None:
    """The interval of the wrong predictions is one minus that of the right ones."""
    count, n = counts
    right, wrong = proportions.wilson(count, n, confidence), proportions.wilson(n - count, n, confidence)
    assert (1 - wrong.high, 1 - wrong.low) == pytest.approx((right.low, right.high), rel=0, abs=1e-12)


@untimed
@given(counts, confidences)
def test_wilson_contains_the_estimate_within_0_and_1(counts: tuple[int, int], confidence: float) -> None:
    """The observed fraction lies in its interval, and the interval in [0, 1]."""
    interval = proportions.wilson(*counts, confidence)
    assert 0 <= interval.low <= counts[0] / counts[1] <= interval.high <= 1


def test_wilson_is_exact_at_the_ends() -> None:
    """None right begins at exactly 0, all right ends at exactly 1."""
    assert (proportions.wilson(0, 50).low, proportions.wilson(50, 50).high) == (0.0, 1.0)


def test_wilson_takes_95_per_cent_by_default() -> None:
    """612 of 1000 lie between 58.1 and 64.2 per cent."""
    interval = proportions.wilson(612, 1000)
    assert (interval.low, interval.high) == pytest.approx(_wilson_1927(612, 1000, 0.95), rel=0, abs=1e-12)
    assert (f"{interval.low:.3f}", f"{interval.high:.3f}") == ("0.581", "0.642")


def test_wilson_is_scipys_to_the_last_digit() -> None:
    """All counts out of many numbers, at 95 %: documents have had these digits since SciPy computed them."""
    for n in (*range(1, 60), 833, 1000, 50_000):
        for count in {*range(0, n, max(1, n // 40)), n}:
            scipys = binomtest(count, n).proportion_ci(0.95, method="wilson")
            ours = proportions.wilson(count, n)
            assert (ours.low, ours.high) == (scipys.low, scipys.high)


@pytest.mark.parametrize(("count", "n"), [(0, 0), (1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_not_a_proportion(count: int, n: int) -> None:
    """No images, and counts outside of their number, are a ValueError."""
    with pytest.raises(
        ValueError, match=rf"^count is {count} of n = {n}: counts are from 0 to n, and n is at least 1$"
    ):
        proportions.wilson(count, n)


@cache
def _intervals(of: str, n: int, confidence: float) -> tuple[Array, Array]:
    """The lows and the highs of all counts out of n."""
    intervals = [getattr(proportions, of)(count, n, confidence) for count in range(n + 1)]
    return np.array([i.low for i in intervals]), np.array([i.high for i in intervals])


def _chances_of_counts(n: int, shares: Array) -> Array:
    """(shares, n + 1)."""
    return np.asarray(binom.pmf(np.arange(n + 1), n, shares[:, None]))


@pytest.mark.parametrize(
    ("n", "mean", "least"), [(20, 0.953, 0.916), (50, 0.952, 0.930), (360, 0.951, 0.939), (1000, 0.950, 0.943)]
)
def test_wilson_covers_95_per_cent_on_average(n: int, mean: float, least: float) -> None:
    """The mean over all true shares is near 95 %, the least between 0.05 and 0.95 is the known one."""
    shares = np.linspace(0, 1, 2001)[1:-1]
    low, high = _intervals("wilson", n, 0.95)
    covered = (low <= shares[:, None]) & (shares[:, None] <= high)
    coverage = (_chances_of_counts(n, shares) * covered).sum(axis=1)
    assert coverage.mean() == pytest.approx(mean, abs=0.0006)
    middle = coverage[(shares >= 0.05) & (shares <= 0.95)]
    assert middle.min() == pytest.approx(least, abs=0.0015)
    assert 0.83 < coverage.min() < 0.92, "near 0 and 1 it is known to dip"


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975])
def test_each_one_sided_bound_holds_by_itself(n: int, confidence: float) -> None:
    """Whatever the true share, each bound is right at least as often as stated (1e-9: rounding of sums)."""
    low, high = _intervals("one_sided", n, confidence)
    shares = np.unique(np.concatenate([np.linspace(0, 1, 401), low[1:] - 1e-12, high[:-1] + 1e-12]))
    chances = _chances_of_counts(n, shares)
    assert (chances * (low <= shares[:, None])).sum(axis=1).min() >= confidence - 1e-9
    assert (chances * (shares[:, None] <= high)).sum(axis=1).min() >= confidence - 1e-9


@pytest.mark.parametrize("n", SIZES)
def test_a_proven_gate_passes_a_worse_model_at_most_as_often_as_stated(n: int) -> None:
    """A model just below the threshold reaches it at most 5 % of the time, at every threshold; some nearly as often."""
    thresholds = np.linspace(0.005, 0.995, 199)
    low, _ = _intervals("one_sided", n, 0.95)
    passing = low >= thresholds[:, None]
    false = (_chances_of_counts(n, thresholds - 1e-12) * passing).sum(axis=1)
    assert 0.04 < false.max() <= 0.05


def test_wilson_is_not_a_proven_gate() -> None:
    """Used as one at a nominal 5 %, Wilson's bound passes a worse model 6.9 % of the time at 50 images."""
    thresholds = np.linspace(0.5, 0.99, 491)
    low, _ = _intervals("wilson", 50, 0.90)
    false = (_chances_of_counts(50, thresholds - 1e-12) * (low >= thresholds[:, None])).sum(axis=1)
    assert false.max() == pytest.approx(0.069, abs=0.0005)


@untimed
@given(counts, st.sampled_from([0.6, 0.9, 0.95, 0.999]))
def test_one_sided_is_scipys_exact_bound(counts: tuple[int, int], confidence: float) -> None:
    """Both bounds are those of SciPy's one-sided exact tests."""
    bounds = proportions.one_sided(*counts, confidence)
    low = binomtest(*counts, alternative="greater").proportion_ci(confidence, method="exact").low
    high = binomtest(*counts, alternative="less").proportion_ci(confidence, method="exact").high
    assert (bounds.low, bounds.high) == pytest.approx((low, high), rel=0, abs=1e-9)


def test_one_sided_is_exact_at_the_ends() -> None:
    """None right begins at 0, all right end at 1, and the other bound is the rule of three."""
    none, every = proportions.one_sided(0, 1000, 0.95), proportions.one_sided(1000, 1000, 0.95)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-12)
    assert every.low == pytest.approx(0.05 ** (1 / 1000), rel=1e-12)


@pytest.mark.parametrize(("observed", "threshold"), [(0.8, 0.7), (0.85, 0.8), (0.6, 0.7), (0.97, 0.95), (0.1, 0.05)])
@pytest.mark.parametrize("sides", [1, 2])
def test_images_needed_are_about_as_many_as_stated(observed: float, threshold: float, sides: Literal[1, 2]) -> None:
    """The exact power of the score test is 80 % within half the chance of one count: no threshold is nearer."""
    n = proportions.images_needed(observed, threshold, sides=sides)
    assert n is not None
    low, high = _intervals("wilson", n, 0.95 if sides == 2 else 0.90)
    chances = _chances_of_counts(n, np.array([observed]))[0]
    assert chances[(threshold < low) | (high < threshold)].sum() == pytest.approx(0.8, rel=0, abs=chances.max() / 2)


def test_images_needed_is_the_formula_of_the_book() -> None:
    """Ends are shares too, no number distinguishes equal shares, and one side needs fewer images than two."""
    z, power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
    spread = z * math.sqrt(0.88 * 0.12) + power * math.sqrt(0.9 * 0.1)
    assert proportions.images_needed(0.90, 0.88) == math.ceil((spread / 0.02) ** 2) == 1978
    assert proportions.images_needed(0.90, 0.88, sides=1) == 1549
    assert proportions.images_needed(1.0, 0.95) == 73
    assert proportions.images_needed(0.9, 0.9) is None


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (proportions.one_sided, (0, 0, 0.95), "n = 0"),
        (proportions.one_sided, (6, 5, 0.95), "count is 6"),
        (proportions.one_sided, (1, 5, 1.0), "confidence is 1.0"),
        (proportions.images_needed, (1.2, 0.5), "observed is 1.2"),
        (proportions.images_needed, (0.2, 50), "threshold is 50"),
        (proportions.images_needed, (0.2, 0.5, 95), "confidence is 95"),
        (proportions.images_needed, (0.2, 0.5, 0.95, 0.0), "power is 0.0"),
    ],
)
def test_impossible_numbers_are_refused(
    function: Callable[..., object], arguments: tuple[float, ...], why: str
) -> None:
    """Counts that are not those of n images, and shares outside their range, are a ValueError that names them."""
    with pytest.raises(ValueError, match=why):
        function(*arguments)


# Whether a share is below a threshold.


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 7, 36])
def test_the_p_value_of_a_share_below_a_threshold_is_the_binomial_sum(n: int, threshold: float) -> None:
    """The chance of this count or a smaller one, where the share is the threshold."""
    for count in range(n + 1):
        expected = sum(math.comb(n, k) * threshold**k * (1 - threshold) ** (n - k) for k in range(count + 1))
        assert proportions.below_p(count, n, threshold) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("count", range(13))
def test_the_p_value_goes_with_the_upper_bound(count: int) -> None:
    """It is below 5 % exactly where the one-sided bound of 95 % is below the threshold."""
    high = proportions.one_sided(count, 12, 0.95).high
    assert (proportions.below_p(count, 12, 0.5) < 0.05) == (high < 0.5)


@pytest.mark.parametrize(("count", "n", "threshold"), [(3, 2, 0.5), (-1, 2, 0.5), (0, 0, 0.5), (1, 2, 1.5)])
def test_counts_and_thresholds_of_nothing_are_refused(count: int, n: int, threshold: float) -> None:
    """As everywhere in this module."""
    with pytest.raises(ValueError, match=r"count is|threshold is"):
        proportions.below_p(count, n, threshold)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("threshold", [0.001, 0.002, 0.05, 0.3, 0.9])
def test_the_fewest_images_of_which_none_may_be(threshold: float, confidence: float) -> None:
    """So many bound the share by the threshold, and one fewer do not."""
    n = proportions.fewest_without(threshold, confidence)
    assert proportions.one_sided(0, n, confidence).high <= threshold
    assert n == 1 or proportions.one_sided(0, n - 1, confidence).high > threshold


@pytest.mark.parametrize(("threshold", "confidence"), [(0, 0.95), (1, 0.95), (0.1, 1)])
def test_fewest_without_refuses_what_no_number_shows(threshold: float, confidence: float) -> None:
    """Neither a share of 0 nor certainty can be shown."""
    with pytest.raises(ValueError, match="not between 0 and 1"):
        proportions.fewest_without(threshold, confidence)
