"""Whether one model is not worse than another by a margin, on the same images: exact and unconditional.

Of ``n`` images, ``losses`` are those that only the first model predicts right, ``gains`` those that only the second
does; the difference is ``(gains - losses) / n``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from imgcls.records.evaluation import Interval
from imgcls.stats import binomial, proportions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


SKIPPED = 1e-6  # docs/decisions.md#numerics-of-exact-tests
"""The chance that the true share of gains lies where :func:`not_worse_p` does not search; added to its p-value."""

STEPS = 12  # docs/decisions.md#numerics-of-exact-tests
"""Grid points per 1 / sqrt(n) of the angle of a share, whose standard deviation is 1 / (2 sqrt(n)) everywhere."""

TOLERANCE = 1e-6  # docs/decisions.md#numerics-of-exact-tests
"""How exactly :func:`difference_bounds` finds its bounds, which it then widens by as much."""


def not_worse_p(losses: int, gains: int, n: int, margin: float) -> float:
    """The one-sided p-value against "the true difference is ``-margin`` or less", exact and unconditional.

    Tables are ordered by Tango's score statistic (1998, Statistics in Medicine 17:891). The p-value is the largest
    chance of a table at least as extreme, over the shares of gains that the exact interval of the observed ones leaves,
    plus the chance that this interval misses (Berger & Boos 1994, JASA 89:1012). Such tables stay such when a loss
    becomes a draw or a draw a gain, so the chance is largest on the boundary of what is tested, and rejecting
    where the p-value is at most alpha is wrong at most alpha of the time. ``margin`` is between -1 and 1.
    Raises ValueError where the counts are not those of ``n`` images or ``margin`` is not between -1 and 1.
    """
    _require_counts(losses, gains, n)
    proportions.require_inside("margin", margin, -1, 1)
    angles = _gain_angles(gains, n, margin)
    likely = binomial.likely(n, *_shares(angles[[0, -1]], margin)[0])
    fewest = _fewest_gains(losses, gains, n, margin, likely)
    return min(1.0, _peak(_chances(angles, n, margin, likely, fewest)) + SKIPPED)


def difference_bounds(losses: int, gains: int, n: int, confidence: float = 0.95) -> Interval:
    """The two one-sided exact bounds of the true difference, each of which holds by itself with ``confidence``.

    ``low`` is at least ``-margin`` where :func:`not_worse_p` is at most ``1 - confidence``, within a few millionths;
    ``high`` is the same with losses and gains exchanged. Both are within [-1, 1]. The p-value need not fall evenly as
    margins grow; what the search may skip makes a bound wrong at most 1e-4 more often than stated (all tables of 50).
    Raises ValueError where the counts are not those of ``n`` images or ``confidence`` not between 0 and 1.
    """
    _require_counts(losses, gains, n)
    proportions.require_inside("confidence", confidence, 0, 1)
    return Interval(-_shown_margin(losses, gains, n, confidence), _shown_margin(gains, losses, n, confidence))


def _gain_angles(gains: int, n: int, margin: float) -> Array:
    """Where to search for the true share of gains: angles, as :func:`_shares` takes them, from smallest to largest."""
    import numpy as np

    interval = proportions.one_sided(gains, n, 1 - SKIPPED / 2)
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

    z, end = float(ndtri(confidence)), 1 - TOLERANCE
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


def _require_counts(losses: int, gains: int, n: int) -> None:
    if n < 1 or losses < 0 or gains < 0 or losses + gains > n:
        raise ValueError(f"{losses} losses and {gains} gains of n = {n} images: counts are from 0 to n in all")
