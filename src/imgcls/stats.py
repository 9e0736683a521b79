"""Intervals of proportions."""

from imgcls.records import Interval


def wilson(count: int, n: int, confidence: float = 0.95) -> Interval:
    """The two-sided Wilson score interval of ``count`` out of ``n`` (Wilson 1927), as fractions.

    Raises ValueError where ``n`` is 0 or ``count`` is not within 0..n.
    """
    from scipy.stats import binomtest

    interval = binomtest(count, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))
