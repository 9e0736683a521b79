"""Saved runs in a row: each against the one before, and against a reference that stays, so that no drift is missed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from imgcls.comparison import compare, saved_run
from imgcls.comparison.parts import Part
from imgcls.records.comparison import Comparison, Difference, ScoredModel
from imgcls.records.performance import Latency, Memory
from imgcls.records.report import Result
from imgcls.records.thresholds import Margin
from imgcls.stats import noninferiority

Word = Literal["first", "same", "no change shown", "better", "lower", "worse", "not compared"]
"""How one run stands to another in top-1, by exact paired tests.

``worse``: shown to have lost more than the margin; ``lower``: shown to have lost something. ``same``: no image became
right or wrong.
"""

ALPHA = 0.05  # docs/decisions.md#drift

DEFAULT_MARGIN = Margin(0.005, 0.95)  # docs/decisions.md#drift

Pair = tuple[str, str]
"""A model and a dataset."""


@dataclass(frozen=True, slots=True)
class Step:
    """A run held against another one, by name; ``why``: the reason where the two were not compared."""

    against: str
    word: Word
    difference: Difference | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One model on one dataset in one run, against the run ``before`` it and against the ``reference``.

    ``drift``: this run against the one since which no single step was shown to lose more than the margin, while all of
    them together are; None where there is no such drift. ``latency``: of one image at a time.
    """

    run: str
    made_at: str
    result: Result
    before: Step
    reference: Step
    drift: Step | None
    latency: Latency | None
    memory: Memory | None

    @property
    def lost(self) -> bool:
        """Whether more than the margin is shown to be lost: by this step, against the reference, or step by step."""
        return self.drift is not None or "worse" in {self.before.word, self.reference.word}


@dataclass
class _Series:
    """What later runs of a pair are held against; ``anchor``: the reference, or the run of the last shown loss."""

    reference: ScoredModel
    anchor: ScoredModel
    last: ScoredModel | None = None
    points: list[Point] = field(default_factory=list)


class History:
    """The points of every pair, as runs are added from the oldest to the newest."""

    def __init__(self, margin: Margin, reference: tuple[str, Part] | None = None) -> None:
        """``reference``: its name and document; by default the first run that has a pair is the reference for it."""
        self.margin = margin
        self._series: dict[Pair, _Series] = {}
        self.references: dict[Pair, Point] = {}
        if reference:
            name, part = reference
            for pair, (result, scored) in _whole(name, part).items():
                self._series[pair] = _Series(scored, scored)
                self.references[pair] = _point(name, part, result, Step(name, "first"), Step(name, "first"), None)

    @property
    def points(self) -> Mapping[Pair, list[Point]]:
        """Of every pair that a run has, from the oldest to the newest."""
        return {pair: series.points for pair, series in self._series.items() if series.points}

    def add(self, name: str, part: Part) -> None:
        """Add the next run; a pair without scores of a whole dataset has no point in it."""
        for pair, (result, scored) in _whole(name, part).items():
            series = self._series.setdefault(pair, _Series(scored, scored))
            steps = _Steps(self.margin, scored)
            before, total = steps.since(series.last), steps.since(series.reference)
            self._move_anchor(series, before, total, scored)
            since = steps.since(series.anchor)
            point = _point(name, part, result, before, total, since if since.word == "worse" else None)
            self.references.setdefault(pair, point)
            series.points.append(point)
            series.last = scored

    def _move_anchor(self, series: _Series, before: Step, total: Step, scored: ScoredModel) -> None:
        """A loss that one step is to blame for is none of later steps, until it is made good."""
        if before.word == "worse":
            series.anchor = scored
        elif total.word not in {"worse", "not compared"}:
            series.anchor = series.reference


class _Steps:
    """One run held against others, each of them once."""

    def __init__(self, margin: Margin, after: ScoredModel) -> None:
        self.margin, self.after = margin, after
        self._done: dict[int, Step] = {}

    def since(self, before: ScoredModel | None) -> Step:
        """The step from this run; of a run to itself, or from none, it is the first."""
        if before is None or before is self.after:
            return Step(self.after.run, "first")
        if id(before) not in self._done:
            self._done[id(before)] = self._step(before)
        return self._done[id(before)]

    def _step(self, before: ScoredModel) -> Step:
        if not (before.predictions and self.after.predictions):
            without = self.after.run if before.predictions else before.run
            return Step(before.run, "not compared", why=f"{without} holds no predictions")
        comparison = compare.scored_models(before, self.after)
        if comparison.refusals:
            return Step(before.run, "not compared", why="; ".join(comparison.refusals))
        return self._compared(before.run, comparison)

    def _compared(self, against: str, comparison: Comparison) -> Step:
        difference = next((d for d in comparison.differences if d.accuracy == "top1"), None)
        if difference is None or not (difference.losses or difference.gains):
            return Step(against, "same", difference)
        return Step(against, _word(difference, self.margin), difference)


def _word(difference: Difference, margin: Margin) -> Word:
    losses, gains, n = difference.losses, difference.gains, difference.images
    if noninferiority.not_worse_p(gains, losses, n, -margin.margin) <= 1 - margin.confidence:
        return "worse"
    if difference.p_value > ALPHA:
        return "no change shown"
    return "lower" if difference.difference < 0 else "better"


def _whole(name: str, part: Part) -> dict[Pair, tuple[Result, ScoredModel]]:
    """The pairs of which a whole dataset was scored, with their predictions."""
    results = [r for r in part.report.results if r.scored and not (r.unscored or r.failure)]
    setups = map(saved_run.setup_of, results)
    predictions = (prediction for prediction in part.predictions or () if prediction.top)
    scored = saved_run.scored_models(name, part.report.environment, setups, predictions)
    return {(r.model, r.dataset): (r, scored[r.model, r.dataset]) for r in results}


def _point(name: str, part: Part, result: Result, before: Step, reference: Step, drift: Step | None) -> Point:
    key = (result.model, result.device)
    single = (latency for latency in part.report.latencies if latency.scenario == "SingleStream")
    return Point(
        name,
        part.report.made_at,
        result,
        before,
        reference,
        drift,
        latency=next((of for of in single if (of.conditions.model, of.conditions.device) == key), None),
        memory=next((m for m in part.report.memories if (m.conditions.model, m.conditions.device) == key), None),
    )
