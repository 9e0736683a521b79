"""A run whose parts were scored and measured by several jobs: joined, and judged as if one session had done it all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls.gates import accuracy, cost, regression
from imgcls.records.comparison import Comparison, Prediction
from imgcls.records.evaluation import DatasetOutcome, PairOutcome, Scores, Verdict
from imgcls.records.report import JudgedLimit, Report, Result
from imgcls.records.thresholds import LatencyGate, MemoryGate
from imgcls.session import session as sessions
from imgcls.session.events import GoldenChecked, LatencyMeasured, LimitsJudged, MemoryMeasured, PairJudged
from imgcls.session.results import Results

if TYPE_CHECKING:
    from imgcls.comparison.merge import MergedRun
    from imgcls.session.session import Session


class MergedResults(Results):
    """The results of a session that computes nothing itself, and takes what jobs wrote into documents."""

    def __init__(self, session: Session, files: Sequence[Path]) -> None:
        """Raises ConfigError, naming two files, where the documents are not parts of one run."""
        from imgcls.comparison import merge, parts

        super().__init__(session)
        read = parts.read(files, shards=True)
        self.run: MergedRun = merge.joined(read, session.settings.pairs(), session.settings.source)
        self.started = self.finished = True
        self.profiles += self.run.report.profiles
        self._judge_pairs()
        self._judge_costs()

    # What is in the documents.

    @cached_property
    def outcomes(self) -> list[DatasetOutcome]:
        """What the documents have of every dataset."""
        by_dataset: dict[str, list[Result]] = {}
        for result in self.run.report.results:
            by_dataset.setdefault(result.dataset, []).append(result)
        return [
            DatasetOutcome(dataset, results[0].exif, self.complete, (), tuple(map(_pair, results)), ())
            for dataset, results in by_dataset.items()
        ]

    @property
    def complete(self) -> bool:
        """Whether every part was scored to its end."""
        return self.run.report.complete

    @cached_property
    def document(self) -> Report:
        """The report of the whole run."""
        verdicts = self.all_verdicts
        results = self.run.report.results
        return replace(
            self.run.report,
            results=tuple(replace(r, verdicts=tuple(verdicts.get((r.model, r.dataset), ()))) for r in results),
            contrasts=tuple(self.run.pairwise_tests()),
            comparisons=tuple(self._comparisons.values()),
            limits=tuple(JudgedLimit(*judged) for judged in self.judged_limits),
        )

    def predictions(self) -> Iterator[Prediction]:
        """Every prediction of the documents. Raises ConfigError where one has none."""
        return self.run.predictions()

    # How it is judged.

    @cached_property
    def _comparisons(self) -> dict[tuple[str, str], Comparison]:
        """Every scored pair against the baseline, where there is one."""
        from imgcls.comparison import compare

        baseline = self.session.baseline
        if baseline is None:
            return {}
        current = self.run.as_run()
        scored = [pair for pair, row in self.run.rows.items() if not (row.result.failure or row.lacks)]
        new = self.session.new_pairs
        return {pair: compare.pair(baseline.run, current, *pair) for pair in scored if pair not in new}

    def _judge_pairs(self) -> None:
        """As a session judges what it scored; the verdicts on golden records are those of the documents."""
        for result in self.run.report.results:
            verdicts = self._verdicts(_pair(result))
            if verdicts:
                self.add(PairJudged(result.model, result.dataset, verdicts))
            for verdict in result.verdicts:
                if verdict.metric == "golden":
                    self.add(GoldenChecked(result.model, result.dataset, "", verdict))

    def _verdicts(self, pair: PairOutcome) -> tuple[Verdict, ...]:
        key = (pair.scores.model, pair.scores.dataset)
        gate, baseline = self.session.settings.gates.get(key), self.session.baseline
        if lacks := self.run.rows[key].lacks:
            return (Verdict("complete", None, "complete", "error", f"{' on '.join(key)}: {lacks}"),)
        verdicts = accuracy.evaluate(gate, pair) if gate else ()
        if baseline is None or pair.failure:
            return verdicts
        if key in self.session.new_pairs:
            return (*verdicts, regression.new_pair(*key, baseline.run.name))
        common = self.session.options.compare_common
        return verdicts + regression.compared(self._comparisons[key], baseline.margins, common=common)

    def _judge_costs(self) -> None:
        """Limits are about the device that the models were scored on."""
        device = next((r.device for r in self.run.report.results if r.device), self.session.options.scoring_device)
        settings = self.session.settings
        for latency in self.run.report.latencies:
            self.add(LatencyMeasured(latency))
            limits = settings.latency.get(latency.conditions.model, LatencyGate())
            if latency.conditions.device == device:
                self._add_limits("latency", latency.conditions.model, cost.latency(limits, latency))
        for memory in self.run.report.memories:
            self.add(MemoryMeasured(memory))
            if memory.conditions.device == device:
                of_memory = settings.memory.get(memory.conditions.model, MemoryGate())
                self._add_limits("memory", memory.conditions.model, cost.memory(of_memory, memory))

    def _add_limits(self, kind: str, model: str, verdicts: tuple[Verdict, ...]) -> None:
        self.add(LimitsJudged(kind, model, verdicts))

    # What is written, and the exit code.

    def write(self, *, passed: bool) -> None:  # noqa: ARG002 - what was scored elsewhere is not this store's last run
        """Write the documents that were requested. Raises OSError, ImgclsError."""
        super().write(passed=False)

    def exit_code(self) -> int:
        """That of a session, and 1 where a part was cut short or a golden record does not hold."""
        goldens = [checked.verdict.status for checked in self.goldens if checked.verdict]
        held = self.complete and not {"fail", "error"}.intersection(goldens)
        return sessions.worst_exit_code({0 if held else 1, super().exit_code()})


def _pair(result: Result) -> PairOutcome:
    """As much of a pair as gates need."""
    names = {field.name for field in fields(Scores)} - {"mass"}
    return PairOutcome(
        Scores(**{name: getattr(result, name) for name in names}),
        failure=result.failure,
        prediction_key=result.prediction_key,
        labels=result.labels_sha256,
        accepted=result.accepted,
    )
