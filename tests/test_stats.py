"""imgcls.stats: against closed formulas, other libraries and the enumeration of all outcomes."""

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
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, xlogy
from scipy.stats import binom, binomtest
from statsmodels.stats import contingency_tables, multitest  # type: ignore[import-untyped]  # ships no types

from imgcls import stats

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


# Every interval holds as often as it says: exact enumeration of all outcomes over a grid of true values.


@cache
def _intervals(of: str, n: int, confidence: float) -> tuple[Array, Array]:
    """The lows and the highs of all counts out of n."""
    intervals = [getattr(stats, of)(count, n, confidence) for count in range(n + 1)]
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
def test_each_one_sided_bound_holds_alone(n: int, confidence: float) -> None:
    """Whatever the true share, each bound is right at least as often as it says (1e-9: rounding of sums)."""
    low, high = _intervals("one_sided", n, confidence)
    shares = np.unique(np.concatenate([np.linspace(0, 1, 401), low[1:] - 1e-12, high[:-1] + 1e-12]))
    chances = _chances_of_counts(n, shares)
    assert (chances * (low <= shares[:, None])).sum(axis=1).min() >= confidence - 1e-9
    assert (chances * (shares[:, None] <= high)).sum(axis=1).min() >= confidence - 1e-9


@pytest.mark.parametrize("n", SIZES)
def test_a_proven_gate_passes_a_worse_model_at_most_as_often_as_it_says(n: int) -> None:
    """A model just below the threshold reaches it at most 5 % of the time, at every threshold; some nearly as often."""
    thresholds = np.linspace(0.005, 0.995, 199)
    low, _ = _intervals("one_sided", n, 0.95)
    passing = low >= thresholds[:, None]
    false = (_chances_of_counts(n, thresholds - 1e-12) * passing).sum(axis=1)
    assert 0.04 < false.max() <= 0.05


def test_wilson_is_no_proven_gate() -> None:
    """Used as one at a nominal 5 %, Wilson's bound passes a worse model 6.9 % of the time at 50 pictures."""
    thresholds = np.linspace(0.5, 0.99, 491)
    low, _ = _intervals("wilson", 50, 0.90)
    false = (_chances_of_counts(50, thresholds - 1e-12) * (low >= thresholds[:, None])).sum(axis=1)
    assert false.max() == pytest.approx(0.069, abs=0.0005)


@untimed
@given(counts, st.sampled_from([0.6, 0.9, 0.95, 0.999]))
def test_one_sided_is_scipys_exact_bound(counts: tuple[int, int], confidence: float) -> None:
    """Both bounds are those of SciPy's one-sided exact tests."""
    bounds = stats.one_sided(*counts, confidence)
    low = binomtest(*counts, alternative="greater").proportion_ci(confidence, method="exact").low
    high = binomtest(*counts, alternative="less").proportion_ci(confidence, method="exact").high
    assert (bounds.low, bounds.high) == pytest.approx((low, high), rel=0, abs=1e-9)


def test_one_sided_is_exact_at_the_ends() -> None:
    """None right begins at 0, all right end at 1, and the other bound is the rule of three."""
    none, every = stats.one_sided(0, 1000, 0.95), stats.one_sided(1000, 1000, 0.95)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-12)
    assert every.low == pytest.approx(0.05 ** (1 / 1000), rel=1e-12)


@pytest.mark.parametrize(("observed", "wanted"), [(0.8, 0.7), (0.85, 0.8), (0.6, 0.7), (0.97, 0.95), (0.1, 0.05)])
@pytest.mark.parametrize("sides", [1, 2])
def test_images_to_tell_are_about_as_many_as_needed(observed: float, wanted: float, sides: Literal[1, 2]) -> None:
    """The exact power of the score test is 80 % within half the chance of one count: no threshold is nearer."""
    n = stats.images_to_tell(observed, wanted, sides=sides)
    assert n is not None
    low, high = _intervals("wilson", n, 0.95 if sides == 2 else 0.90)
    chances = _chances_of_counts(n, np.array([observed]))[0]
    assert chances[(wanted < low) | (high < wanted)].sum() == pytest.approx(0.8, rel=0, abs=chances.max() / 2)


