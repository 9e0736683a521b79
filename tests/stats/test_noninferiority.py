"""imgcls.stats.noninferiority: against brute force and the enumeration of all tables."""

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import xlogy
from scipy.stats import binom, binomtest

from imgcls.stats import noninferiority, paired
from multinomial import chance_of

Array = NDArray[np.float64]

untimed = settings(deadline=None)  # the first example pays for an import


@cache
def _fewest_gains_shown(n: int, margin: float, alpha: float, until: int) -> tuple[int, ...]:
    """For 0 to ``until`` losses the fewest gains with a p-value of at most alpha: a staircase, climbed once."""
    gains, fewest = 0, []
    for losses in range(until + 1):
        while losses + gains <= n and noninferiority.not_worse_p(losses, gains, n, margin) > alpha:
            gains += 1
        fewest.append(gains)
    return tuple(fewest)


def _shown(n: int, margin: float, alpha: float, gained: Array, until: int) -> Array:
    """How often the margin is shown where it is just not true, at each share of gains."""
    losses = np.arange(until + 1)
    fewest, lost = np.array(_fewest_gains_shown(n, margin, alpha, until)), (gained + margin)[:, None]
    tails = np.asarray(binom.sf(fewest - 1, n - losses, np.clip(gained[:, None] / (1 - lost), 0, 1)))
    return np.asarray((binom.pmf(losses, n, lost) * tails).sum(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "margin", "widest", "alpha"),
    [
        *((20, 0.0, 0.49, 0.05), (20, 0.2, 0.39, 0.025), (20, -0.1, 0.54, 0.05), (50, 0.05, 0.46, 0.05)),
        *((50, 0.02, 0.48, 0.025), (360, 0.03, 0.05, 0.05), (360, 0.01, 0.05, 0.05), (360, 0.03, 0.05, 0.025)),
        *((1000, 0.03, 0.02, 0.05), (1000, 0.005, 0.03, 0.05), (1000, 0.03, 0.02, 0.025), (1000, 0.0, 0.02, 0.05)),
    ],
)
def test_a_worse_model_is_seldom_shown_to_be_not_worse(n: int, margin: float, widest: float, alpha: float) -> None:
    """Where the margin is just reached, it is shown at most alpha of the time (2e-5: between the steps)."""
    gained = max(0.0, -margin) + (widest - max(0.0, -margin)) * np.linspace(0, 1, 801) ** 2
    most = n * (widest + margin)
    errors = _shown(n, margin, alpha, gained, until=min(n, math.ceil(most + 6 * math.sqrt(most) + 3)))
    assert errors.max() <= alpha + 2e-5
    assert errors.max() > 0.6 * alpha, "the test is not merely strict"


@pytest.mark.slow
@pytest.mark.parametrize(("margin", "discordant"), [(0.03, 0.06), (0.02, 0.06), (0.01, 0.02)])
def test_an_equal_model_is_shown_about_as_often_as_by_the_normal_test(margin: float, discordant: float) -> None:
    """At 1000 images the exact test costs at most four points of the approximate power."""
    half, losses = discordant / 2, np.arange(81)
    fewest = np.array(_fewest_gains_shown(1000, margin, 0.05, 80))
    power = (binom.pmf(losses, 1000, half) * binom.sf(fewest - 1, 1000 - losses, half / (1 - half))).sum()
    normal, error = NormalDist(), math.sqrt(discordant / 1000)
    assert power == pytest.approx(normal.cdf(margin / error - normal.inv_cdf(0.95)), rel=0, abs=0.04)


def _most_likely_share(losses: int, gains: int, n: int, margin: float) -> float:
    """The share of gains that makes the table most likely on the boundary, by search, not by formula."""
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


@pytest.mark.parametrize(
    ("n", "margin"), [(8, 0.3), (12, 0.0), *(pytest.param(20, m, marks=pytest.mark.slow) for m in (0.1, -0.15))]
)
def test_not_worse_p_is_that_of_brute_force(n: int, margin: float) -> None:
    """Every table's p-value is the largest chance of those with as high a score, over 2001 shares, within 1e-4."""
    scores = _scores(n, margin)
    for losses in range(0, n + 1, 2):
        for gains in range(n + 1 - losses):
            likely = binomtest(gains, n).proportion_ci(1 - 1e-6, method="exact")
            first, last = np.clip([likely.low, likely.high], max(0.0, -margin), (1 - margin) / 2)
            shares = np.linspace(math.sqrt(first), math.sqrt(last), 2001) ** 2
            chance = chance_of(scores >= scores[losses, gains] - 1e-6, np.clip(shares + margin, 0, 1), shares).max()
            assert noninferiority.not_worse_p(losses, gains, n, margin) == pytest.approx(
                min(1, chance), rel=0, abs=1e-4
            )


@settings(untimed, max_examples=50)
@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))),
    st.floats(-0.95, 0.95),
)
def test_a_loss_less_or_a_gain_more_is_never_worse(table: tuple[int, int, int], margin: float) -> None:
    """The p-value does not rise by more than 1e-4 (what the steps may miss) where a table betters."""
    first, second, n = table
    losses, gains = min(first, n - second), second
    p = noninferiority.not_worse_p(losses, gains, n, margin)
    assert 0 < p <= 1
    if losses:
        assert noninferiority.not_worse_p(losses - 1, gains, n, margin) <= p + 1e-4
        assert noninferiority.not_worse_p(losses - 1, gains + 1, n, margin) <= p + 1e-4
    if losses + gains < n:
        assert noninferiority.not_worse_p(losses, gains + 1, n, margin) <= p + 1e-4


