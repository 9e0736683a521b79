"""The chances of tables of losses and gains, counted one by one."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

Array = NDArray[np.float64]


def chance_of(tables: NDArray[np.bool_], lost: Array, gained: Array) -> Array:
    """The chance of the marked (n + 1, n + 1) tables at each pair of shares, from the multinomial distribution."""
    n = len(tables) - 1
    losses, gains = np.nonzero(tables)
    draws, drawn = n - losses - gains, np.clip(1 - lost - gained, 0, 1)[:, None]
    ways = gammaln(n + 1) - gammaln(losses + 1) - gammaln(gains + 1) - gammaln(draws + 1)
    logs = ways + xlogy(losses, lost[:, None]) + xlogy(gains, gained[:, None]) + xlogy(draws, drawn)
    return np.asarray(np.exp(logs).sum(axis=1))
