"""imgcls.stats.paired: against other libraries, simulation and the enumeration of all tables."""

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom
from statsmodels.stats import contingency_tables, multitest  # type: ignore[import-untyped]  # ships no types

from imgcls.stats import paired
from multinomial import chance_of

untimed = settings(deadline=None)  # the first example pays for an import


@untimed
@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_statsmodels(losses: int, gains: int) -> None:
    """The p-value is that of another library, and the same with both models exchanged."""
    expected = contingency_tables.mcnemar([[0, losses], [gains, 0]], exact=True).pvalue if losses + gains else 1.0
    assert paired.mcnemar(losses, gains) == pytest.approx(expected, rel=1e-9)
    assert paired.mcnemar(gains, losses) == paired.mcnemar(losses, gains)


@cache
def _mcnemar_finds(n: int, alpha: float) -> NDArray[np.bool_]:
    """(n + 1, n + 1), by losses and gains: where McNemar's p is at most alpha."""
    significant = np.zeros((n + 1, n + 1), dtype=bool)
    for losses in range(n + 1):
        for gains in range(n + 1 - losses):
            significant[losses, gains] = paired.mcnemar(losses, gains) <= alpha
    return significant


@pytest.mark.parametrize("n", [20, 50])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_mcnemar_seldom_finds_a_difference_that_is_not_there(n: int, alpha: float) -> None:
    """Two equally good models are distinguished at most alpha of the time, however many images differ."""
    shares = np.linspace(0, 0.5, 101)
    assert chance_of(_mcnemar_finds(n, alpha), shares, shares).max() <= alpha


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize(("discordant", "difference"), [(0.3, 0.2), (0.3, -0.2), (0.6, 0.0), (0.5, 0.5), (1.0, 0.4)])
def test_mcnemar_power_is_the_sum_over_all_tables(discordant: float, difference: float, alpha: float) -> None:
    """At 20 images the power is the chance of the significant tables, counted one by one."""
    lost, gained = np.array([(discordant - difference) / 2]), np.array([(discordant + difference) / 2])
    expected = chance_of(_mcnemar_finds(20, alpha), lost, gained)[0]
    assert paired.mcnemar_power(20, discordant, difference, alpha) == pytest.approx(expected, rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "discordant", "difference"), [(360, 0.06, 0.03), (1000, 0.06, 0.02), (50_000, 0.1, 0.003)]
)
def test_mcnemar_power_is_that_of_a_simulation(n: int, discordant: float, difference: float) -> None:
    """Of 4000 seeded sets, as many are significant as the power states, within four standard errors."""
    power = paired.mcnemar_power(n, discordant, difference)
    lost, gained = (discordant - difference) / 2, (discordant + difference) / 2
    tables = np.random.default_rng(17).multinomial(n, [lost, gained, 1 - discordant], 4000)
    significant = 2 * binom.cdf(tables[:, :2].min(axis=1), tables[:, :2].sum(axis=1), 0.5) <= 0.05
    assert significant.mean() == pytest.approx(power, rel=0, abs=4 * math.sqrt(power * (1 - power) / 4000))


def test_mcnemar_power_at_millions_of_images_is_the_normal_one() -> None:
    """At five million images discreteness is gone: the exact power is the approximation's within 1e-3."""
    normal = NormalDist()
    mean = 0.0003 * math.sqrt(5_000_000 / 0.06)
    expected = normal.cdf(mean - normal.inv_cdf(0.975))
    assert paired.mcnemar_power(5_000_000, 0.06, 0.0003) == pytest.approx(expected, rel=0, abs=1e-3)


@pytest.mark.parametrize(("n", "discordant"), [(20, 0.1), (50, 0.3), (1000, 0.06), (1000, 0.0), (50_000, 0.06)])
def test_the_detectable_difference_is_detected_as_often_as_stated(n: int, discordant: float) -> None:
    """There the exact power is 80 %; where few images differ, all change in one direction."""
    difference = paired.detectable_difference(n, discordant)
    assert difference is not None
    power = paired.mcnemar_power(n, max(discordant, difference), difference)
    assert power == pytest.approx(0.8, rel=0, abs=1e-6)


def test_five_images_detect_nothing() -> None:
    """Five losses in a row have p = 1/16: no difference is found in five images, the largest in six."""
    assert paired.detectable_difference(5, 0.1) is None
    difference = paired.detectable_difference(6, 0.0)
    assert difference == pytest.approx(0.8 ** (1 / 6), abs=1e-9)


@pytest.mark.parametrize(
    ("difference", "discordant"), [(0.002, 0.06), (-0.02, 0.06), (0.1, 0.3), (0.05, 0.0), (1.0, 1.0)]
)
def test_images_needed_have_the_requested_power(difference: float, discordant: float) -> None:
    """N images have it, 2 % fewer (or one less) do not."""
    n = paired.images_needed(difference, discordant)
    assert n is not None
    discordant = max(discordant, abs(difference))
    assert paired.mcnemar_power(n, discordant, difference) >= 0.8
    assert paired.mcnemar_power(min(n - 1, n * 49 // 50), discordant, difference) < 0.8


def test_no_number_of_images_distinguishes_equal_models() -> None:
    """A difference of 0 needs more images than there are."""
    assert paired.images_needed(0.0, 0.1) is None


@settings(untimed, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    """The adjusted p-values are those of another library, in the order given."""
    with mock.patch("gc.collect"):  # statsmodels collects garbage in every call
        expected = multitest.multipletests(p_values, method="holm")[1]
    assert paired.holm(p_values) == pytest.approx(list(expected), rel=1e-12, abs=1e-300)


def test_holm_of_nothing_is_nothing() -> None:
    """No comparisons, no p-values."""
    assert paired.holm([]) == []


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (paired.mcnemar, (-1, 1), "-1 losses and 1 gains"),
        (paired.mcnemar_power, (0, 0.2, 0.1), "n is 0"),
        (paired.mcnemar_power, (9, 0.2, -0.3), "difference -0.3"),
        (paired.mcnemar_power, (9, 1.5, 0.3), "discordant is 1.5"),
        (paired.mcnemar_power, (9, 0.5, 0.3, 0.0), "alpha is 0.0"),
        (paired.detectable_difference, (0, 0.5), "n is 0"),
        (paired.detectable_difference, (9, 0.5, 0.05, 0.05), "power is 0.05"),
        (paired.images_needed, (0.1, 0.2, 0.0), "alpha is 0.0"),
        (paired.images_needed, (0.1, 0.2, 0.05, 1.0), "power is 1.0"),
        (paired.images_needed, (1.1, 0.2), "discordant is 1.1"),
    ],
)
def test_impossible_numbers_are_refused(
    function: Callable[..., object], arguments: tuple[float, ...], why: str
) -> None:
    """Counts that are not those of n images, and shares outside their range, are a ValueError that names them."""
    with pytest.raises(ValueError, match=why):
        function(*arguments)