def test_images_to_tell_is_the_books_formula() -> None:
    """Ends are shares too, nothing tells equal shares apart, and one side needs fewer pictures than two."""
    z, power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
    spread = z * math.sqrt(0.88 * 0.12) + power * math.sqrt(0.9 * 0.1)
    assert stats.images_to_tell(0.90, 0.88) == math.ceil((spread / 0.02) ** 2) == 1978
    assert stats.images_to_tell(0.90, 0.88, sides=1) == 1549
    assert stats.images_to_tell(1.0, 0.95) == 73
    assert stats.images_to_tell(0.9, 0.9) is None


# McNemar.


@untimed
@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_statsmodels(losses: int, gains: int) -> None:
    """The p-value is that of another library, and the same with both models exchanged."""
    expected = contingency_tables.mcnemar([[0, losses], [gains, 0]], exact=True).pvalue if losses + gains else 1.0
    assert stats.mcnemar(losses, gains) == pytest.approx(expected, rel=1e-9)
    assert stats.mcnemar(gains, losses) == stats.mcnemar(losses, gains)


@cache
def _mcnemar_finds(n: int, alpha: float) -> NDArray[np.bool_]:
    """(n + 1, n + 1), by losses and gains: where McNemar's p is at most alpha."""
    found = np.zeros((n + 1, n + 1), dtype=bool)
    for losses in range(n + 1):
        for gains in range(n + 1 - losses):
            found[losses, gains] = stats.mcnemar(losses, gains) <= alpha
    return found


def _chance_of(tables: NDArray[np.bool_], lost: Array, gained: Array) -> Array:
    """The chance of the marked (n + 1, n + 1) tables at each pair of shares, from the multinomial distribution."""
    n = len(tables) - 1
    losses, gains = np.nonzero(tables)
    draws, drawn = n - losses - gains, np.clip(1 - lost - gained, 0, 1)[:, None]
    ways = gammaln(n + 1) - gammaln(losses + 1) - gammaln(gains + 1) - gammaln(draws + 1)
    logs = ways + xlogy(losses, lost[:, None]) + xlogy(gains, gained[:, None]) + xlogy(draws, drawn)
    return np.asarray(np.exp(logs).sum(axis=1))


@pytest.mark.parametrize("n", [20, 50])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_mcnemar_seldom_finds_what_is_not_there(n: int, alpha: float) -> None:
    """Two equally good models are told apart at most alpha of the time, however many pictures differ."""
    shares = np.linspace(0, 0.5, 101)
    assert _chance_of(_mcnemar_finds(n, alpha), shares, shares).max() <= alpha


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize(("discordant", "difference"), [(0.3, 0.2), (0.3, -0.2), (0.6, 0.0), (0.5, 0.5), (1.0, 0.4)])
def test_mcnemar_power_is_the_sum_over_all_tables(discordant: float, difference: float, alpha: float) -> None:
    """At 20 pictures the power is the chance of the tables that are found, counted one by one."""
    lost, gained = np.array([(discordant - difference) / 2]), np.array([(discordant + difference) / 2])
    expected = _chance_of(_mcnemar_finds(20, alpha), lost, gained)[0]
    assert stats.mcnemar_power(20, discordant, difference, alpha) == pytest.approx(expected, rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "discordant", "difference"), [(360, 0.06, 0.03), (1000, 0.06, 0.02), (50_000, 0.1, 0.003)]
)
def test_mcnemar_power_is_what_a_simulation_sees(n: int, discordant: float, difference: float) -> None:
    """Of 4000 seeded sets, as many are found as the power says, within four standard errors."""
    power = stats.mcnemar_power(n, discordant, difference)
    lost, gained = (discordant - difference) / 2, (discordant + difference) / 2
    tables = np.random.default_rng(17).multinomial(n, [lost, gained, 1 - discordant], 4000)
    found = 2 * binom.cdf(tables[:, :2].min(axis=1), tables[:, :2].sum(axis=1), 0.5) <= 0.05
    assert found.mean() == pytest.approx(power, rel=0, abs=4 * math.sqrt(power * (1 - power) / 4000))


