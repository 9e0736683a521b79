"""Tests and plans for two models on the same images.

Counts are ints, everything else is a fraction. Of two models on the same ``n`` images, ``losses`` are those that only
the first one predicts right, ``gains`` those that only the second one predicts right; together they are the discordant
images, and the difference is ``(gains - losses) / n``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from imgcls.stats import binomial, proportions

IN_WHOLE_NUMBERS = 10_000  # docs/decisions.md#statistics-without-scipy
"""Up to how many discordant images :func:`mcnemar` is computed in whole numbers."""

PLANNED_EXACTLY = 1_000_000  # docs/decisions.md#numerics-of-exact-tests
"""Up to how many images :func:`images_needed` computes the exact power."""


def mcnemar(losses: int, gains: int) -> float:
    """The two-sided p-value of McNemar's (1947) test, exact: binomial on the discordant images, 1.0 without any.

    Raises ValueError where a count is negative.
    """
    if min(losses, gains) < 0:
        raise ValueError(f"{losses} losses and {gains} gains: counts are 0 or more")
    if losses == gains:
        return 1.0
    if losses + gains <= IN_WHOLE_NUMBERS:
        return min(1.0, 2 * binomial.lower_half_tail(min(losses, gains), losses + gains))
    from scipy.stats import binomtest

    return float(binomtest(losses, losses + gains).pvalue)


def mcnemar_power(n: int, discordant: float, difference: float, alpha: float = 0.05) -> float:
    """How often :func:`mcnemar` is at most ``alpha`` on ``n`` images, exactly and unconditionally.

    Each image is discordant with probability ``discordant``, and gains minus losses are ``difference`` per image on
    average: the power is that of the conditional test, averaged over the number of discordant images (Duffy 1984,
    Biometrics 40:1005). Raises ValueError where ``n`` is below 1, ``discordant`` not within [0, 1],
    ``difference`` larger than it, or ``alpha`` not between 0 and 1.
    """
    proportions.require_fraction("discordant", discordant)
    proportions.require_inside("alpha", alpha, 0, 1)
    if n < 1 or abs(difference) > discordant:
        raise ValueError(f"n is {n} (at least 1), difference {difference} (at most discordant, {discordant})")
    if discordant == 0:
        return 0.0
    first, shares = binomial.chances(n, discordant)
    loss = min(1.0, max(0.0, (discordant - difference) / (2 * discordant)))
    few = binomial.critical_counts(first, first + len(shares) - 1, alpha / 2)
    tails = zip(binomial.lower_tails(first, few, loss), binomial.lower_tails(first, few, 1 - loss), strict=True)
    power = sum(share * (low + high) for share, (low, high) in zip(shares.tolist(), tails, strict=True))
    return min(1.0, float(power))


def detectable_difference(n: int, discordant: float, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The smallest true difference that :func:`mcnemar` finds with this ``power``; None where it finds not even 1.0.

    Differences larger than ``discordant`` are those where all discordant images change in one direction.
    Raises ValueError as :func:`mcnemar_power` does, and where ``power`` is not between ``alpha`` and 1.
    """
    from scipy.optimize import brentq

    proportions.require_inside("power", power, alpha, 1)

    def missing(difference: float) -> float:
        return mcnemar_power(n, max(discordant, difference), difference, alpha) - power

    return float(brentq(missing, 0.0, 1.0)) if missing(1.0) >= 0 else None


def images_needed(difference: float, discordant: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """About how many images :func:`mcnemar` needs to find this true difference with this ``power``; None for 0.

    The number has this power exactly, though a slightly smaller one may have it too, because the power of an
    exact test saws; above 1000 it is found to one part in a thousand, and above a million it is that of the normal
    approximation. A ``discordant`` share below the difference is raised to it. Raises ValueError as
    :func:`mcnemar_power` does, and where ``power`` is not between ``alpha`` and 1.
    """
    proportions.require_inside("alpha", alpha, 0, 1)
    proportions.require_inside("power", power, alpha, 1)
    if difference == 0:
        return None
    discordant = max(discordant, abs(difference))
    few = 0
    many = max(
        1, round(discordant * ((proportions.z_score(1 - alpha / 2) + proportions.z_score(power)) / difference) ** 2)
    )
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    scaled = (min(1.0, (len(order) - rank) * p_values[index]) for rank, index in enumerate(order))
    adjusted = dict(zip(order, accumulate(scaled, max), strict=True))
    return [adjusted[index] for index in range(len(order))]
