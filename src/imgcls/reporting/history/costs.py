"""Whether time and memory of a model changed between two runs, in words."""

from imgcls.comparison.history import Point
from imgcls.gates import cost
from imgcls.performance import conditions
from imgcls.reporting import dominance
from imgcls.stats import timing

SAME_WORK = ("machine", "device", "batch", "precision", "runtime", "threads")
"""What two figures must have in common."""


def latency(before: Point, after: Point) -> str | None:
    """``slower`` or ``faster`` where that is shown; None where one of the two has no latency."""
    if before.latency is None or after.latency is None or before is after:
        return None
    if conditions.unlike(before.latency.conditions, after.latency.conditions, SAME_WORK):
        return "other conditions"
    try:
        change = timing.shift(before.latency.blocks_ns, after.latency.blocks_ns)
    except ValueError:
        return "too few rounds"
    pace = cost.pace(dominance.EFFECT, change)
    return pace if pace in {"slower", "faster"} else "no change shown"


def memory(before: Point, after: Point) -> str | None:
    """``larger`` or ``smaller`` by more than two measurements of one peak differ; None where one has none."""
    if before.memory is None or after.memory is None or before is after:
        return None
    if conditions.unlike(before.memory.conditions, after.memory.conditions, SAME_WORK[1:]):
        return "other conditions"
    standing = dominance.by_memory(after.memory, before.memory)
    return {"worse": "larger", "better": "smaller"}.get(standing, "same")
