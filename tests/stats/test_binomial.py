"""imgcls.stats.binomial: SciPy's chances without SciPy."""

import subprocess
import sys
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from imgcls.stats import binomial, paired

SHARES = (0.0, 0.001, 0.02, 0.3, 0.5, 0.77, 0.999, 1.0)


@pytest.mark.parametrize("n", [1, 2, 7, 50, 1000, 300_000])
@pytest.mark.parametrize("share", SHARES)
def test_chances_are_scipys(n: int, share: float) -> None:
    """Of all counts that have any; they are 1 together."""
    first, chances = binomial.chances(n, share)
    counts = np.arange(first, first + len(chances))
    assert chances == pytest.approx(binom.pmf(counts, n, share), rel=1e-8, abs=1e-15)
    assert chances.sum() == pytest.approx(1, rel=1e-14)
    assert counts.tolist() == binomial.likely(n, share, share).tolist()


@pytest.mark.parametrize("n", [1, 2, 9, 60, 1001])
def test_the_tail_of_a_half_is_exactly_rounded(n: int) -> None:
    """The sum over all counts as a fraction, and then the nearest float."""
    for count in range(0, n + 1, max(1, n // 13)):
        exact = Fraction(sum(comb(n, chosen) for chosen in range(count + 1)), 2**n)
        assert binomial.lower_half_tail(count, n) == float(exact)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3, 1e-6])
@pytest.mark.parametrize(("first", "last"), [(0, 90), (20, 200), (950, 1050), (200_000, 200_300)])
def test_critical_counts_are_scipys(first: int, last: int, alpha: float) -> None:
    """The largest count whose lower tail is not above the chance, for each n."""
    n = np.arange(first, last + 1)
    expected = np.asarray(binom.ppf(alpha / 2, n, 0.5))
    expected -= np.asarray(binom.cdf(expected, n, 0.5)) > alpha / 2
    assert binomial.critical_counts(first, last, alpha / 2) == expected.tolist()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("first", "last"), [(0, 90), (20, 200), (950, 1050), (200_000, 200_300)])
def test_lower_tails_are_scipys(first: int, last: int, share: float) -> None:
    """Of counts that grow with n as those of a test do."""
    counts = binomial.critical_counts(first, last, 0.025)
    tails = list(binomial.lower_tails(first, counts, share))
    assert tails == pytest.approx(binom.cdf(counts, np.arange(first, last + 1), share), rel=0, abs=1e-12)


def test_mcnemar_is_scipys_as_printed_and_to_13_digits_as_stored() -> None:
    """The last digits are more exact than SciPy's; beyond 10,000 discordant images they are SciPy's."""
    for losses, gains in ((a, b) for a in range(0, 80, 3) for b in range(0, 90, 4)):
        expected = binomtest(losses, losses + gains).pvalue if losses + gains else 1.0
        value = paired.mcnemar(losses, gains)
        assert value == pytest.approx(expected, rel=1e-13)
        assert f"{value:.4f}" == f"{expected:.4f}"
    assert paired.mcnemar(5_100, 5_000) == binomtest(5_100, 10_100).pvalue


def test_models_of_one_run_are_compared_without_scipy() -> None:
    """Intervals, paired tests and the number of images that would tell: SciPy takes longer to import than all of it."""
    code = (
        "import sys; import numpy as np; from imgcls.comparison import current_run, pairwise; "
        "from imgcls.stats import proportions; proportions.wilson(612, 1000); "
        "right = np.arange(3000).reshape(1000, 3) % 7 < 5; "
        "tests = pairwise.pairwise_tests('photos', ['a', 'b', 'c'], right); "
        "assert any(test.images_needed for test in tests); "
        "print(*(name for name in ('scipy', 'sklearn', 'torch') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
