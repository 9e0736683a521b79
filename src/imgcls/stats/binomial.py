"""Binomial chances without SciPy, whose import takes longer than most of what is computed here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REACH = 8  # docs/decisions.md#numerics-of-exact-tests
"""Standard deviations (and counts) around a binomial mean that are summed; less than 1e-14 lies outside."""


def likely(n: int, lowest: float, highest: float) -> Array:
    """The counts out of ``n`` that have any chance where the true share is between the two."""
    import numpy as np

    first = n * lowest - REACH * (math.sqrt(n) * standard_deviation(lowest) + 1)
    last = n * highest + REACH * (math.sqrt(n) * standard_deviation(highest) + 1)
    return np.arange(max(0, math.floor(first)), min(n, math.ceil(last)) + 1, dtype=np.float64)


def standard_deviation(share: float) -> float:
    """Of one draw that succeeds with this chance."""
    return math.sqrt(share * (1 - share))


def chances(n: int, share: float) -> tuple[int, Array]:
    """The first likely count out of ``n``, and the chances of it and of all that follow, where ``share`` is true.

    From the most likely count on, each is the one before it times their ratio; all together are 1.
    """
    import numpy as np

    counts = likely(n, share, share)
    mode = min(n, math.floor((n + 1) * share))
    up, down = counts[counts >= mode][:-1], counts[counts <= mode][:0:-1]
    odds = share / (1 - share) if share < 1 else math.inf
    above = np.cumprod((n - up) / (up + 1) * odds) if share < 1 else np.zeros(len(up))
    below = np.cumprod(down / (n - down + 1) / odds) if share > 0 else np.zeros(len(down))
    values = np.concatenate([below[::-1], [1.0], above])
    return int(counts[0]), values / values.sum()


def lower_half_tail(count: int, n: int) -> float:
    """The chance of ``count`` or fewer out of ``n`` where the true share is a half, exactly rounded.

    In whole numbers: it takes 6 ms where ``n`` is 10,000, and four times as long where it is twice as many.
    """
    ways = total = 1
    for chosen in range(count):
        ways = ways * (n - chosen) // (chosen + 1)
        total += ways
    return total / (1 << n)


def critical_counts(first: int, last: int, chance: float) -> list[int]:
    """For each n from ``first`` to ``last`` the largest count with a lower tail of at most ``chance`` at a half.

    It is -1 where there is none.
    """
    start, values = chances(first, 0.5)
    below = int((values.cumsum() <= chance).sum())
    count = start + below - 1 if below else -1
    tail, here = (float(values[:below].sum()), float(values[below - 1])) if below else (0.0, 0.0)
    result = [count]
    for n in range(first + 1, last + 1):
        tail -= here / 2
        here *= n / (n - count) / 2
        following = here * (n - count) / (count + 1) if count >= 0 else 0.5**n
        if tail + following <= chance:
            count, here, tail = count + 1, following, tail + following
        result.append(count)
    return result


def lower_tails(first: int, counts: Sequence[int], share: float) -> Iterator[float]:
    """The chance of each count or less out of n, from ``first`` on; ``counts`` grow by at most one from n to n + 1."""
    count, tail, here = -1, 0.0, 0.0
    for n, next_count in enumerate(counts, first):
        if share in {0, 1} or next_count < 0:
            yield float(share == 0 and next_count >= 0)
            continue
        if count < 0:
            tail, here = _tail(next_count, n, share)
        else:
            tail -= share * here
            here *= n * (1 - share) / (n - count)
            if next_count > count:
                here *= (n - count) / next_count * share / (1 - share)
                tail += here
        count = next_count
        yield tail


def _tail(count: int, n: int, share: float) -> tuple[float, float]:
    """The chances of ``count`` or fewer, and of ``count``."""
    start, values = chances(n, share)
    place = count - start
    if place < 0 or place >= len(values):
        return float(place >= 0), 0.0
    return float(values[: place + 1].sum()), float(values[place])
