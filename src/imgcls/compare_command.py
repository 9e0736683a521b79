"""``imgcls compare``: which answers changed between two saved runs; or models side by side, quality, time, memory."""

import argparse
import shutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from imgcls import config, documents, gates, machine, runtimes, score_command
from imgcls.errors import ConfigError, ImgclsError
from imgcls.measures import Latency, Memory, Scenario
from imgcls.records import Comparison, Contrast, DatasetOutcome, Margin, Run, Settings

if TYPE_CHECKING:
    from imgcls.models import Shelf


def compare(options: argparse.Namespace) -> int:
    """Print differences and flips, and hold them against ``--compare-fail``; the exit code."""
    if options.json:
        config.check_writable(options.json)
    files = [Path(side) for side in options.sides if _is_file(side)]
    names = [side for side in options.sides if not _is_file(side)]
    margins = config.margins(options.compare_fail)
    if margins and names and len(names) != 2:
        raise ConfigError("--compare-fail holds one model against another: name two")
    if files and any((options.data, options.markdown, options.csv)):
        raise ConfigError("--data, --markdown and --csv go with models that are scored and measured now, not with runs")
    if len(files) == 2 and not names:
        return _told(options, margins, _Found(comparisons=_of_runs(*map(_saved, files))))
    if files and (len(names) < 2 or len(files) > 1 or not _is_file(options.sides[0])):
        raise ConfigError("compare takes two saved runs; a saved run and then models of it; or models alone")
    if files:
        contrasts, comparisons = _of_models(_saved(files[0]), names)
        return _told(options, margins, _Found(contrasts=contrasts, comparisons=comparisons))
    return _scored(options, margins, names)


def _is_file(side: str) -> bool:
    return side.endswith(".json") or Path(side).is_file()


def _saved(file: Path) -> Run:
    from imgcls import saved

    return saved.read(file)


def _of_runs(before: Run, after: Run) -> list[Comparison]:
    """Every pair that one of two saved runs has."""
    from imgcls import compare

    return [compare.pair(before, after, *pair) for pair in {**after.scored, **before.scored}]


def _of_models(run: Run, names: Sequence[str]) -> tuple[list[Contrast], list[Comparison]]:
    """All differences of the models, on each data set that all of them were scored on; of two also what flips."""
    from imgcls import compare

    datasets = dict.fromkeys(dataset for _, dataset in run.scored)
    shared = [dataset for dataset in datasets if all((name, dataset) in run.scored for name in names)]
    if not shared:
        there = ", ".join(" on ".join(known) for known in run.scored) or "nothing"
        raise ConfigError(f"no data set has all of {', '.join(names)}; {run.name} has {there}")
    scored = [[run.scored[name, dataset] for name in names] for dataset in shared]
    contrasts = [contrast for of_models in scored for contrast in compare.between(of_models)]
    return contrasts, [compare.two(*of_models) for of_models in scored if len(of_models) == 2]


def _scored(options: argparse.Namespace, margins: Mapping[str, Margin], names: Sequence[str]) -> int:
    """Score the models, or read what is in the store, measure what they cost, and compare them."""
    asked = _asked(options, names)
    for file in (options.markdown, options.csv):
        if file:
            config.check_writable(file)
    from imgcls import report
    from imgcls.models import Shelf
    from imgcls.store import Store

    number = uuid.uuid4().hex
    with closing(Store(score_command.store_folder(options))) as store:
        found = _Found()
        for device in machine.devices(options.device):
            here = {n: spec for n, spec in asked.models.items() if options.device or runtimes.runs_on(spec, device)}
            shelf = Shelf(here, device, store.artefacts)
            run = f"{number}-{device}"
            try:
                if score_command.walk(replace(asked, models=here), shelf, store, run, trust_mtime=options.trust_mtime):
                    raise KeyboardInterrupt
                outcomes = [outcome for name in asked.datasets if (outcome := store.outcome(run, name))]
                if not (found.outcomes or score_command.codes(outcomes)):
                    found.contrasts, found.comparisons = _of_models(report.scored(store, run, outcomes), names)
                found.outcomes += outcomes
            finally:
                store.forget(run)
            found.measure(shelf, device)
    return _told(options, margins, found)


def _asked(options: argparse.Namespace, names: Sequence[str]) -> Settings:
    """The models, and the data sets of the configuration or the one that ``--data`` names. Raises ConfigError."""
    models = {spec.name: spec for spec in score_command.asked_models(options.config, names)}
    if options.data is None:
        configured = score_command.settings(options.config)
        return config.select(replace(configured, models=models), None, options.datasets)
    path = Path(options.data)
    dataset = config.dataset("command line", path.stem, options.data, options.labels)
    return Settings(path, {dataset.name: dataset}, {n: replace(m, datasets=None) for n, m in models.items()}, {})


@dataclass
class _Found:
    """What comparing models has to say, as it grows."""

    outcomes: list[DatasetOutcome] = field(default_factory=list)
    contrasts: list[Contrast] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)

    def measure(self, shelf: "Shelf", device: str) -> None:
        """Time and memory of every model that was scored; one model's failure does not stop the others."""
        from imgcls import latency, memory

        failed = {pair.scores.model for outcome in self.outcomes for pair in outcome.pairs if pair.failure}
        for name, spec in shelf.specs.items():
            if name in failed:
                continue
            print(f"measuring {name} on {device}", file=sys.stderr, flush=True)
            try:
                self.latencies += [latency.measure(shelf.get(name), scenario) for scenario in get_args(Scenario)]
                shelf.release(name)
                self.memories.append(memory.measure(spec, device))
            except ImgclsError as error:
                print(f"imgcls: {name}: {error}", file=sys.stderr)
                self.codes.add(error.exit_code)


def _told(options: argparse.Namespace, margins: Mapping[str, Margin], found: _Found) -> int:
    """Print everything, write the documents; the exit code."""
    from imgcls import memory_tables, overview, report, tables

    document = replace(
        report.build(found.outcomes, {}, True, found.contrasts, found.comparisons),
        latencies=tuple(found.latencies),
        memories=tuple(found.memories),
    )
    print(tables.text(document, shutil.get_terminal_size().columns), end="")
    if found.memories:
        print(memory_tables.text(found.memories), end="")
    if found.latencies or found.memories:
        print(overview.terminal(document), end="")
    verdicts = [v for c in found.comparisons for v in gates.compared(c, margins, common=options.compare_common)]
    for line in tables.verdicts(verdicts):
        print(line)
    if options.json:
        report.save(options.json, document, None)
    if options.markdown:
        documents.write_text(options.markdown, overview.markdown(document))
    if options.csv:
        documents.write_text(options.csv, overview.as_csv(document))
    shown = all(gates.holds(verdict, "fail") for verdict in verdicts)
    return score_command.gravest({0 if shown else 1, *found.codes, *score_command.codes(found.outcomes)})
