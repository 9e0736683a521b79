"""What a session came to, as CI shows it: every gate with its status, its line, and its status in the baseline."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imgcls.config import lines
from imgcls.gates import accuracy
from imgcls.records.comparison import Comparison, SavedRun, ScoredModel
from imgcls.records.evaluation import Status, Verdict
from imgcls.records.parity import Parity
from imgcls.records.report import Report, Result
from imgcls.reporting.ci.run import CiRun, GateKind, JudgedGate, Place
from imgcls.reporting.next_steps import Places
from imgcls.session.gating import OF_MEMORY, GateResults
from imgcls.session.options import RunOptions
from imgcls.session.required import Kind, Unevaluated

COMPARED = ("same images", "common images", "comparable", "new")
"""Metrics of a comparison with the baseline, next to its margins."""

LIMITS: Mapping[str, str] = {"host_bytes": "host", "gpu_bytes": "gpu"}
"""The key of a limit in the configuration, where it is not its metric."""

PARENTS = ("CI_PROJECT_DIR", "GITHUB_WORKSPACE")
"""Variables of GitLab and of GitHub that name the folder of the repository."""


def ci_run(results: GateResults, document: Report, *, title: str, places: Places, closing: Sequence[str]) -> CiRun:
    """Everything that CI shows of a session; ``closing``: what is said after all verdicts. Raises StoreError."""
    return CiRun(
        report=document,
        gates=tuple(_Gates(results, document).all()),
        title=title,
        rest=_rest(results.session.options),
        places=Places(places.prefix, places.run and Path(places.run).name, Path(places.before).name),
        closing=tuple(closing),
    )


def of_saved(before: SavedRun, after: SavedRun) -> Iterator[JudgedGate]:
    """The gates of a saved run, as it was judged when it was saved, with their status in the one before."""
    for (model, dataset), scored in after.scored.items():
        known = _statuses(before.scored.get((model, dataset)))
        for verdict in scored.setup.verdicts:
            if (kind := _kind(verdict.metric)) != "compare":
                yield _judged(
                    kind, model, f"{model} on {dataset}", verdict, dataset=dataset, before=known.get(verdict.metric)
                )


def of_comparisons(judged: Iterable[tuple[Comparison, Verdict]]) -> Iterator[JudgedGate]:
    """The verdicts on comparisons of two runs, or of two models."""
    for comparison, verdict in judged:
        subject = f"{comparison.after} on {comparison.dataset}"
        yield _judged("compare", comparison.after, subject, verdict, dataset=comparison.dataset)


def _judged(kind: GateKind, model: str, subject: str, verdict: Verdict, **values: Any) -> JudgedGate:
    """``values``: of a :class:`JudgedGate`, where they are not those of its verdict."""
    usual = {"holds": accuracy.holds(verdict, "fail")}
    return JudgedGate(kind=kind, model=model, subject=subject, verdict=verdict, **{**usual, **values})


def _statuses(scored: ScoredModel | None) -> dict[str, Status]:
    """The statuses of a pair in a baseline, by metric; those of its own comparison are about something else."""
    verdicts = scored.setup.verdicts if scored else ()
    return {verdict.metric: verdict.status for verdict in verdicts if _kind(verdict.metric) != "compare"}


def _rest(options: RunOptions) -> str:
    """Where everything is; CI keeps files, so their names are enough."""
    if options.report:
        return f"the report {options.report.name}"
    return f"the result document {options.json.name}" if options.json else "the log of this run"


class _Gates:
    """The gates of one session."""

    def __init__(self, results: GateResults, document: Report) -> None:
        self.results, self.document = results, document
        session = results.session
        files = session.options.config or (session.settings.source,)
        self.files = [file.absolute() for file in files if file.is_file()]
        self.root = _repository(self.files[0].parent) if self.files else Path.cwd()

    def all(self) -> Iterator[JudgedGate]:
        """Those on scores, on time and memory, on what ships, and those that nothing evaluated."""
        for result in self.document.results:
            yield from self._of_result(result)
        yield from (self._of_limit(model, verdict) for model, verdict in self.results.judged_limits)
        for parity in self.results.parities:
            yield from self._of_parity(parity)
        yield from self._of_deployment()
        yield from (self._unevaluated(missing) for missing in self.results.missing())

    def _gate(self, kind: GateKind, model: str, subject: str, verdict: Verdict, **values: Any) -> JudgedGate:
        options = self.results.session.options
        inconclusive = "fail" if kind in {"latency", "memory"} else options.inconclusive
        usual = {
            "holds": accuracy.holds(verdict, inconclusive),
            "place": self._place(kind, model, verdict.metric, str(values.get("dataset"))),
            "in_test": options.is_pytest,
        }
        return _judged(kind, model, subject, verdict, **{**usual, **values})

    def _of_result(self, result: Result) -> Iterator[JudgedGate]:
        subject, failure = f"{result.model} on {result.dataset}", result.failure
        verdicts = [v for v in result.verdicts if failure is None or failure.message not in v.message]
        if failure:
            verdicts.insert(0, Verdict("scored", None, "scored", "error", failure.message))
        baseline = self.results.session.baseline
        before = _statuses(baseline.run.scored.get((result.model, result.dataset))) if baseline else {}
        for verdict in verdicts:
            kind, known = _kind(verdict.metric), before.get(verdict.metric)
            yield self._gate(kind, result.model, subject, verdict, dataset=result.dataset, before=known)

    def _of_limit(self, model: str, verdict: Verdict) -> JudgedGate:
        kind: GateKind = "memory" if verdict.metric in OF_MEMORY else "latency"
        return self._gate(kind, model, f"{kind} of {model}", verdict)

    def _of_parity(self, parity: Parity) -> Iterator[JudgedGate]:
        subject, failure = f"{parity.model}/{parity.export} on {parity.dataset}", parity.failure
        failures = [Verdict("compared", None, "compared", "error", failure.message)] if failure else []
        for verdict in (*failures, *parity.verdicts):
            yield self._gate("parity", parity.model, subject, verdict, dataset=parity.dataset)

    def _of_deployment(self) -> Iterator[JudgedGate]:
        for serving in self.results.servings:
            verdict = Verdict("serving", None, "the same as tested", serving.status, serving.message)
            yield self._gate("serving", serving.model, f"serving of {serving.model}", verdict)
        for check in self.results.contracts:
            verdict = Verdict(check.contract, None, f"contract {check.contract}", check.status, check.message)
            yield self._gate("contract", check.model, check.model, verdict)

    def _unevaluated(self, missing: Unevaluated) -> JudgedGate:
        """A gate that the run fails for although no test did."""
        target = missing.target
        verdict = Verdict("evaluated", None, "evaluated", "error", f"not evaluated: {missing.words}")
        dataset = target.where.rpartition(", ")[2] if target.kind in {"accuracy", "golden", "parity"} else None
        subject = f"{target.model} on {dataset}" if dataset else f"{target.kind} of {target.model}"
        return self._gate(target.kind, target.model, subject, verdict, dataset=dataset, in_test=False)

    # Where a gate stands.

    def _place(self, kind: GateKind | Kind, model: str, metric: str, dataset: str) -> Place | None:
        line = lines.of_table(self.files, *_tables(kind, model, metric, dataset))
        if line is None:
            return Place(self._relative(self.files[0]), 1) if self.files else None
        return Place(self._relative(line.file), line.number)

    def _relative(self, file: Path) -> str:
        return (file.relative_to(self.root) if file.is_relative_to(self.root) else file).as_posix()


def _kind(metric: str) -> GateKind:
    """Of a verdict on scores."""
    if metric == "golden":
        return "golden"
    return "compare" if metric in COMPARED or metric.startswith("not worse ") else "accuracy"


def _tables(kind: str, model: str, metric: str, dataset: str) -> tuple[tuple[str, ...], str]:
    """The tables that a gate may be configured in, the nearest first, and its key."""
    of_model = f"models.{model}"
    match kind:
        case "golden":
            return (f"datasets.{dataset}",), "golden"
        case "compare":
            return ("compare", of_model), metric.removeprefix("not worse ")
        case "latency" | "memory":
            return (f"{kind}.{model}", f"{kind}.*", of_model), LIMITS.get(metric, metric)
        case "parity":
            return (f"parity.{model}", "parity.*", f"{of_model}.exports", of_model), dataset
        case "serving" | "contract":
            return (f"{of_model}.serving", of_model), ""
        case _:
            return (f"gates.{model}", "gates.*", of_model), dataset


def _repository(folder: Path) -> Path:
    """The folder that paths in CI are relative to: what CI names, or else the nearest one that is a repository."""
    named = [Path(os.environ[name]) for name in PARENTS if os.environ.get(name)]
    roots = [root for root in (folder, *folder.parents) if (root / ".git").exists()]
    return next((root for root in (*named, *roots) if folder.is_relative_to(root)), folder)
