"""The run in the store, as comparisons read it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import numpy as np

from imgcls.comparison import compare
from imgcls.evaluation import results
from imgcls.records.comparison import ImageKey, PairwiseTest, Prediction, RunSetup, SavedRun, ScoredModel
from imgcls.records.evaluation import DatasetOutcome
from imgcls.records.report import Result
from imgcls.store.database import Store
from imgcls.system import versions as library_versions

THIS_RUN = "this run"


def scored(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> SavedRun:
    """A run with all its predictions in memory. Raises StoreError."""
    predictions: defaultdict[tuple[str, str], dict[ImageKey, Prediction]] = defaultdict(dict)
    for prediction in results.predictions(store, run_id, outcomes):
        pair = (prediction.model, prediction.dataset)
        predictions[pair].setdefault((prediction.image_sha256, prediction.label), prediction)
    setups = [setup_of(results.result_of(pair, outcome, {})) for outcome in outcomes for pair in outcome.pairs]
    versions = library_versions.environment()
    models = {
        (setup.model, setup.dataset): ScoredModel(THIS_RUN, versions, setup, predictions[setup.model, setup.dataset])
        for setup in setups
    }
    return SavedRun(THIS_RUN, models)


def setup_of(result: Result) -> RunSetup:
    """As much of a result as comparisons need."""
    return RunSetup(**{field.name: getattr(result, field.name) for field in fields(RunSetup)})


def pairwise_tests(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> Iterator[PairwiseTest]:
    """All pairs of the models that scored a whole dataset, dataset by dataset. Raises StoreError."""
    for outcome in outcomes:
        whole = {p.scores.model: p for p in outcome.pairs if p.scores.scored and not (p.failure or p.scores.unscored)}
        rows: defaultdict[ImageKey, list[bool]] = defaultdict(list)
        of_whole = replace(outcome, pairs=tuple(whole.values()))
        for prediction in results.predictions(store, run_id, [of_whole]):
            row = rows[prediction.image_sha256, prediction.label]
            if len(row) < len(whole):  # else the same bytes are listed again
                row.append(compare.is_right(prediction, whole[prediction.model].accepted, best=1))
        if len(whole) > 1:
            yield from compare.pairwise_tests(outcome.dataset, list(whole), np.array(list(rows.values())))
