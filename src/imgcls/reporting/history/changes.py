"""What changed over a series of runs, in sentences: drifts first, then what each run lost or gained."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from imgcls.comparison.history import Point, Step
from imgcls.reporting.sheet import Values
from imgcls.stats import units

COSTS: Mapping[str, tuple[str, str, float, str]] = {
    "slower": ("latency", "p50_ns", 1e6, "ms"),
    "faster": ("latency", "p50_ns", 1e6, "ms"),
    "larger": ("memory", "peak_bytes", 1e6, "MB"),
    "smaller": ("memory", "peak_bytes", 1e6, "MB"),
}
"""Of each word for a change of costs: what changed, where the figure is, and how it is printed."""


def lines(points: Sequence[Point], rows: Sequence[Values], margin: float) -> Iterator[str]:
    """The sentences of a series; ``rows``: its points as :mod:`imgcls.reporting.history.table` has them."""
    yield from _drifts(points, margin)
    for word in ("slower", "larger"):
        yield from _cost_drift(rows, word)
    for number, point in enumerate(points, 1):
        if point.before.word in {"worse", "lower", "better"}:
            by = f" by more than {margin:g}" if point.before.word == "worse" else ""
            yield f"run {number} ({point.run}) is {point.before.word} than the one before{by}: {_counts(point.before)}"
    for earlier, row in pairwise(rows):
        yield from _cost_step(earlier, row)
    for number, point in enumerate(points, 1):
        for step in {point.before.against: point.before, point.reference.against: point.reference}.values():
            if step.why:
                yield f"run {number} ({point.run}) is not compared with {step.against}: {step.why}"


def _drifts(points: Sequence[Point], margin: float) -> Iterator[str]:
    """The run by which each drift shows."""
    earlier = None
    for number, point in enumerate(points, 1):
        if point.drift and not earlier:
            yield (
                f"DRIFT since {point.drift.against}, shown by run {number} ({point.run}): no step is shown to lose "
                f"more than {margin:g}, and all of them together are: {_counts(point.drift)}"
            )
        earlier = point.drift


def _cost_drift(rows: Sequence[Values], word: str) -> Iterator[str]:
    """Where a run costs more than the reference, though none so far costs more than the one before it."""
    what, key, unit, name = COSTS[word]
    for row in rows:
        if row[f"{what}_since_before"] == word:
            return
        if row[f"{what}_since_reference"] == word:
            yield (
                f"DRIFT of {what}, shown by run {row['number']} ({row['run']}): {word} than {row['reference']}, and no "
                f"step is: now {row[key] / unit:.1f} {name}"
            )
            return


def _cost_step(before: Values, after: Values) -> Iterator[str]:
    for what in ("latency", "memory"):
        word = after[f"{what}_since_before"]
        if word in COSTS:
            _, key, unit, name = COSTS[word]
            yield (
                f"run {after['number']} ({after['run']}) is {word} than the one before: "
                f"{before[key] / unit:.1f} -> {after[key] / unit:.1f} {name}"
            )


def _counts(step: Step) -> str:
    """The exact test of a step in words."""
    of = step.difference
    if of is None:
        return f"against {step.against}"
    n = of.images
    return (
        f"against {step.against} top1 {of.before_count / n:.4f} -> {of.after_count / n:.4f} on "
        f"{units.total_compared(n, of.of_images)} common images, {of.losses} lost and {of.gains} gained "
        f"(exact McNemar p = {of.p_value:.2g})"
    )