def test_mcnemar_power_at_millions_of_pictures_is_the_normal_one() -> None:
    """At five million pictures discreteness is gone: the exact power is the approximation's within 1e-3."""
    normal = NormalDist()
    mean = 0.0003 * math.sqrt(5_000_000 / 0.06)
    expected = normal.cdf(mean - normal.inv_cdf(0.975))
    assert stats.mcnemar_power(5_000_000, 0.06, 0.0003) == pytest.approx(expected, rel=0, abs=1e-3)


@pytest.mark.parametrize(("n", "discordant"), [(20, 0.1), (50, 0.3), (1000, 0.06), (1000, 0.0), (50_000, 0.06)])
def test_the_detectable_difference_is_detected_as_often_as_asked(n: int, discordant: float) -> None:
    """There the exact power is 80 %; where few pictures differ, all change in one direction."""
    difference = stats.detectable_difference(n, discordant)
    assert difference is not None
    power = stats.mcnemar_power(n, max(discordant, difference), difference)
    assert power == pytest.approx(0.8, rel=0, abs=1e-6)


def test_five_pictures_detect_nothing() -> None:
    """Five losses in a row have p = 1/16: no difference is found in five pictures, the largest in six."""
    assert stats.detectable_difference(5, 0.1) is None
    difference = stats.detectable_difference(6, 0.0)
    assert difference == pytest.approx(0.8 ** (1 / 6), abs=1e-9)


