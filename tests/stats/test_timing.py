"""imgcls.stats.timing: percentiles, and how much slower one is than another."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls.stats import timing

Times = st.lists(st.integers(1, 10**10), min_size=1, max_size=200)


@given(Times, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_percentile_was_observed_and_covers_its_share(times: list[int], share: float) -> None:
    """At least the share does not exceed it, and of any smaller observed time less than the share."""
    percentile = timing.percentile(times, share)
    assert percentile in times
    assert sum(time <= percentile for time in times) >= share * len(times)
    smaller = [time for time in times if time < percentile]
    assert len(smaller) < share * len(times)


def test_percentiles_of_a_hundred_rounds() -> None:
    """Nearest rank, as MLPerf reports them."""
    times = list(range(100, 0, -1))
    assert [timing.percentile(times, share) for share in (0.5, 0.9, 0.95, 0.99)] == [50, 90, 95, 99]
    assert timing.percentile([7], 0.99) == 7


def test_bounds_hold_the_percentile_or_are_nan() -> None:
    """95 of 1000 rounds have an interval on both sides; 30 rounds have no upper bound of p95."""
    low, high = timing.bounds(list(range(1, 1001)), 0.95)
    assert 930 < low < 950 < high < 970
    low, high = timing.bounds(list(range(1, 31)), 0.95)
    assert low < 29
    assert math.isnan(high)


def test_a_shift_is_found_with_its_interval() -> None:
    """A tenth more on top of noise of 3 %: the interval holds the truth and excludes nothing happening."""
    source = np.random.default_rng(0)
    before = [round(value) for value in source.lognormal(math.log(1e7), 0.03, 200)]
    after = [round(1.1 * value) for value in source.lognormal(math.log(1e7), 0.03, 200)]
    shift = timing.shift(before, after)
    assert shift.low < 1.1 < shift.high
    assert 1.08 < shift.ratio < 1.12
    assert shift.low > 1.05
    assert shift.p_value < 1e-6
    assert shift.before_ns == pytest.approx(statistics.median(before), rel=0.01)
    assert shift.rounds == (200, 200)


def test_drift_that_both_share_cancels() -> None:
    """A machine that becomes twice as slow half way hides no difference of rounds that were taken in turn."""
    source = np.random.default_rng(1)
    drift = np.linspace(1e7, 2e7, 400)
    noisy = drift * source.lognormal(0, 0.02, 400)
    shift = timing.shift([round(t) for t in noisy[0::2]], [round(t) for t in noisy[1::2] * 1.1])
    assert 1.08 < shift.low < 1.1 < shift.high < 1.12


def test_drift_of_only_one_run_widens_the_interval() -> None:
    """Blocks of rounds vary, not rounds: a run that drifts by a fifth cannot tell 5 %."""
    before = [round(t) for t in np.linspace(1e7, 1.2e7, 400)]
    after = [round(t) for t in np.linspace(1.2e7, 1e7, 400)]
    shift = timing.shift(before, after)
    assert shift.low < 0.95
    assert shift.high > 1.05


@given(st.integers(1, 10**9), st.integers(6, 50))
def test_equal_rounds_are_equal(time: int, rounds: int) -> None:
    """Without any noise the ratio is 1 and so is its interval."""
    shift = timing.shift([time] * rounds, [time] * rounds)
    assert (shift.ratio, shift.low, shift.high) == (1.0, 1.0, 1.0)
    assert shift.p_value == pytest.approx(1.0)


def test_too_few_rounds_are_refused() -> None:
    """Six blocks at least, because fewer do not show how much they vary."""
    with pytest.raises(ValueError, match="5 and 100 rounds are too few: 6 at least on either side"):
        timing.shift([1] * 5, [1] * 100)
