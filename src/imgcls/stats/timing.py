"""Times that vary, in numbers: percentiles, and how much slower one is than another."""

import math
from collections.abc import Sequence
from typing import Any

from imgcls.records.performance import LatencyChange

CONFIDENCE = 0.99  # docs/decisions.md#blocks-of-rounds

BLOCKS = 20  # docs/decisions.md#blocks-of-rounds
"""Rounds next to each other share the state of the machine, so whole blocks of them are what varies independently."""

FEWEST_BLOCKS = 6  # docs/decisions.md#blocks-of-rounds


def percentile(times: Sequence[int], share: float) -> int:
    """The smallest observed time that at least this share of all do not exceed (nearest rank)."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


def bounds(times: Sequence[int], share: float, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a percentile by order statistics, NaN on the side where there are too few rounds for one."""
    from scipy.stats import quantile_test

    interval: Any = quantile_test(times, p=share).confidence_interval(confidence)  # typed as a number
    return float(interval.low), float(interval.high)


def block_medians(times: Sequence[int], count: int = BLOCKS) -> list[float]:
    """The medians of ``count`` blocks of consecutive times; of fewer times, they themselves."""
    import numpy as np

    return [float(np.median(block)) for block in np.array_split(times, min(count, len(times)))]


def shift(before: Sequence[int], after: Sequence[int]) -> LatencyChange:
    """How much longer the second takes than the first, from rounds in the order in which they were taken.

    The ratio is the geometric mean, over :data:`BLOCKS` pairs of blocks, of the ratio of their medians, with Student's
    interval: rounds that were taken in turn share their drift, and it cancels; rounds of two runs do not, and it
    widens the interval. ``p_value`` is of the two-sided Mann-Whitney test on the rounds themselves.
    Raises ValueError where a side has too few rounds for :data:`FEWEST_BLOCKS` blocks.
    """
    import numpy as np
    from scipy.stats import mannwhitneyu, ttest_1samp

    count = min(BLOCKS, len(before), len(after))
    if count < FEWEST_BLOCKS:
        raise ValueError(f"{len(before)} and {len(after)} rounds are too few: {FEWEST_BLOCKS} at least on either side")
    medians = [block_medians(times, count) for times in (before, after)]
    logs = np.log(medians[1]) - np.log(medians[0])
    mean = float(logs.mean())
    low, high = ttest_1samp(logs, 0).confidence_interval(CONFIDENCE) if np.ptp(logs) else (mean, mean)
    all_equal = len({*before, *after}) == 1  # for which Mann-Whitney is not defined
    return LatencyChange(
        before_ns=percentile(before, 0.5),
        after_ns=percentile(after, 0.5),
        rounds=(len(before), len(after)),
        ratio=math.exp(mean),
        low=math.exp(float(low)),
        high=math.exp(float(high)),
        p_value=1.0 if all_equal else float(mannwhitneyu(before, after).pvalue),
    )
