"""``imgcls compare``: which answers changed between two saved runs, or differ between models."""

import argparse
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from imgcls import config, gates, score_command
from imgcls.errors import ConfigError
from imgcls.records import Comparison, Contrast, DatasetOutcome, Margin, Run


def compare(options: argparse.Namespace) -> int:
    """Print differences and flips, and hold them against ``--compare-fail``; the exit code."""
    if options.json:
        config.check_writable(options.json)
    files = [Path(side) for side in options.sides if _is_file(side)]
    names = [side for side in options.sides if not _is_file(side)]
    margins = config.margins(options.compare_fail)
    if margins and len(names) > 2:
        raise ConfigError("--compare-fail holds one model against another: name two")
    if len(files) == 2 and not names:
        return _told(options, margins, [], [], _of_runs(*map(_saved, files)))
    if len(names) < 2 or len(files) > 1 or (files and not _is_file(options.sides[0])):
        raise ConfigError("compare takes two saved runs, or models: two or more, after the saved run that has them")
    if files:
        return _told(options, margins, [], *_of_models(_saved(files[0]), names))
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
    """Score the models, or read what is in the store, and compare them."""
    asked = config.select(score_command.settings(options.config), names, options.datasets)
    from imgcls import report
    from imgcls.models import Shelf
    from imgcls.store import Store

    number, shelf = uuid.uuid4().hex, Shelf(asked.models, options.device)
    with closing(Store(score_command.store_folder(options))) as store:
        try:
            if score_command.walk(asked, shelf, store, number):
                raise KeyboardInterrupt
            outcomes = [found for name in asked.datasets if (found := store.outcome(number, name))]
            if score_command.codes(outcomes):
                return _told(options, margins, outcomes, [], [])
            return _told(options, margins, outcomes, *_of_models(report.scored(store, number, outcomes), names))
        finally:
            store.forget(number)


def _told(
    options: argparse.Namespace,
    margins: Mapping[str, Margin],
    outcomes: Sequence[DatasetOutcome],
    contrasts: Sequence[Contrast],
    comparisons: Sequence[Comparison],
) -> int:
    """Print everything, write the document; the exit code."""
    from imgcls import report, tables

    document = report.build(outcomes, {}, True, contrasts, comparisons)
    print(tables.text(document, shutil.get_terminal_size().columns), end="")
    verdicts = [v for c in comparisons for v in gates.compared(c, margins, common=options.compare_common)]
    for line in tables.verdicts(verdicts):
        print(line)
    if options.json:
        report.save(options.json, document, None)
    shown = all(gates.holds(verdict, "fail") for verdict in verdicts)
    return score_command.gravest({0 if shown else 1, *score_command.codes(outcomes)})
