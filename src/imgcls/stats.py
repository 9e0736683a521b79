"""Intervals of proportions, and tests and plans for one share or for two models on the same pictures.

Counts are ints, everything else is a fraction. Of two models on the same ``n`` pictures, ``losses`` are those that only
the first one got right, ``gains`` those that only the second one got right; together they are the discordant
pictures, and the difference is ``(gains - losses) / n``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from imgcls.records import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REACH = 8
"""Standard deviations (and counts) around a binomial mean that are summed; less than 1e-14 lies outside."""

UNLOOKED = 1e-6
"""The chance that the true share of gains lies where :func:`not_worse_p` does not look; added to its p-value."""

STEPS = 12
"""Grid points per 1 / sqrt(n) of the angle of a share, whose standard deviation is 1 / (2 sqrt(n)) everywhere."""

PLANNED_EXACTLY = 1_000_000
"""Up to how many pictures :func:`images_to_tell_models` asks for the exact power."""

TOLERANCE = 1e-6
"""How exactly :func:`difference_bounds` finds its bounds, which it then widens by as much."""


# One proportion.


def wilson(count: int, n: int, confidence: float = 0.95) -> Interval:
    """The two-sided Wilson score interval of ``count`` out of ``n`` (Wilson 1927), as fractions.

    Raises ValueError where ``n`` is 0 or ``count`` is not within 0..n.
    """
    from scipy.stats import binomtest

    interval = binomtest(count, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def one_sided(count: int, n: int, confidence: float) -> Interval:
    """The two one-sided exact bounds of ``count`` out of ``n``, each of which holds alone with ``confidence``.

    They are those of Clopper & Pearson (1934); both together hold with ``2 * confidence - 1``.
    Raises ValueError where ``n`` is 0, ``count`` is not within 0..n or ``confidence`` not between 0 and 1.
    """
    from scipy.special import betainccinv, betaincinv

    _require_inside("confidence", confidence, 0, 1)
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"count is {count} of n = {n}: counts are from 0 to n, and n is at least 1")
    low = float(betaincinv(count, n - count + 1, 1 - confidence)) if count else 0.0
    high = float(betainccinv(count + 1, n - count, 1 - confidence)) if count < n else 1.0
    return Interval(low, high)


def images_to_tell(
    observed: float, wanted: float, confidence: float = 0.95, power: float = 0.8, sides: Literal[1, 2] = 2
) -> int | None:
    """About how many pictures tell a true share of ``observed`` from ``wanted`` with this ``power``; None if equal.

    The normal approximation with the variances of both shares, without continuity correction (Fleiss, Levin &
    Paik, "Statistical Methods for Rates and Proportions", 3rd ed. 2003, chapter 2). ``sides`` is 2 where the interval
    of ``confidence`` shall leave ``wanted`` out, 1 where the bound that holds alone with ``confidence`` shall reach it.
    Raises ValueError where a share is not within [0, 1], ``confidence`` or ``power`` not between 0 and 1.
    """
    _require_share("observed", observed)
    _require_share("wanted", wanted)
    _require_inside("confidence", confidence, 0, 1)
    _require_inside("power", power, 0, 1)
    if observed == wanted:
        return None
    spread = _z(1 - (1 - confidence) / sides) * _sd(wanted) + _z(power) * _sd(observed)
    return max(1, math.ceil((spread / (observed - wanted)) ** 2))


# Two models on the same pictures: did anything change?


def mcnemar(losses: int, gains: int) -> float:
    """The two-sided p-value of McNemar's (1947) test, exact: binomial on the discordant pictures, 1.0 without any.

    Raises ValueError where a count is negative.
    """
    from scipy.stats import binomtest

    if losses == gains == 0:
        return 1.0
    return float(binomtest(losses, losses + gains).pvalue)


def mcnemar_power(n: int, discordant: float, difference: float, alpha: float = 0.05) -> float:
    """How often :func:`mcnemar` is at most ``alpha`` on ``n`` pictures, exactly and unconditionally.

    Each picture is discordant with probability ``discordant``, and gains minus losses are ``difference`` per picture on
    average: the power is that of the conditional test, averaged over the number of discordant pictures (Duffy 1984,
    Biometrics 40:1005). Raises ValueError where ``n`` is below 1, ``discordant`` not within [0, 1],
    ``difference`` larger than it, or ``alpha`` not between 0 and 1.
    """
    import numpy as np
    from scipy.stats import binom

    _require_share("discordant", discordant)
    _require_inside("alpha", alpha, 0, 1)
    if n < 1 or abs(difference) > discordant:
        raise ValueError(f"n is {n} (at least 1), difference {difference} (at most discordant, {discordant})")
    if discordant == 0:
        return 0.0
    changed = _likely(n, discordant, discordant)
    loss = min(1.0, max(0.0, (discordant - difference) / (2 * discordant)))
    few = np.asarray(binom.ppf(alpha / 2, changed, 0.5))
    few -= np.asarray(binom.cdf(few, changed, 0.5)) > alpha / 2
    found = binom.cdf(few, changed, loss) + binom.cdf(few, changed, 1 - loss)
    return min(1.0, float(np.sum(binom.pmf(changed, n, discordant) * found)))


def detectable_difference(n: int, discordant: float, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The smallest true difference that :func:`mcnemar` finds with this ``power``; None where it finds not even 1.0.

    Differences larger than ``discordant`` are those where all discordant pictures change in one direction.
    Raises ValueError as :func:`mcnemar_power` does, and where ``power`` is not between ``alpha`` and 1.
    """
    from scipy.optimize import brentq

    _require_inside("power", power, alpha, 1)

    def missing(difference: float) -> float:
        return mcnemar_power(n, max(discordant, difference), difference, alpha) - power

    return float(brentq(missing, 0.0, 1.0)) if missing(1.0) >= 0 else None