@pytest.mark.parametrize(
    ("difference", "discordant"), [(0.002, 0.06), (-0.02, 0.06), (0.1, 0.3), (0.05, 0.0), (1.0, 1.0)]
)
def test_images_to_tell_models_have_the_power_asked_for(difference: float, discordant: float) -> None:
    """That many have it, 2 % fewer (or one less) do not."""
    n = stats.images_to_tell_models(difference, discordant)
    assert n is not None
    discordant = max(discordant, abs(difference))
    assert stats.mcnemar_power(n, discordant, difference) >= 0.8
    assert stats.mcnemar_power(min(n - 1, n * 49 // 50), discordant, difference) < 0.8


def test_nothing_tells_equal_models_apart() -> None:
    """A difference of 0 is found by no number of pictures."""
    assert stats.images_to_tell_models(0.0, 0.1) is None


# Not worse.


@cache
def _fewest_gains_shown(n: int, margin: float, alpha: float, until: int) -> tuple[int, ...]:
    """For 0 to ``until`` losses the fewest gains with a p-value of at most alpha: a staircase, climbed once."""
    gains, fewest = 0, []
    for losses in range(until + 1):
        while losses + gains <= n and stats.not_worse_p(losses, gains, n, margin) > alpha:
            gains += 1
        fewest.append(gains)
    return tuple(fewest)


def _shown(n: int, margin: float, alpha: float, gained: Array, until: int) -> Array:
    """How often the margin is shown where it is just not true, at each share of gains."""
    losses = np.arange(until + 1)
    fewest, lost = np.array(_fewest_gains_shown(n, margin, alpha, until)), (gained + margin)[:, None]
    tails = np.asarray(binom.sf(fewest - 1, n - losses, np.clip(gained[:, None] / (1 - lost), 0, 1)))
    return np.asarray((binom.pmf(losses, n, lost) * tails).sum(axis=1))


@pytest.mark.parametrize(
    ("n", "margin", "widest", "alpha"),
    [
        *((20, 0.0, 0.49, 0.05), (20, 0.2, 0.39, 0.025), (20, -0.1, 0.54, 0.05), (50, 0.05, 0.46, 0.05)),
        *((50, 0.02, 0.48, 0.025), (360, 0.03, 0.05, 0.05), (360, 0.01, 0.05, 0.05), (360, 0.03, 0.05, 0.025)),
        *((1000, 0.03, 0.02, 0.05), (1000, 0.005, 0.03, 0.05), (1000, 0.03, 0.02, 0.025), (1000, 0.0, 0.02, 0.05)),
    ],
)
def test_a_worse_model_is_seldom_shown_to_be_no_worse(n: int, margin: float, widest: float, alpha: float) -> None:
    """Where the margin is just reached, it is shown at most alpha of the time (2e-5: between the steps)."""
    gained = max(0.0, -margin) + (widest - max(0.0, -margin)) * np.linspace(0, 1, 801) ** 2
    most = n * (widest + margin)
    errors = _shown(n, margin, alpha, gained, until=min(n, math.ceil(most + 6 * math.sqrt(most) + 3)))
    assert errors.max() <= alpha + 2e-5
    assert errors.max() > 0.6 * alpha, "not for being hard to please"


@pytest.mark.parametrize(("margin", "discordant"), [(0.03, 0.06), (0.02, 0.06), (0.01, 0.02)])
def test_an_equal_model_is_shown_about_as_often_as_the_normal_test_says(margin: float, discordant: float) -> None:
    """At 1000 pictures the exact test costs at most four points of the approximate power."""
    half, losses = discordant / 2, np.arange(81)
    fewest = np.array(_fewest_gains_shown(1000, margin, 0.05, 80))
    power = (binom.pmf(losses, 1000, half) * binom.sf(fewest - 1, 1000 - losses, half / (1 - half))).sum()
    normal, error = NormalDist(), math.sqrt(discordant / 1000)
    assert power == pytest.approx(normal.cdf(margin / error - normal.inv_cdf(0.95)), rel=0, abs=0.04)


def _most_likely_share(losses: int, gains: int, n: int, margin: float) -> float:
    """The share of gains that makes the table most likely on the boundary, by looking, not by formula."""
    ends = max(0.0, -margin), (1 - margin) / 2

    def unlikely(share: float) -> float:
        drawn = max(1 - margin - 2 * share, 0.0)
        return -float(xlogy(losses, share + margin) + xlogy(gains, share) + xlogy(n - losses - gains, drawn))

    inside = minimize_scalar(unlikely, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    return float(min((*ends, inside), key=unlikely))


@cache
def _scores(n: int, margin: float) -> Array:
    """(n + 1, n + 1), by losses and gains: the score statistic; minus infinity where there is no such table."""
    scores = np.full((n + 1, n + 1), -np.inf)
    for losses in range(n + 1):
        for gains in range(n + 1 - losses):
            share = _most_likely_share(losses, gains, n, margin)
            variance, excess = n * (2 * share + margin - margin**2), gains - losses + n * margin
            scores[losses, gains] = excess / math.sqrt(variance) if variance > 1e-9 else 0.0
    return scores


@pytest.mark.parametrize(("n", "margin"), [(8, 0.3), (12, 0.0), (20, 0.1), (20, -0.15)])
def test_not_worse_p_is_what_brute_force_finds(n: int, margin: float) -> None:
    """Every table's p-value is the largest chance of those with as high a score, over 2001 shares, within 1e-4."""
    scores = _scores(n, margin)
    for losses in range(0, n + 1, 2):
        for gains in range(n + 1 - losses):
            likely = binomtest(gains, n).proportion_ci(1 - 1e-6, method="exact")
            first, last = np.clip([likely.low, likely.high], max(0.0, -margin), (1 - margin) / 2)
            shares = np.linspace(math.sqrt(first), math.sqrt(last), 2001) ** 2
            chance = _chance_of(scores >= scores[losses, gains] - 1e-6, np.clip(shares + margin, 0, 1), shares).max()
            assert stats.not_worse_p(losses, gains, n, margin) == pytest.approx(min(1, chance), rel=0, abs=1e-4)


@settings(untimed, max_examples=50)
@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))),
    st.floats(-0.95, 0.95),
)
def test_a_loss_less_or_a_gain_more_is_never_worse(table: tuple[int, int, int], margin: float) -> None:
    """The p-value does not rise by more than 1e-4 (what the steps may miss) where a table betters."""
    first, second, n = table
    losses, gains = min(first, n - second), second
    p = stats.not_worse_p(losses, gains, n, margin)
    assert 0 < p <= 1
    if losses:
        assert stats.not_worse_p(losses - 1, gains, n, margin) <= p + 1e-4
        assert stats.not_worse_p(losses - 1, gains + 1, n, margin) <= p + 1e-4
    if losses + gains < n:
        assert stats.not_worse_p(losses, gains + 1, n, margin) <= p + 1e-4


