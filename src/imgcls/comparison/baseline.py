"""The saved run that a run is compared with, and where the last run is stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imgcls.comparison import compare, current_run, saved_run
from imgcls.errors import ConfigError
from imgcls.records.comparison import Comparison
from imgcls.records.evaluation import DatasetOutcome
from imgcls.records.thresholds import Margin
from imgcls.store.database import Store

LAST = "last"

LAST_FILE = "last.json"

Pair = tuple[str, str]
"""A model and a dataset."""


class Baseline:
    """A saved run, and how much worse than it a model may be."""

    def __init__(self, file: Path, margins: Mapping[str, Margin]) -> None:
        """``margins``: by accuracy. Raises ConfigError where the file is not a whole run."""
        self.run = saved_run.read(file)
        self.margins = margins
        self._comparisons: dict[tuple[str, str], Comparison] = {}

    def comparison(self, store: Store, run_id: str, outcome: DatasetOutcome, model: str) -> Comparison:
        """A model on a dataset in a run against the same in the baseline. Raises StoreError."""
        pair = (model, outcome.dataset)
        if pair not in self._comparisons:
            of_model = replace(outcome, pairs=tuple(p for p in outcome.pairs if p.scores.model == model))
            current = current_run.scored(store, run_id, [of_model])
            self._comparisons[pair] = compare.pair(self.run, current, model, outcome.dataset)
        return self._comparisons[pair]

    def new_pairs(self, pairs: Collection[Pair]) -> list[Pair]:
        """Those of a whole configuration that are newer than the baseline.

        None where it has none of them: then it is of something else.
        """
        if not any(pair in self.run.scored for pair in pairs):
            return []
        return [pair for pair in pairs if pair not in self.run.scored and pair not in self.run.left_out]

    def gone_pairs(self, pairs: Collection[Pair]) -> list[Pair]:
        """Those of the baseline that a whole configuration does not have any more."""
        return [pair for pair in self.run.scored if pair not in pairs]

    def comparisons(self, store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> list[Comparison]:
        """Every model on every dataset that a run scored. Raises StoreError."""
        return [
            self.comparison(store, run_id, outcome, pair.scores.model)
            for outcome in outcomes
            for pair in outcome.pairs
            if not pair.failure
        ]


def locate(name: str, working: Path, store: Path | None) -> Path:
    """The file of a baseline; ``last`` is the last whole run in the store. Raises ConfigError."""
    if name != LAST:
        return working / name
    if store is None:
        raise ConfigError("with the store off there is no last run: name the file of a saved one")
    if not (store / LAST_FILE).is_file():
        raise ConfigError(
            f"there is no last run in {store}: a run is stored there when it is whole, no gate failed, "
            "and CI is not set"
        )
    return store / LAST_FILE
