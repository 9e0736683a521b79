"""``imgcls compare``: which predictions changed between two saved runs; or models side by side, quality and cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import documents
from imgcls.cli import arguments, costs, destinations, output, pages, sides
from imgcls.cli.sides import Sides
from imgcls.config import loader as configuration
from imgcls.config import thresholds
from imgcls.errors import ConfigError, ImgclsError
from imgcls.gates import accuracy, regression
from imgcls.models.runtimes import base as runtimes
from imgcls.records.comparison import Comparison, PairwiseTest, SavedRun
from imgcls.records.config import Settings
from imgcls.records.evaluation import DatasetOutcome, Verdict
from imgcls.records.performance import Latency, Memory
from imgcls.records.report import Report
from imgcls.records.thresholds import Margin
from imgcls.reporting.ci.run import CiRun, JudgedGate
from imgcls.session import judged, selection
from imgcls.session import options as run_options
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session

if TYPE_CHECKING:
    from imgcls.models.pool import ModelPool


def add_compare(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        help="which predictions changed between runs, or differ between models",
        **arguments.examples(
            "imgcls compare main.json now.json --compare-fail top1:0.005",
            "imgcls compare alexnet resnet50 --data photos/",
        ),
    )
    parser.add_argument(
        "sides", nargs="+", metavar="RUN.json|MODEL",
        help="two saved runs; a saved run and models of it; or models of the configuration, or architectures",
    )  # fmt: skip
    run_options.add_to_command(parser, "config", "datasets")
    run_options.add_images(parser)
    run_options.add_to_command(
        parser, "device", "offline", "store", "trust-mtime", "compare-fail", "compare-common", "comment"
    )
    run_options.add_to_command(parser, "columns", "report")
    destinations.add(parser)
    run_options.add_verbosity(parser)
    parser.set_defaults(command=compare)


def compare(namespace: argparse.Namespace) -> int:
    """Print differences and flips, and hold them against ``--compare-fail``; the exit code."""
    options = RunOptions.from_namespace(namespace)
    for file in (options.comment, options.report):
        if file:
            documents.check_writable(file)
    given = sides.read(namespace.sides)
    runs, models = given.runs, given.models
    margins = thresholds.margins(options.compare_fail)
    if margins and models and len(models) != 2:
        raise ConfigError("--compare-fail holds one model against another: name two")
    if runs and namespace.data:
        raise ConfigError("--data goes with models that are scored now, not with saved runs: leave it out")
    if len(runs) == 2:
        before, after = map(_saved, runs)
        gates = list(judged.of_saved(before, after))
        findings = _Findings(comparisons=_of_runs(before, after), gates=gates)
    elif runs:
        contrasts, comparisons = _of_models(_saved(runs[0]), models)
        findings = _Findings(contrasts=contrasts, comparisons=comparisons)
    else:
        findings = _scored(namespace, replace(options, compare_fail=()), models)
    return _concluded(options, given, margins, findings)


def _saved(file: Path) -> SavedRun:
    from imgcls.comparison import saved_run

    return saved_run.read(file)


def _of_runs(before: SavedRun, after: SavedRun) -> list[Comparison]:
    """Every pair that both runs have; what only one has is named. Of two runs that share none, all are refused."""
    from imgcls.comparison import compare as comparing

    either = {**after.scored, **before.scored}
    shared = [pair for pair in either if pair in before.scored and pair in after.scored]
    for model, dataset in either if shared else ():
        if (model, dataset) not in before.scored:
            output.line(f"NEW: {model} on {dataset}: not in {before.name}, so nothing is compared")
        elif (model, dataset) not in after.scored:
            output.line(f"{model} on {dataset} is in {before.name}, and no more in {after.name}")
    return [comparing.pair(before, after, *pair) for pair in shared or either]


def _of_models(run: SavedRun, names: Sequence[str]) -> tuple[list[PairwiseTest], list[Comparison]]:
    """All differences of the models, on each dataset that all of them were scored on; of two also what flips."""
    from imgcls.comparison import compare as comparing
    from imgcls.comparison import pairwise

    datasets = dict.fromkeys(dataset for _, dataset in run.scored)
    shared = [dataset for dataset in datasets if all((name, dataset) in run.scored for name in names)]
    if not shared:
        there = ", ".join(" on ".join(known) for known in run.scored) or "nothing"
        raise ConfigError(f"no dataset has all of {', '.join(names)}; {run.name} has {there}")
    scored = [[run.scored[name, dataset] for name in names] for dataset in shared]
    contrasts = [contrast for of_models in scored for contrast in pairwise.all_pairs(of_models)]
    return contrasts, [comparing.scored_models(*of_models) for of_models in scored if len(of_models) == 2]


def _scored(namespace: argparse.Namespace, options: RunOptions, names: Sequence[str]) -> _Findings:
    """Score the models on every device, or read what is in the store, measure what they cost, and compare them."""
    settings = _settings(namespace, options, names)
    findings = _Findings()
    for device, here in runtimes.by_device(settings.models, options.device):
        on_device = replace(options, device=device, datasets=None, json=None, csv=None, markdown=None)
        with closing(Session(on_device, replace(settings, models=here))) as session:
            findings.score(session)
            findings.measure(session.pool())
    return findings


def _settings(namespace: argparse.Namespace, options: RunOptions, names: Sequence[str]) -> Settings:
    """The models, and the datasets of the configuration or the one that ``--data`` names. Raises ConfigError."""
    models = {spec.name: spec for spec in selection.runnable_models(options, names)}
    if namespace.data is None:
        configured = selection.settings(options.config)
        return configuration.select(replace(configured, models=models), None, options.datasets)
    return selection.on_images(models.values(), namespace.data, namespace.labels)


@dataclass
class _Findings:
    """What comparing models has to say, as it grows."""

    outcomes: list[DatasetOutcome] = field(default_factory=list)
    contrasts: list[PairwiseTest] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    gates: list[JudgedGate] = field(default_factory=list)

    def score(self, session: Session) -> None:
        """Score every model, and compare those of the first device where none failed."""
        from imgcls.comparison import current_run

        results = Results(session)
        results.finished = session.evaluate()
        if not results.finished:
            raise KeyboardInterrupt
        if not (self.outcomes or sessions.exit_codes(results.outcomes)):
            run = current_run.scored(session.store, session.run_id, results.outcomes)
            self.contrasts, self.comparisons = _of_models(run, list(session.settings.models))
        self.outcomes += results.outcomes

    def measure(self, pool: ModelPool) -> None:
        """Time and memory of every model that was scored; one model's failure does not stop the others."""
        failed = {pair.scores.model for outcome in self.outcomes for pair in outcome.pairs if pair.failure}
        for name in (name for name in pool.specs if name not in failed):
            self._measure(pool, name)

    def _measure(self, pool: ModelPool, name: str) -> None:
        try:
            costs.measure(pool, name, self.latencies, self.memories)
        except ImgclsError as error:
            output.error(f"imgcls: {name}: {error}")
            self.codes.add(error.exit_code)