@cache
def _low_bounds(n: int, confidence: float) -> Array:
    """(n + 1, n + 1), by losses and gains; minus infinity where there is no such table."""
    low = np.full((n + 1, n + 1), -np.inf)
    for losses in range(n // 2 + 1):
        for gains in range(losses, n + 1 - losses):
            bounds = stats.difference_bounds(losses, gains, n, confidence)
            low[losses, gains], low[gains, losses] = bounds.low, -bounds.high
    return low


def _overstated(tables: NDArray[np.bool_], difference: float) -> float:
    """How often one of these tables, whose lower bound is above the true difference, appears at the worst share."""
    least = max(0.0, difference)
    gained = least + ((1 + difference) / 2 - least) * np.sin(np.linspace(0, math.pi / 2, 201)) ** 2
    return float(_chance_of(tables, np.clip(gained - difference, 0, 1), gained).max())


def test_a_difference_bound_holds_whatever_is_true() -> None:
    """All tables of 20 pictures, true differences just below a bound (the worst ones): 5 % are wrong, within 2e-4.

    The allowance is what the steps over margins and over shares of gains may miss.
    """
    low = _low_bounds(20, 0.95)
    worst = max(_overstated(low >= difference, difference - 1e-9) for difference in np.unique(low[low > -1])[::2])
    assert 0.045 < worst <= 0.05 + 2e-4


def test_a_difference_bound_of_50_pictures_holds() -> None:
    """The tables whose bound is above a true difference of -0.1, found along their edge, have at most 5 %."""
    difference, gains, shown = -0.1, 0, np.zeros((51, 51), dtype=bool)
    for losses in range(51):
        while losses + gains <= 50 and stats.difference_bounds(losses, gains, 50).low <= difference:
            gains += 1
        shown[losses, gains : 51 - losses] = True
    assert 0.04 < _overstated(shown, difference) <= 0.05 + 2e-4


@pytest.mark.parametrize(
    ("losses", "gains", "n"),
    [
        (0, 0, 50),
        (3, 1, 20),
        (2, 9, 50),
        (10, 12, 360),
        (29, 31, 1000),
        (100, 102, 1000),
        (0, 2, 1000),
        (300, 250, 5000),
    ],
)
@pytest.mark.parametrize("confidence", [0.95, 0.975])
def test_a_bound_is_where_the_test_changes_its_mind(losses: int, gains: int, n: int, confidence: float) -> None:
    """A margin 1e-5 wider than the bound is shown, one 1e-5 narrower is not; exchanged models mirror the bounds."""
    bounds = stats.difference_bounds(losses, gains, n, confidence)
    assert stats.not_worse_p(losses, gains, n, -bounds.low + 1e-5) <= 1 - confidence
    assert stats.not_worse_p(losses, gains, n, -bounds.low - 1e-5) > 1 - confidence
    mirrored = stats.difference_bounds(gains, losses, n, confidence)
    assert (mirrored.low, mirrored.high) == (-bounds.high, -bounds.low)
    assert -1 <= bounds.low < (gains - losses) / n < bounds.high <= 1


def test_nothing_changed_bounds_the_difference_by_three_pictures() -> None:
    """The rule of three: 0 of 1000 changed leaves 0.3 % on both sides."""
    bounds = stats.difference_bounds(0, 0, 1000)
    assert (bounds.low, bounds.high) == pytest.approx((-0.003, 0.003), rel=0, abs=2e-5)
    assert bounds.high == pytest.approx(-math.log(0.05) / 1000, rel=0.01)


def test_everything_changed_has_ends() -> None:
    """All lost or all gained leave no room on one side."""
    assert stats.difference_bounds(20, 0, 20).low == -1.0
    assert stats.difference_bounds(0, 20, 20).high == 1.0
    assert stats.difference_bounds(0, 20, 20).low == pytest.approx(0.72, abs=0.02)


def test_two_real_models_of_nearly_equal_accuracy() -> None:
    """892 and 894 right of 1000: whether that is "not worse by 2 %" is a matter of how many pictures differ."""
    few, many = stats.difference_bounds(29, 31, 1000), stats.difference_bounds(99, 101, 1000)
    assert (f"{few.low:.4f}", f"{few.high:.4f}") == ("-0.0110", "0.0150")
    assert (f"{many.low:.4f}", f"{many.high:.4f}") == ("-0.0214", "0.0254")
    assert stats.not_worse_p(29, 31, 1000, 0.02) < 0.05 < stats.not_worse_p(99, 101, 1000, 0.02)
    assert stats.mcnemar(29, 31) == pytest.approx(0.897, abs=0.0005)


# Many comparisons, and wrong input.


@settings(untimed, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    """The adjusted p-values are those of another library, in the order given."""
    expected = multitest.multipletests(p_values, method="holm")[1]
    assert stats.holm(p_values) == pytest.approx(list(expected), rel=1e-12, abs=1e-300)


def test_holm_of_nothing_is_nothing() -> None:
    """No comparisons, no p-values."""
    assert stats.holm([]) == []


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (stats.one_sided, (0, 0, 0.95), "n = 0"),
        (stats.one_sided, (6, 5, 0.95), "count is 6"),
        (stats.one_sided, (1, 5, 1.0), "confidence is 1.0"),
        (stats.images_to_tell, (1.2, 0.5), "observed is 1.2"),
        (stats.images_to_tell, (0.2, 50), "wanted is 50"),
        (stats.images_to_tell, (0.2, 0.5, 95), "confidence is 95"),
        (stats.images_to_tell, (0.2, 0.5, 0.95, 0.0), "power is 0.0"),
        (stats.mcnemar, (-1, 1), r"\bk\b|\bn\b"),
        (stats.mcnemar_power, (0, 0.2, 0.1), "n is 0"),
        (stats.mcnemar_power, (9, 0.2, -0.3), "difference -0.3"),
        (stats.mcnemar_power, (9, 1.5, 0.3), "discordant is 1.5"),
        (stats.mcnemar_power, (9, 0.5, 0.3, 0.0), "alpha is 0.0"),
        (stats.detectable_difference, (0, 0.5), "n is 0"),
        (stats.detectable_difference, (9, 0.5, 0.05, 0.05), "power is 0.05"),
        (stats.images_to_tell_models, (0.1, 0.2, 0.0), "alpha is 0.0"),
        (stats.images_to_tell_models, (0.1, 0.2, 0.05, 1.0), "power is 1.0"),
        (stats.images_to_tell_models, (1.1, 0.2), "discordant is 1.1"),
        (stats.not_worse_p, (3, 3, 5, 0.1), "3 losses and 3 gains of n = 5"),
        (stats.not_worse_p, (-1, 3, 5, 0.1), "-1 losses"),
        (stats.not_worse_p, (0, 0, 5, 1.0), "margin is 1.0"),
        (stats.difference_bounds, (0, 0, 0), "n = 0"),
        (stats.difference_bounds, (0, 0, 5, 0.0), "confidence is 0.0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    function: Callable[..., object], arguments: tuple[float, ...], why: str
) -> None:
    """Counts that are not those of n pictures, and shares outside their range, are a ValueError that names them."""
    with pytest.raises(ValueError, match=why):
        function(*arguments)
