"""What changed between two profiles: which operators moved beyond the noise of the repeats."""

import math
from collections.abc import Iterator, Mapping, Sequence

from imgcls.errors import ConfigError
from imgcls.performance import conditions, profiler
from imgcls.records.performance import Clock, Operator, OperatorChange, Profile, ProfileDiff, RunEnvironment

SAME_WORK = ("device", "batch", "input", "threads", "machine")
"""What must be equal, or the two did not do the same work under the same conditions."""

NOTED = ("model", "arch", "runtime", "precision")
"""What may differ, and is named."""

CHANCE = 0.05  # docs/decisions.md#operators
"""Ranges that are apart show something only where they would rarely be apart by chance: from four repeats each on."""


def check(before: RunEnvironment, after: RunEnvironment) -> None:
    """Raise ConfigError where two profiles are not of the same work under the same conditions."""
    if unlike := conditions.unlike(before, after, SAME_WORK):
        raise ConfigError(f"the profiles cannot be compared: {unlike}")


def compare(before: Profile, after: Profile) -> list[ProfileDiff]:
    """What moved, by the host's clock and, on a GPU, by that one's. Raises ConfigError where they are not comparable.

    An operator's change is ``real`` where the ranges of its repeats do not overlap. That is about two processes, not
    about two programs: other load of the machine moves operators too, so what matters is worth a second run.
    """
    check(before.conditions, after.conditions)
    clocks: list[Clock] = ["cpu"] if after.repeats_cuda_ns is None else ["cuda", "cpu"]
    return [_diff(before, after, clock) for clock in clocks]


def _diff(before: Profile, after: Profile, clock: Clock) -> ProfileDiff:
    operators = [{row.name: row for row in side.operators} for side in (before, after)]
    repeats = [_repeats(side, clock) for side in (before, after)]
    by_chance = 2 / math.comb(sum(map(len, repeats)), len(repeats[0]))  # of all orders, those of two blocks
    enough = by_chance < CHANCE
    movers = [_change(name, operators, clock, enough) for name in dict.fromkeys([*operators[1], *operators[0]])]
    total = OperatorChange(
        name="total",
        before_ns=sum(mover.before_ns for mover in movers),
        after_ns=sum(mover.after_ns for mover in movers),
        before_calls=sum(mover.before_calls for mover in movers),
        after_calls=sum(mover.after_calls for mover in movers),
        real=enough and _apart(*((min(times), max(times)) for times in repeats)),
    )
    movers.sort(key=lambda mover: abs(mover.after_ns - mover.before_ns), reverse=True)
    changed = tuple(_changed(before.conditions, after.conditions))
    return ProfileDiff(after.conditions.model, clock, changed, by_chance if enough else None, tuple(movers), total)


def _repeats(side: Profile, clock: Clock) -> Sequence[int]:
    return side.repeats_cpu_ns if clock == "cpu" else side.repeats_cuda_ns or (0,)


def _change(name: str, operators: Sequence[Mapping[str, Operator]], clock: Clock, enough: bool) -> OperatorChange:
    before, after = (side.get(name, profiler.absent(name, cuda=True)) for side in operators)
    ranges = (
        (getattr(row, f"self_{clock}_low_ns") or 0, getattr(row, f"self_{clock}_high_ns") or 0)
        for row in (before, after)
    )
    return OperatorChange(
        name=name,
        before_ns=getattr(before, f"self_{clock}_ns") or 0,
        after_ns=getattr(after, f"self_{clock}_ns") or 0,
        before_calls=before.calls,
        after_calls=after.calls,
        real=enough and _apart(*ranges),
    )


def _apart(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[1] < second[0] or second[1] < first[0]


def _changed(before: RunEnvironment, after: RunEnvironment) -> Iterator[str]:
    """What differs without a refusal, in words."""
    for key in NOTED:
        if getattr(before, key) != getattr(after, key):
            yield f"{key} {getattr(before, key)} -> {getattr(after, key)}"
    if before.state_sha256 != after.state_sha256:
        yield f"weights {before.state_sha256[:8]} -> {after.state_sha256[:8]}"
    for library, version in after.versions.items():
        if before.versions.get(library) != version:
            yield f"{library} {before.versions.get(library, 'unknown')} -> {version}"