def _concluded(options: RunOptions, given: Sides, margins: Mapping[str, Margin], findings: _Findings) -> int:
    """Print everything, write the documents; the exit code."""
    from imgcls.reporting import result_document, terminal
    from imgcls.reporting.presentation import Presentation, terminal_width

    document = replace(
        result_document.build(findings.outcomes, {}, True, findings.contrasts, findings.comparisons),
        latencies=tuple(findings.latencies),
        memories=tuple(findings.memories),
    )
    of_pairs = [
        (compared, verdict)
        for compared in findings.comparisons
        for verdict in regression.compared(compared, margins, common=options.compare_common)
    ]
    failing = [(c, verdict) for c, verdict in of_pairs if not accuracy.holds(verdict, "fail")]
    verdicts = [verdict for _, verdict in of_pairs]
    how = Presentation(terminal_width(), options.verbosity, options.columns)
    for block in terminal.lines(document, how, verdicts, list(_what_to_do(failing, given.runs))):
        output.line(block)
    _write(options, document, verdicts)
    if options.report:
        _write_page(options, document, given.runs)
    _show_in_ci(options, CiRun(report=document, gates=(*judged.of_comparisons(of_pairs), *findings.gates)))
    return sessions.worst_exit_code({1 if failing else 0, *findings.codes, *sessions.exit_codes(findings.outcomes)})


def _what_to_do(failing: Sequence[tuple[Comparison, Verdict]], runs: Sequence[Path]) -> Iterator[str]:
    """The next step for every margin that does not hold."""
    from imgcls.reporting import next_steps

    places = next_steps.Places(before=str(runs[0]), run=str(runs[1])) if len(runs) == 2 else next_steps.Places()
    about = [(f"{compared.after} on {compared.dataset}", compared.after, verdict) for compared, verdict in failing]
    return next_steps.lines(about, places)


def _write(options: RunOptions, document: Report, verdicts: Sequence[Verdict]) -> None:
    """Write what was requested. Raises OSError."""
    if options.json:
        from imgcls.reporting import result_document

        result_document.save(options.json, document, None)
    if options.markdown:
        from imgcls.reporting import markdown

        documents.write_text(options.markdown, markdown.text(document, verdicts))
    if options.csv:
        from imgcls.reporting import differences, overview

        text = overview.as_csv(document) if document.results else differences.as_csv(document)
        documents.write_text(options.csv, text)


def _write_page(options: RunOptions, report: Report, runs: Sequence[Path]) -> None:
    """The page of the second saved run with what changed since the first, or of what was scored now. Raises OSError."""
    from imgcls.reporting.html import document, thumbnails

    assert options.report is not None  # noqa: S101 - it was requested
    if len(runs) == 2:
        run = document.compared(document.read(runs[1]), report.comparisons)
    else:
        run = document.of_run(report, None)
    configured = pages.in_reach(options.config)
    images = thumbnails.Images(configured.datasets, [result.dataset for result in run.report.results])
    pages.write(options.report, run, images, configured.models)


def _show_in_ci(options: RunOptions, run: CiRun) -> None:
    """Write the comment, append to GitHub's summary, and annotate what fails. Raises OSError."""
    from imgcls.reporting.ci import annotations, comment, runner_log, step_summary

    if options.comment:
        documents.write_text(options.comment, comment.text(run))
    if step_summary.file() and (note := step_summary.append(run)):
        output.error(note)
    for line in annotations.lines(run) if runner_log.is_read() else ():
        output.command(line)
