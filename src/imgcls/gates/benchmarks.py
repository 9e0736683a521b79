"""Two saved runs of benchmarks, held against the smallest slowdown that matters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from imgcls.gates import cost
from imgcls.gates.verdicts import verdict
from imgcls.performance import conditions
from imgcls.performance.benchmark_files import Timing
from imgcls.records.evaluation import Verdict
from imgcls.records.performance import LatencyChange
from imgcls.stats import timing

KEY = ("model", "scenario", "device", "batch")
"""What makes two benchmarks the same measurement, whichever test made it."""

SAME_WORK = (*KEY, "input", "threads", "machine")
"""What must be equal, or the two did not do the same work under the same conditions."""

Timings = Mapping[str, Timing]
"""The benchmarks of one run by their full names."""

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One benchmark of two runs; ``shift`` is ``None`` where they cannot be compared."""

    name: str
    verdict: Verdict
    shift: LatencyChange | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """The benchmarks of two runs: ``of_both`` by their names in both, and those left over, in groups of equal keys."""

    of_both: tuple[tuple[str, str], ...]
    left_over: tuple[tuple[Names, Names], ...]


def compare(before: Timings, after: Timings, effect: float) -> Iterator[Compared]:
    """A verdict per benchmark of either run; ``effect``: the slowdown that matters, a fraction.

    A benchmark that one run lacks is an error, and so are several that are the same measurement.
    """
    pairs = matched(before, after)
    for first, second in pairs.of_both:
        name = second if first == second else f"{second} (before: {first})"
        if unlike := conditions.unlike(before[first], after[second], SAME_WORK):
            yield _refused(name, unlike)
        else:
            yield _compared(name, before[first], after[second], effect)
    for firsts, seconds in pairs.left_over:
        yield from _unmatched(firsts, seconds)


def matched(before: Timings, after: Timings) -> Pairs:
    """Which benchmarks of two runs are the same measurement: those of equal :data:`KEY`, whatever their tests' names.

    Several of one key in one run go by their names; so do those of which another key is all that differs.
    """
    both = {name: name for name in after if name in before and _key(before[name]) == _key(after[name])}
    for firsts, seconds in _by_key(before, after, both):
        if len(firsts) == len(seconds) == 1:
            both[seconds[0]] = firsts[0]
    rest = set(before) - set(both.values())
    both |= {name: name for name in after if name in rest and name not in both}
    return Pairs(
        of_both=tuple((both[name], name) for name in after if name in both),
        left_over=_by_key(before, after, both),
    )


def _by_key(before: Timings, after: Timings, both: Mapping[str, str]) -> tuple[tuple[Names, Names], ...]:
    """The names in both runs that have no counterpart yet, together where their keys are equal."""
    groups: defaultdict[tuple[object, ...], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, timings, taken in ((1, after, set(both)), (0, before, set(both.values()))):
        for name in timings:
            if name not in taken:
                groups[_key(timings[name])][side].append(name)
    return tuple((tuple(firsts), tuple(seconds)) for firsts, seconds in groups.values())


def _key(of: Timing) -> tuple[object, ...]:
    return tuple(getattr(of, name) for name in KEY)


def _compared(name: str, before: Timing, after: Timing, effect: float) -> Compared:
    try:
        change = timing.shift(before.rounds_ns, after.rounds_ns)
    except ValueError as error:
        return _refused(name, str(error))
    return Compared(name, cost.compared(name, effect, change), change)


def _unmatched(firsts: Names, seconds: Names) -> Iterator[Compared]:
    """Errors: one run has none of this key, or there are several and their names do not show which is which."""
    if firsts and seconds:
        yield _refused(seconds[0], ambiguous(firsts, seconds))
        return
    for name in firsts or seconds:
        yield _refused(name, f"only the {'first' if firsts else 'second'} of the two runs has it")


def ambiguous(firsts: Names, seconds: Names) -> str:
    """What is wrong where several benchmarks of a run are the same measurement under names that the other lacks."""
    names = f"{' and '.join(firsts)} before, {' and '.join(seconds)} after"
    return f"several benchmarks have the same {', '.join(KEY)}: {names}"


def _refused(name: str, why: str) -> Compared:
    return Compared(name, verdict("comparable", "error", f"{name}: cannot be compared: {why}"))
