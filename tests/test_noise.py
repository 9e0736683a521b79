"""imgcls.noise: percentiles, and how much slower one is than another."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls import noise

Times = st.lists(st.integers(1, 10**10), min_size=1, max_size=200)


@given(Times, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_percentile_was_observed_and_covers_its_share(times: list[int], share: float) -> None:
    """At least the share does not exceed it, and of any smaller observed time less than the share."""
    found = noise.percentile(times, share)
    assert found in times
    assert sum(time <= found for time in times) >= share * len(times)
    smaller = [time for time in times if time < found]
    assert len(smaller) < share * len(times)


def test_percentiles_of_a_hundred_rounds() -> None:
    """Nearest rank, as MLPerf reports them."""
    times = list(range(100, 0, -1))
    assert [noise.percentile(times, share) for share in (0.5, 0.9, 0.95, 0.99)] == [50, 90, 95, 99]
    assert noise.percentile([7], 0.99) == 7


def test_bounds_hold_the_percentile_and_say_where_they_cannot() -> None:
    """95 of 1000 rounds have an interval on both sides; 30 rounds have no upper bound of p95."""
    low, high = noise.bounds(list(range(1, 1001)), 0.95)
    assert 930 < low < 950 < high < 970
    low, high = noise.bounds(list(range(1, 31)), 0.95)
    assert low < 29
    assert math.isnan(high)


def test_a_shift_is_found_with_its_interval() -> None:
    """A tenth more on top of noise of 3 %: the interval holds the truth and excludes nothing happening."""
    source = np.random.default_rng(0)
    before = [round(value) for value in source.lognormal(math.log(1e7), 0.03, 200)]
    after = [round(1.1 * value) for value in source.lognormal(math.log(1e7), 0.03, 200)]
    found = noise.shift(before, after)
    assert found.low < 1.1 < found.high
    assert 1.08 < found.ratio < 1.12
    assert found.low > 1.05
    assert found.p_value < 1e-6
    assert found.before_ns == pytest.approx(statistics.median(before), rel=0.01)
    assert found.rounds == (200, 200)


def test_drift_that_both_share_cancels() -> None:
    """A machine that becomes twice as slow half way hides no difference of rounds that were taken in turn."""
    source = np.random.default_rng(1)
    drift = np.linspace(1e7, 2e7, 400)
    noisy = drift * source.lognormal(0, 0.02, 400)
    found = noise.shift([round(t) for t in noisy[0::2]], [round(t) for t in noisy[1::2] * 1.1])
    assert 1.08 < found.low < 1.1 < found.high < 1.12


def test_drift_of_one_run_alone_widens_the_interval() -> None:
    """Blocks of rounds vary, not rounds: a run that drifts by a fifth cannot tell 5 %."""
    before = [round(t) for t in np.linspace(1e7, 1.2e7, 400)]
    after = [round(t) for t in np.linspace(1.2e7, 1e7, 400)]
    found = noise.shift(before, after)
    assert found.low < 0.95
    assert found.high > 1.05


@given(st.integers(1, 10**9), st.integers(6, 50))
def test_equal_rounds_are_equal(time: int, rounds: int) -> None:
    """Without any noise the ratio is 1 and so is its interval."""
    found = noise.shift([time] * rounds, [time] * rounds)
    assert (found.ratio, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.p_value == pytest.approx(1.0)


def test_too_few_rounds_are_refused() -> None:
    """Six blocks at least, because fewer say nothing of how much they vary."""
    with pytest.raises(ValueError, match="5 and 100 rounds are too few: 6 at least on either side"):
        noise.shift([1] * 5, [1] * 100)
