"""Which step of an export computes what a step of its reference computes, found by what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from imgcls.parity.diagnosis import trace
from imgcls.parity.diagnosis.trace import Array, Operation

# docs/decisions.md#which-layer
EXACT = 1e-3
"""The distance, in standard deviations, up to which rounding of float32 explains a step's output."""

SURPASSED, EQUAL = 1.5, 1e-6  # docs/decisions.md#which-layer
NORMS = frozenset({"batch_norm", "BatchNormalization", "BatchNormInference"})
ALIKE = 0.6
"""The distance up to which two outputs are taken for the same step, even where one of them is at fault."""


@dataclass(frozen=True, slots=True)
class Match:
    """A step of the reference and the export's output of it; ``export`` is None where it is fused into another step.

    ``error``: inf where nothing has its shape; ``rounding``: up to which rounding explains it.
    ``is_last``: the channels are the last dimension in the export.
    """

    reference: Operation
    export: Operation | None
    error: float
    rounding: float = EXACT
    is_last: bool = False

    @property
    def is_beyond(self) -> bool:
        """Whether rounding does not explain the output."""
        return self.error > self.rounding


class _Candidate(NamedTuple):
    """The output of the export at a place, as a counterpart."""

    error: float
    place: int
    is_last: bool


def matches(
    reference: Sequence[Operation], export: Sequence[Operation], rounding: Mapping[Any, float] | None = None
) -> tuple[Match, ...]:
    """The counterpart of each step of the reference: what is alike first, then what lies between two of those.

    ``rounding``: by the keys of the reference's steps, how far a narrow type moves each.
    """
    candidates = [_candidates(step, export) for step in reference]
    nearest = [min(each, default=_Candidate(np.inf, -1, False)) for each in candidates]
    chosen = _claimed(nearest)
    fused = _fused(reference, export)
    for at, each in enumerate(candidates):
        if at in fused:
            chosen[at] = nearest[at] if nearest[at].error <= EQUAL else None
        elif chosen[at] is None:
            chosen[at] = _between(each, chosen, at, len(export))
    limits = [max(EXACT, (rounding or {}).get(step.key, EXACT)) for step in reference]
    return tuple(
        Match(step, export[one.place], one.error, limit, one.is_last) if one else Match(step, None, best.error, limit)
        for step, one, best, limit in zip(reference, chosen, nearest, limits, strict=True)
    )


def _fused(reference: Sequence[Operation], export: Sequence[Operation]) -> frozenset[int]:
    """The places of the steps right before a batch norm, where an export has none: they are computed as one."""
    if any(step.kind in NORMS for step in export):
        return frozenset()
    return frozenset(at for at, after in enumerate(reference[1:]) if after.kind == "batch_norm")


def _claimed(nearest: Sequence[_Candidate]) -> list[_Candidate | None]:
    """What is alike; an output that several steps resemble belongs to the most similar, or to all that are equal."""
    least: dict[int, float] = {}
    for one in nearest:
        least[one.place] = min(one.error, least.get(one.place, np.inf))
    limits = {place: max(SURPASSED * error, EQUAL) for place, error in least.items()}
    return [one if one.error <= min(ALIKE, limits[one.place]) else None for one in nearest]


def _between(
    candidates: Sequence[_Candidate], chosen: Sequence[_Candidate | None], at: int, count: int
) -> _Candidate | None:
    """The most similar output after that of the step before, and before that of the step after, that no step has."""
    taken = {one.place for one in chosen if one}
    low = max((one.place for one in chosen[:at] if one), default=-1)
    high = min((one.place for one in chosen[at + 1 :] if one), default=count)
    free = [each for each in candidates if low < each.place < high and each.place not in taken]
    return min(free, default=None)


def _candidates(step: Operation, export: Sequence[Operation]) -> list[_Candidate]:
    """Every output of the shape of a step; where there is none, those with the channels last."""
    found = [
        _Candidate(trace.error(other.values, step.values), place, is_last=False)
        for place, other in enumerate(export)
        if other.shape == step.shape
    ]
    if found or len(step.shape) != 3:
        return found
    last = (*step.shape[1:], step.shape[0])
    places = [place for place, other in enumerate(export) if other.shape == last]
    return [_Candidate(_error_last(export[place], step), place, is_last=True) for place in places]


def _error_last(other: Operation, step: Operation) -> float:
    """The error where the export has the channels last; only small tensors keep all values in a known order."""
    if other.values.shape[1] != np.prod(other.shape):
        return np.inf
    whole = other.values.reshape(-1, *other.shape).transpose(0, 3, 1, 2)
    return trace.error(whole.reshape(len(whole), -1), step.values)


def first_beyond(found: Sequence[Match]) -> int:
    """The index of the first step after the last one that rounding explains; their number where it explains all."""
    tail = takewhile(lambda match: match.is_beyond, reversed(found))
    return len(found) - sum(1 for _ in tail)


def region(found: Sequence[Match]) -> tuple[Match, ...]:
    """The steps among which an error arises: from the first beyond rounding to the first that the export has, too."""
    beyond = found[first_beyond(found) :]
    fused = list(takewhile(lambda match: match.export is None, beyond))
    return tuple(beyond[: len(fused) + 1]) if len(fused) < len(beyond) else tuple(beyond[:SHOWN])


SHOWN = 4
"""How many steps are considered where an error is so large that no later step is recognised."""


def first_overflow(export: Sequence[Operation]) -> Operation | None:
    """The first step of an export whose values are not finite."""
    return next((step for step in export if not np.isfinite(step.largest)), None)


def as_reference(values: Array, match: Match) -> Array:
    """The whole output of an export's step in the reference's layout."""
    return values.transpose(0, 3, 1, 2) if match.is_last else values