def images_to_tell_models(difference: float, discordant: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """About how many pictures :func:`mcnemar` needs to find this true difference with this ``power``; None for 0.

    The number has this power exactly, though a slightly smaller one may have it too, because the power of an
    exact test saws; above 1000 it is found to one part in a thousand, and above a million it is that of the normal
    approximation. A ``discordant`` share below the difference is raised to it. Raises ValueError as
    :func:`mcnemar_power` does, and where ``power`` is not between ``alpha`` and 1.
    """
    _require_inside("alpha", alpha, 0, 1)
    _require_inside("power", power, alpha, 1)
    if difference == 0:
        return None
    discordant = max(discordant, abs(difference))
    few = 0
    many = max(1, round(discordant * ((_z(1 - alpha / 2) + _z(power)) / difference) ** 2))
    if many > PLANNED_EXACTLY:
        return many
    while mcnemar_power(many, discordant, difference, alpha) < power:
        few, many = many, many + max(1, many // 16)
    while many - few > max(1, many // 1000):
        middle = (few + many) // 2
        if mcnemar_power(middle, discordant, difference, alpha) < power:
            few = middle
        else:
            many = middle
    return many


# Two models on the same pictures: how much worse can the second one be?


def not_worse_p(losses: int, gains: int, n: int, margin: float) -> float:
    """The one-sided p-value against "the true difference is ``-margin`` or less", exact and unconditional.

    Tables are ordered by Tango's score statistic (1998, Statistics in Medicine 17:891). The p-value is the largest
    chance of a table at least as extreme, over the shares of gains that the exact interval of the observed ones leaves,
    plus the chance that this interval misses (Berger & Boos 1994, JASA 89:1012). Such tables stay such when a loss
    becomes a draw or a draw a gain, so the chance is largest on the boundary of what is tested, and rejecting
    where the p-value is at most alpha is wrong at most alpha of the time. ``margin`` is between -1 and 1.
    Raises ValueError where the counts are not those of ``n`` pictures or ``margin`` is not between -1 and 1.
    """
    _require_counts(losses, gains, n)
    _require_inside("margin", margin, -1, 1)
    angles = _gain_angles(gains, n, margin)
    likely = _likely(n, *_shares(angles[[0, -1]], margin)[0])
    fewest = _fewest_gains(losses, gains, n, margin, likely)
    return min(1.0, _peak(_chances(angles, n, margin, likely, fewest)) + UNLOOKED)


def difference_bounds(losses: int, gains: int, n: int, confidence: float = 0.95) -> Interval:
    """The two one-sided exact bounds of the true difference, each of which holds alone with ``confidence``.

    ``low`` is at least ``-margin`` where :func:`not_worse_p` is at most ``1 - confidence``, within a few millionths;
    ``high`` is the same with losses and gains exchanged. Both are within [-1, 1]. The p-value need not fall evenly as
    margins grow; what the search may skip makes a bound wrong at most 1e-4 more often than it says (all tables of 50).
    Raises ValueError where the counts are not those of ``n`` pictures or ``confidence`` not between 0 and 1.
    """
    _require_counts(losses, gains, n)
    _require_inside("confidence", confidence, 0, 1)
    return Interval(-_shown_margin(losses, gains, n, confidence), _shown_margin(gains, losses, n, confidence))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    scaled = (min(1.0, (len(order) - rank) * p_values[index]) for rank, index in enumerate(order))
    adjusted = dict(zip(order, accumulate(scaled, max), strict=True))
    return [adjusted[index] for index in range(len(order))]


def _gain_angles(gains: int, n: int, margin: float) -> Array:
    """Where to look for the true share of gains: angles, as :func:`_shares` takes them, from smallest to largest."""
    import numpy as np

    interval = one_sided(gains, n, 1 - UNLOOKED / 2)
    free = 1 - abs(margin)
    squares = (np.array([interval.low, interval.high]) - max(0.0, -margin)) * 2 / free
    first, last = np.arcsin(np.sqrt(np.clip(squares, 0, 1)))
    return np.linspace(first, last, 2 + math.ceil(STEPS * math.sqrt(n) * (last - first)))


def _shares(angles: Array, margin: float) -> tuple[Array, Array, Array]:
    """The shares of losses, gains and draws on the boundary, where losses exceed gains by ``margin``.

    Angles from 0 to pi / 2 go from no losses or no gains to no draws, about equally fast in standard deviations.
    """
    import numpy as np

    free = 1 - abs(margin)
    common = free / 2 * np.sin(angles) ** 2
    return max(0.0, margin) + common, max(0.0, -margin) + common, free * np.cos(angles) ** 2


def _likely(n: int, lowest: float, highest: float) -> Array:
    """The counts out of ``n`` that have any chance where their share is between the two."""
    import numpy as np

    first = n * lowest - REACH * (math.sqrt(n) * _sd(lowest) + 1)
    last = n * highest + REACH * (math.sqrt(n) * _sd(highest) + 1)
    return np.arange(max(0, math.floor(first)), min(n, math.ceil(last)) + 1, dtype=np.float64)


def _chances(angles: Array, n: int, margin: float, losses: Array, fewest: Array) -> Array:
    """At each angle the chance of ``losses`` with ``fewest`` gains or more: gains are binomial in what losses leave."""
    import numpy as np
    from scipy.stats import binom

    lost, gained, drawn = (share[:, None] for share in _shares(angles, margin))
    tails = np.asarray(binom.sf(fewest - 1, n - losses, gained / (gained + drawn)))
    return np.asarray((binom.pmf(losses, n, lost) * tails).sum(axis=1))


def _peak(values: Array) -> float:
    """The largest value of a smooth curve, by a parabola through each three neighbours whose middle one is highest."""
    import numpy as np

    before, here, after = values[:-2], values[1:-1], values[2:]
    bend = 2 * here - before - after
    top = (here >= before) & (here >= after) & (bend > 0)
    return float(max(values.max(), np.max(here[top] + (after - before)[top] ** 2 / (8 * bend[top]), initial=0)))


def _fewest_gains(losses: int, gains: int, n: int, margin: float, likely: Array) -> Array:
    """For each likely number of losses the fewest gains of a table at least as extreme; n + 1 where there is none."""
    import numpy as np

    observed = _tango(np.float64(losses), np.float64(gains), n, margin)
    below, enough = np.full_like(likely, -1), n - likely + 1
    while (open_ := enough - below > 1).any():
        middle = (below + enough) // 2
        extreme = _tango(likely, middle, n, margin) >= observed - 1e-9
        enough = np.where(open_ & extreme, middle, enough)
        below = np.where(open_ & ~extreme, middle, below)
    enough[enough > n - likely] = n + 1
    return np.minimum.accumulate(enough[::-1])[::-1]


def _tango(losses: Array | np.float64, gains: Array | np.float64, n: int, margin: float) -> Array:
    """Tango's score statistic: the excess of gains over what ``margin`` expects, in its own standard deviations.

    The standard deviation is that of the most likely shares on the boundary; where it is 0 there is no excess either.
    """
    import numpy as np

    linear = (2 * n - losses + gains) * margin - losses - gains
    root = np.sqrt(np.maximum(0, linear**2 + 8 * n * gains * margin * (1 - margin)))
    variance = np.asarray((root - linear) / 2 + n * margin * (1 - margin))
    excess = gains - losses + n * margin
    return np.divide(excess, np.sqrt(np.maximum(0, variance)), out=np.zeros_like(variance), where=variance > 0)


def _shown_margin(losses: int, gains: int, n: int, confidence: float) -> float:
    """The margin above which all are shown with ``confidence``, from -1 to 1; 1 where none is.

    The p-value may rise and fall again where it crosses, because the order of tables changes with the margin: hence
    the small steps down from a margin that is surely shown.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    def missing(margin: float) -> float:
        return float(ndtri(min(0.999, not_worse_p(losses, gains, n, margin))) + z)

    z, end = _z(confidence), 1 - TOLERANCE
    step = math.sqrt(losses + gains + 2) / n
    high = min(end, (losses - gains + z * math.sqrt(losses + gains + z**2)) / n + step / 3)
    while (above := missing(high)) > 0:
        if high == end:
            return 1.0
        high = min(end, high + step / 4)
    stride = step * max(0.01, -above / 3)
    while (above := missing(low := max(-end, high - stride))) <= 0:
        high, stride = low, step * max(0.01, -above / 3)
    return float(brentq(missing, low, high, xtol=TOLERANCE)) + TOLERANCE


# The same small things everywhere.


def _z(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _sd(share: float) -> float:
    return math.sqrt(share * (1 - share))


def _require_counts(losses: int, gains: int, n: int) -> None:
    if n < 1 or losses < 0 or gains < 0 or losses + gains > n:
        raise ValueError(f"{losses} losses and {gains} gains of n = {n} pictures: counts are from 0 to n in all")


def _require_inside(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(f"{name} is {value}, not between {low} and {high}")


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, not within [0, 1]")
