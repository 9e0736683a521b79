"""``imgcls compare``: which predictions changed between two saved runs; or models side by side, quality and cost."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from imgcls import documents
from imgcls.cli import output
from imgcls.config import datasets, thresholds
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError, ImgclsError
from imgcls.gates import accuracy, regression
from imgcls.models.runtimes import base as runtimes
from imgcls.records.comparison import Comparison, PairwiseTest, SavedRun
from imgcls.records.config import Margin, Settings
from imgcls.records.evaluation import DatasetOutcome
from imgcls.records.performance import Latency, Memory, Scenario
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session
from imgcls.system import machine

if TYPE_CHECKING:
    from imgcls.models.pool import ModelPool


def add_compare(commands: Any) -> None:
    parser = commands.add_parser("compare", help="which predictions changed between runs, or differ between models")
    parser.add_argument(
        "sides", nargs="+", metavar="RUN.json|MODEL",
        help="two saved runs; a saved run and models of it; or models of the configuration, or architectures",
    )  # fmt: skip
    run_options.add_to_command(parser, "config", "datasets")
    parser.add_argument("--data", metavar="DIR|FILE", help="score on these images, not on configured datasets")
    parser.add_argument(
        "--labels", default="auto", metavar="HOW|FILE.csv",
        help="how the folders of --data are named: auto (default), wnid, name, index, or a map file",
    )  # fmt: skip
    run_options.add_to_command(parser, "device", "store", "trust-mtime", "compare-fail", "compare-common")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table of costs and quality to FILE")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the same as CSV, with timm's names of columns")
    parser.set_defaults(command=compare)


def compare(namespace: argparse.Namespace) -> int:
    """Print differences and flips, and hold them against ``--compare-fail``; the exit code."""
    options = RunOptions.from_namespace(namespace)
    if options.json:
        documents.check_writable(options.json)
    files = [Path(side) for side in namespace.sides if _is_file(side)]
    names = [side for side in namespace.sides if not _is_file(side)]
    margins = thresholds.margins(options.compare_fail)
    if margins and names and len(names) != 2:
        raise ConfigError("--compare-fail holds one model against another: name two")
    if files and any((namespace.data, namespace.markdown, namespace.csv)):
        raise ConfigError("--data, --markdown and --csv go with models that are scored and measured now, not with runs")
    if len(files) == 2 and not names:
        return _concluded(namespace, margins, _Findings(comparisons=_of_runs(*map(_saved, files))))
    if files and (len(names) < 2 or len(files) > 1 or not _is_file(namespace.sides[0])):
        raise ConfigError("compare takes two saved runs; a saved run and then models of it; or only models")
    if files:
        contrasts, comparisons = _of_models(_saved(files[0]), names)
        return _concluded(namespace, margins, _Findings(contrasts=contrasts, comparisons=comparisons))
    return _concluded(namespace, margins, _scored(namespace, replace(options, compare_fail=()), names))


def _is_file(side: str) -> bool:
    return side.endswith(".json") or Path(side).is_file()


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

    datasets = dict.fromkeys(dataset for _, dataset in run.scored)
    shared = [dataset for dataset in datasets if all((name, dataset) in run.scored for name in names)]
    if not shared:
        there = ", ".join(" on ".join(known) for known in run.scored) or "nothing"
        raise ConfigError(f"no dataset has all of {', '.join(names)}; {run.name} has {there}")
    scored = [[run.scored[name, dataset] for name in names] for dataset in shared]
    contrasts = [contrast for of_models in scored for contrast in comparing.all_pairs(of_models)]
    return contrasts, [comparing.scored_models(*of_models) for of_models in scored if len(of_models) == 2]


def _scored(namespace: argparse.Namespace, options: RunOptions, names: Sequence[str]) -> _Findings:
    """Score the models on every device, or read what is in the store, measure what they cost, and compare them."""
    settings = _settings(namespace, options, names)
    for file in (namespace.markdown, namespace.csv):
        if file:
            documents.check_writable(file)
    findings = _Findings()
    for device in machine.devices(options.device):
        here = {n: spec for n, spec in settings.models.items() if options.device or runtimes.runs_on(spec, device)}
        if not here:
            continue
        on_device = replace(options, device=device, datasets=None, json=None)
        with closing(Session(on_device, replace(settings, models=here))) as session:
            findings.score(session)
            findings.measure(session.pool(), device)
    return findings


def _settings(namespace: argparse.Namespace, options: RunOptions, names: Sequence[str]) -> Settings:
    """The models, and the datasets of the configuration or the one that ``--data`` names. Raises ConfigError."""
    models = {spec.name: spec for spec in selection.requested_models(options.config, names)}
    if namespace.data is None:
        configured = selection.settings(options.config)
        return configuration.select(replace(configured, models=models), None, options.datasets)
    path = Path(namespace.data)
    dataset = datasets.dataset("command line", namespace.data, namespace.labels)
    return Settings(path, {dataset.name: dataset}, {n: replace(m, datasets=None) for n, m in models.items()}, {})


@dataclass
class _Findings:
    """What comparing models has to say, as it grows."""

    outcomes: list[DatasetOutcome] = field(default_factory=list)
    contrasts: list[PairwiseTest] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)

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

    def measure(self, pool: ModelPool, device: str) -> None:
        """Time and memory of every model that was scored; one model's failure does not stop the others."""
        from imgcls.performance import latency, memory
        from imgcls.reporting import progress

        failed = {pair.scores.model for outcome in self.outcomes for pair in outcome.pairs if pair.failure}
        for name, spec in pool.specs.items():
            if name in failed:
                continue
            output.error(f"measuring {name} on {device}")
            try:
                with progress.status(sys.stderr) as say:
                    for scenario in get_args(Scenario):
                        self.latencies.append(latency.measure(pool.get(name), scenario, say=say))
                    pool.release(name)
                    with progress.waiting(say, f"{name} on {device}: measuring its memory"):
                        self.memories.append(memory.measure(spec, device))
            except ImgclsError as error:
                output.error(f"imgcls: {name}: {error}")
                self.codes.add(error.exit_code)


def _concluded(namespace: argparse.Namespace, margins: Mapping[str, Margin], findings: _Findings) -> int:
    """Print everything, write the documents; the exit code."""
    from imgcls.reporting import memory_table, overview, result_document, tables

    document = replace(
        result_document.build(findings.outcomes, {}, True, findings.contrasts, findings.comparisons),
        latencies=tuple(findings.latencies),
        memories=tuple(findings.memories),
    )
    output.line(tables.text(document, shutil.get_terminal_size().columns), end="")
    if findings.memories:
        output.line(memory_table.text(findings.memories), end="")
    if findings.latencies or findings.memories:
        output.line(overview.terminal(document), end="")
    common = namespace.compare_common
    verdicts = [v for c in findings.comparisons for v in regression.compared(c, margins, common=common)]
    for line in tables.verdicts(verdicts):
        output.line(line)
    if namespace.json:
        result_document.save(Path(namespace.json), document, None)
    if namespace.markdown:
        documents.write_text(namespace.markdown, overview.markdown(document))
    if namespace.csv:
        documents.write_text(namespace.csv, overview.as_csv(document))
    held = all(accuracy.holds(verdict, "fail") for verdict in verdicts)
    return sessions.worst_exit_code({0 if held else 1, *findings.codes, *sessions.exit_codes(findings.outcomes)})