@cache
def _low_bounds(n: int, confidence: float) -> Array:
    """(n + 1, n + 1), by losses and gains; minus infinity where there is no such table."""
    low = np.full((n + 1, n + 1), -np.inf)
    for losses in range(n // 2 + 1):
        for gains in range(losses, n + 1 - losses):
            bounds = noninferiority.difference_bounds(losses, gains, n, confidence)
            low[losses, gains], low[gains, losses] = bounds.low, -bounds.high
    return low


def _overstated(tables: NDArray[np.bool_], difference: float) -> float:
    """How often one of these tables, whose lower bound is above the true difference, appears at the worst share."""
    least = max(0.0, difference)
    gained = least + ((1 + difference) / 2 - least) * np.sin(np.linspace(0, math.pi / 2, 201)) ** 2
    return float(chance_of(tables, np.clip(gained - difference, 0, 1), gained).max())


@pytest.mark.slow
def test_a_difference_bound_holds_whatever_is_true() -> None:
    """All tables of 20 images, true differences just below a bound (the worst ones): 5 % are wrong, within 2e-4.

    The allowance is what the steps over margins and over shares of gains may miss.
    """
    low = _low_bounds(20, 0.95)
    worst = max(_overstated(low >= difference, difference - 1e-9) for difference in np.unique(low[low > -1])[::2])
    assert 0.045 < worst <= 0.05 + 2e-4


@pytest.mark.slow
def test_a_difference_bound_of_50_images_holds() -> None:
    """The tables whose bound is above a true difference of -0.1, found along their edge, have at most 5 %."""
    difference, gains, shown = -0.1, 0, np.zeros((51, 51), dtype=bool)
    for losses in range(51):
        while losses + gains <= 50 and noninferiority.difference_bounds(losses, gains, 50).low <= difference:
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
        pytest.param(300, 250, 5000, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("confidence", [0.95, pytest.param(0.975, marks=pytest.mark.slow)])
def test_a_bound_is_where_the_verdict_of_the_test_changes(losses: int, gains: int, n: int, confidence: float) -> None:
    """A margin 1e-5 wider than the bound is shown, one 1e-5 narrower is not; exchanged models mirror the bounds."""
    bounds = noninferiority.difference_bounds(losses, gains, n, confidence)
    assert noninferiority.not_worse_p(losses, gains, n, -bounds.low + 1e-5) <= 1 - confidence
    assert noninferiority.not_worse_p(losses, gains, n, -bounds.low - 1e-5) > 1 - confidence
    mirrored = noninferiority.difference_bounds(gains, losses, n, confidence)
    assert (mirrored.low, mirrored.high) == (-bounds.high, -bounds.low)
    assert -1 <= bounds.low < (gains - losses) / n < bounds.high <= 1


def test_nothing_changed_bounds_the_difference_by_three_images() -> None:
    """The rule of three: 0 of 1000 changed leaves 0.3 % on both sides."""
    bounds = noninferiority.difference_bounds(0, 0, 1000)
    assert (bounds.low, bounds.high) == pytest.approx((-0.003, 0.003), rel=0, abs=2e-5)
    assert bounds.high == pytest.approx(-math.log(0.05) / 1000, rel=0.01)


def test_everything_changed_has_ends() -> None:
    """All lost or all gained leave no room on one side."""
    assert noninferiority.difference_bounds(20, 0, 20).low == -1.0
    assert noninferiority.difference_bounds(0, 20, 20).high == 1.0
    assert noninferiority.difference_bounds(0, 20, 20).low == pytest.approx(0.72, abs=0.02)


def test_two_real_models_of_nearly_equal_accuracy() -> None:
    """892 and 894 right of 1000: whether that is "not worse by 2 %" depends on how many images differ."""
    few, many = noninferiority.difference_bounds(29, 31, 1000), noninferiority.difference_bounds(99, 101, 1000)
    assert (f"{few.low:.4f}", f"{few.high:.4f}") == ("-0.0110", "0.0150")
    assert (f"{many.low:.4f}", f"{many.high:.4f}") == ("-0.0214", "0.0254")
    assert noninferiority.not_worse_p(29, 31, 1000, 0.02) < 0.05 < noninferiority.not_worse_p(99, 101, 1000, 0.02)
    assert paired.mcnemar(29, 31) == pytest.approx(0.897, abs=0.0005)


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (noninferiority.not_worse_p, (3, 3, 5, 0.1), "3 losses and 3 gains of n = 5"),
        (noninferiority.not_worse_p, (-1, 3, 5, 0.1), "-1 losses"),
        (noninferiority.not_worse_p, (0, 0, 5, 1.0), "margin is 1.0"),
        (noninferiority.difference_bounds, (0, 0, 0), "n = 0"),
        (noninferiority.difference_bounds, (0, 0, 5, 0.0), "confidence is 0.0"),
    ],
)
def test_impossible_numbers_are_refused(
    function: Callable[..., object], arguments: tuple[float, ...], why: str
) -> None:
    """Counts that are not those of n images, and shares outside their range, are a ValueError that names them."""
    with pytest.raises(ValueError, match=why):
        function(*arguments)
