"""The axes of charts: from which value to which they go, and where their ticks are."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

FAR_APART = 10  # docs/decisions.md#charts
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

MARGIN = 0.05
"""What is left free on each side of the values, as a share of their range."""

_QUARTER = 2.5

_ROUND, _WHOLE = (1, 2, _QUARTER, 5), (1, 2, 5)
"""By what powers of ten are multiplied for the distance of ticks."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The values of an axis, from its beginning to its end.

    ``is_log``: equal ratios are equally far apart. ``is_whole``: only whole numbers have ticks. ``is_signed``: texts
    have the sign of their values.
    """

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False
    is_signed: bool = True

    def share(self, value: float) -> float:
        """Where a value is, from 0 at the beginning to 1 at the end."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, fit: Callable[[Collection[str]], bool]) -> Mapping[float, str]:
        """Round values with their texts, as many as fit."""
        candidates = self._logarithmic() if self.is_log else self._linear()
        return next(ticks for ticks in candidates if len(ticks) <= 1 or fit(ticks.values()))

    def _linear(self) -> Iterator[Mapping[float, str]]:
        """Ticks that are further and further apart, until there is one at most."""
        least = math.floor(math.log10(self.high - self.low)) - 1
        for exponent in count(max(least, 0) if self.is_whole else least):
            for factor in _WHOLE if self.is_whole else _ROUND:
                step = factor * 10.0**exponent
                decimals = max(0, -exponent) + (factor == _QUARTER and exponent <= 0)
                values = (place * step for place in self._multiples(step))
                yield {value: f"{value if self.is_signed else abs(value):,.{decimals}f}" for value in values}

    def _logarithmic(self) -> Iterator[Mapping[float, str]]:
        """One, two and five times the powers of ten, then only the powers, and then some of these."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        yield self._inside(factor * 10.0**power for power in powers for factor in _WHOLE)
        for every in range(1, len(powers) + 2):
            yield self._inside(10.0**power for power in powers if power % every == 0)

    def _inside(self, values: Iterable[float]) -> Mapping[float, str]:
        inside = (value for value in values if self.low <= value <= self.high)
        return {value: f"{value:,.0f}" if value >= 1 else f"{value:g}" for value in inside}

    def _multiples(self, step: float) -> range:
        """How often the distance goes into each tick, from the first to the last."""
        return range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)


def around(values: Sequence[float], *, margin: float = MARGIN, start: float | None = None, **kind: bool) -> Scale:
    """A scale that has these values with a margin, or begins at ``start``; ``kind``: of :class:`Scale`."""
    if not values:
        return Scale(0, 1, **kind)
    first, last = min(values), max(values)
    if first == last:
        first, last = first - (abs(first) / 20 or 0.5), last + (abs(last) / 20 or 0.5)
    low, high = (first - margin * (last - first), last) if start is None else (start, last)
    return Scale(low, high + margin * ((last - first) if start is None else (last - start)), **kind)


def of_costs(values: Sequence[float], *, margin: float = MARGIN) -> Scale:
    """The same, logarithmic where positive values are far apart."""
    first, last = min(values), max(values)
    if not 0 < FAR_APART * first <= last:
        return around(values, margin=margin)
    reach = (last / first) ** margin
    return Scale(first / reach, last * reach, is_log=True)
