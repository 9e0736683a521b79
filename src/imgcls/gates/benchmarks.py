"""Two saved runs of benchmarks, held against the smallest slowdown that matters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from imgcls.gates import cost
from imgcls.gates.verdicts import verdict
from imgcls.performance import conditions
from imgcls.performance.benchmark_files import Timing
from imgcls.records.evaluation import Verdict
from imgcls.records.performance import LatencyChange
from imgcls.stats import timing

SAME_WORK = ("scenario", "batch", "device", "input", "threads", "machine")
"""What must be equal, or the two did not do the same work under the same conditions."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One benchmark of two runs; ``shift`` is ``None`` where they cannot be compared."""

    name: str
    verdict: Verdict
    shift: LatencyChange | None = None


def compare(before: Mapping[str, Timing], after: Mapping[str, Timing], effect: float) -> Iterator[Compared]:
    """A verdict per benchmark of either run; ``effect``: the slowdown that matters, a fraction.

    A benchmark that one run lacks is an error.
    """
    for name in dict.fromkeys([*after, *before]):
        if name not in before or name not in after:
            side = "first" if name in before else "second"
            yield _refused(name, f"only the {side} of the two runs has it")
        elif unlike := conditions.unlike(before[name], after[name], SAME_WORK):
            yield _refused(name, unlike)
        else:
            yield _compared(name, before[name], after[name], effect)


def _compared(name: str, before: Timing, after: Timing, effect: float) -> Compared:
    try:
        change = timing.shift(before.rounds_ns, after.rounds_ns)
    except ValueError as error:
        return _refused(name, str(error))
    return Compared(name, cost.compared(name, effect, change), change)


def _refused(name: str, why: str) -> Compared:
    return Compared(name, verdict("comparable", "error", f"{name}: cannot be compared: {why}"))
