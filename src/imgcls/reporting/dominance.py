"""Which models another one makes superfluous, by differences that are shown and not by noise."""

from collections.abc import Mapping, Sequence
from typing import Literal

from imgcls.gates import cost
from imgcls.records.comparison import PairwiseTest
from imgcls.records.performance import Latency, Memory
from imgcls.records.report import Result
from imgcls.stats import timing

Standing = Literal["better", "as good", "worse", "unclear"]
"""How one model stands to another in one respect; ``better`` and ``worse`` are shown."""

EFFECT = 0.05  # docs/decisions.md#dominated-models
"""The share by which one latency must exceed another to matter."""

MEMORY_NOISE = 0.001  # docs/decisions.md#dominated-models
"""The share by which two measurements of one peak may differ."""

Contrasts = Mapping[frozenset[str], PairwiseTest]
"""The tests of a dataset's models, by their two names."""


def contrasts_of(tests: Sequence[PairwiseTest], dataset: str | None) -> Contrasts:
    """The tests of one dataset."""
    return {frozenset((test.first, test.second)): test for test in tests if test.dataset == dataset}


def dominates(standings: Sequence[Standing]) -> bool:
    """Whether a model is shown to be better in one respect and is at least as good in all."""
    return "better" in standings and {"better", "as good"}.issuperset(standings)


def by_accuracy(one: Result, other: Result, contrasts: Contrasts) -> Standing | None:
    """By the test on the same images, without one by intervals that do not overlap; None without an accuracy."""
    accuracies = (one.unit_accuracy("top1"), other.unit_accuracy("top1"))
    if accuracies[0] is None or accuracies[1] is None:
        return None
    test = contrasts.get(frozenset((one.model, other.model)))
    intervals = (one.top1_low, one.top1_high), (other.top1_low, other.top1_high)
    if not (test.real if test else _apart(*intervals)):
        return "as good" if accuracies[0] >= accuracies[1] else "unclear"
    return "better" if accuracies[0] > accuracies[1] else "worse"


def _apart(one: tuple[float | None, float | None], other: tuple[float | None, float | None]) -> bool:
    if None in (*one, *other):
        return False
    return one[0] > other[1] or other[0] > one[1]  # type: ignore[operator]  # neither is None


def by_latency(one: Latency, other: Latency) -> Standing:
    """By blocks of rounds, as ``imgcls bench-compare`` judges two runs."""
    observed: Standing = "as good" if one.p50_ns <= other.p50_ns else "unclear"
    try:
        change = timing.shift(other.blocks_ns, one.blocks_ns)
    except ValueError:  # too few rounds
        return observed
    standings: Mapping[cost.Pace, Standing] = {
        "slower": "worse", "faster": "better", "not slower": "as good", "unclear": observed,
    }  # fmt: skip
    return standings[cost.pace(EFFECT, change)]


def by_memory(one: Memory, other: Memory) -> Standing:
    """By the peak of a call, which is exact but for what Python itself allocates."""
    ratio = one.inference.model_bytes / other.inference.model_bytes
    if ratio > 1 + MEMORY_NOISE:
        return "worse"
    return "better" if ratio < 1 / (1 + MEMORY_NOISE) else "as good"
