"""Intervals of one proportion, and plans for it. Counts are ints, everything else is a fraction."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

from imgcls.records.evaluation import Interval
from imgcls.stats import binomial

Z_95 = 1.959963984540054  # docs/decisions.md#statistics-without-scipy
"""What 2.5 % of a standard normal distribution exceed, to the last digit."""


def wilson(count: int, n: int, confidence: float = 0.95) -> Interval:
    """The two-sided Wilson score interval of ``count`` out of ``n`` (Wilson 1927), as fractions.

    Raises ValueError where ``n`` is 0 or ``count`` is not within 0..n.
    """
    _require_count(count, n)
    z, share = Z_95 if confidence == 0.95 else z_score(0.5 + 0.5 * confidence), count / n
    whole = 2 * (n + z**2)
    middle = (2 * n * share + z**2) / whole
    reach = z / whole * math.sqrt(4 * n * share * (1 - share) + z**2)
    return Interval(middle - reach if count else 0.0, middle + reach if count < n else 1.0)


def one_sided(count: int, n: int, confidence: float) -> Interval:
    """The two one-sided exact bounds of ``count`` out of ``n``, each of which holds by itself with ``confidence``.

    They are those of Clopper & Pearson (1934); both together hold with ``2 * confidence - 1``.
    Raises ValueError where ``n`` is 0, ``count`` is not within 0..n or ``confidence`` not between 0 and 1.
    """
    from scipy.special import betainccinv, betaincinv

    require_inside("confidence", confidence, 0, 1)
    _require_count(count, n)
    low = float(betaincinv(count, n - count + 1, 1 - confidence)) if count else 0.0
    high = float(betainccinv(count + 1, n - count, 1 - confidence)) if count < n else 1.0
    return Interval(low, high)


def below_p(count: int, n: int, threshold: float) -> float:
    """The exact one-sided p-value against "the true share is ``threshold`` or more": of ``count`` or less out of ``n``.

    It is less than ``1 - confidence`` exactly where the upper bound of :func:`one_sided` is below ``threshold``.
    Raises ValueError where ``n`` is 0, ``count`` is not within 0..n or ``threshold`` not within [0, 1].
    """
    from scipy.special import betaincc

    require_fraction("threshold", threshold)
    _require_count(count, n)
    return float(betaincc(count + 1, n - count, threshold)) if count < n else 1.0


def fewest_without(threshold: float, confidence: float) -> int:
    """Of how many images none must be so that a share below ``threshold`` is shown: the n of which 0 are bounded by it.

    Raises ValueError where ``threshold`` or ``confidence`` is not between 0 and 1.
    """
    require_inside("threshold", threshold, 0, 1)
    require_inside("confidence", confidence, 0, 1)
    return math.ceil(math.log(1 - confidence) / math.log1p(-threshold))


def images_needed(
    observed: float, threshold: float, confidence: float = 0.95, power: float = 0.8, sides: Literal[1, 2] = 2
) -> int | None:
    """About how many images distinguish a true share of ``observed`` from ``threshold``; None if equal.

    The normal approximation with the variances of both shares, without continuity correction (Fleiss, Levin &
    Paik, "Statistical Methods for Rates and Proportions", 3rd ed. 2003, chapter 2). ``power``: the chance that they do.
    ``sides`` is 2 where the interval of ``confidence`` shall exclude ``threshold``, 1 where the one-sided bound of
    ``confidence`` shall reach it.
    Raises ValueError where a share is not within [0, 1], ``confidence`` or ``power`` not between 0 and 1.
    """
    require_fraction("observed", observed)
    require_fraction("threshold", threshold)
    require_inside("confidence", confidence, 0, 1)
    require_inside("power", power, 0, 1)
    if observed == threshold:
        return None
    at_threshold, at_observed = map(binomial.standard_deviation, (threshold, observed))
    spread = z_score(1 - (1 - confidence) / sides) * at_threshold + z_score(power) * at_observed
    return max(1, math.ceil((spread / (observed - threshold)) ** 2))


def z_score(share: float) -> float:
    """The quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(share)


def _require_count(count: int, n: int) -> None:
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"count is {count} of n = {n}: counts are from 0 to n, and n is at least 1")


def require_inside(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(f"{name} is {value}, not between {low} and {high}")


def require_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, not within [0, 1]")
