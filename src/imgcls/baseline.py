"""The saved run that a run is held against, and the run that is kept as the last."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imgcls import compare, gates, report, saved
from imgcls.errors import ConfigError, ImgclsError
from imgcls.records import Comparison, DatasetOutcome, Margin, Prediction, Report, Verdict
from imgcls.store import Store

LAST = "last"
LAST_FILE = "last.json"


class Baseline:
    """A saved run, and how much worse than it a model may be."""

    def __init__(self, file: Path, margins: Mapping[str, Margin], *, common: bool) -> None:
        """``common``: pictures that one run alone has are left aside. Raises ConfigError."""
        self.run = saved.read(file)
        self.margins, self.common = margins, common
        self._found: dict[tuple[str, str], Comparison] = {}

    def comparison(self, store: Store, run: str, outcome: DatasetOutcome, model: str) -> Comparison:
        """One pair of a run against the same pair of the baseline. Raises StoreError."""
        pair = (model, outcome.dataset)
        if pair not in self._found:
            alone = replace(outcome, pairs=tuple(p for p in outcome.pairs if p.scores.model == model))
            self._found[pair] = compare.pair(self.run, report.scored(store, run, [alone]), model, outcome.dataset)
        return self._found[pair]

    def comparisons(self, store: Store, run: str, outcomes: Sequence[DatasetOutcome]) -> list[Comparison]:
        """All pairs of a run that were scored. Raises StoreError."""
        return [
            self.comparison(store, run, outcome, pair.scores.model)
            for outcome in outcomes
            for pair in outcome.pairs
            if not pair.failure
        ]

    def verdicts(self, store: Store, run: str, outcome: DatasetOutcome, model: str) -> tuple[Verdict, ...]:
        """What the gate on the comparison says. Raises StoreError."""
        return gates.compared(self.comparison(store, run, outcome, model), self.margins, common=self.common)


def locate(named: str, working: Path, store: Path | None) -> Path:
    """The file of a baseline; ``last`` is the run that :func:`keep_last` kept. Raises ConfigError."""
    if named != LAST:
        return working / named
    if store is None:
        raise ConfigError("with the store off there is no last run: name the file of a saved one")
    if not (store / LAST_FILE).is_file():
        raise ConfigError(
            f"there is no last run in {store}: a run is kept there when it is whole, no gate failed, and CI is not set"
        )
    return store / LAST_FILE


def keep_last(store: Path, document: Report, predictions: Iterator[Prediction]) -> None:
    """Keep a whole run in the store's folder as the last one, except where CI is set. Raises OSError, StoreError.

    For runs in which nothing failed: one that did would pass when it is repeated and compared with itself.
    """
    if document.complete and document.results and not os.environ.get("CI"):
        report.save(store / LAST_FILE, document, predictions)


def keep(file: Path, document: Report, predictions: Iterator[Prediction]) -> None:
    """Keep a run as a baseline. Raises ImgclsError where it is not whole, and OSError; then the file is as it was."""
    if not (document.complete and document.results):
        raise ImgclsError(f"{file} was left as it was: this run is not whole, and no baseline")
    report.save(file, document, predictions)
