"""The run in the store, as comparisons read it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from imgcls.comparison import compare, saved_run
from imgcls.evaluation import results
from imgcls.records.comparison import ImageKey, PairwiseTest, Prediction, SavedRun, ScoredModel
from imgcls.records.evaluation import DatasetOutcome
from imgcls.store.database import Store
from imgcls.system import versions as library_versions

THIS_RUN = "this run"


def scored(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> SavedRun:
    """A run with all its predictions in memory. Raises StoreError."""
    predictions: defaultdict[tuple[str, str], dict[ImageKey, Prediction]] = defaultdict(dict)
    for prediction in results.predictions(store, run_id, outcomes):
        pair = (prediction.model, prediction.dataset)
        predictions[pair].setdefault((prediction.image_sha256, prediction.label), prediction)
    setups = [
        saved_run.setup_of(results.result_of(pair, outcome, {})) for outcome in outcomes for pair in outcome.pairs
    ]
    versions = library_versions.environment()
    models = {
        (setup.model, setup.dataset): ScoredModel(THIS_RUN, versions, setup, predictions[setup.model, setup.dataset])
        for setup in setups
    }
    return SavedRun(THIS_RUN, models)


def pairwise_tests(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> Iterator[PairwiseTest]:
    """All pairs of the models that scored a whole dataset, dataset by dataset. Raises StoreError."""
    for outcome in outcomes:
        whole = {p.scores.model: p for p in outcome.pairs if p.scores.scored and not (p.failure or p.scores.unscored)}
        of_whole = replace(outcome, pairs=tuple(whole.values()))
        right: defaultdict[ImageKey, dict[str, bool]] = defaultdict(dict)
        for prediction in results.predictions(store, run_id, [of_whole]):
            is_right = compare.is_right(prediction, whole[prediction.model].accepted, best=1)
            right[prediction.image_sha256, prediction.label][prediction.model] = is_right
        of_all = {key: [row[model] for model in whole] for key, row in right.items() if row.keys() >= whole.keys()}
        if len(whole) > 1 and of_all:
            yield from compare.by_units(outcome.dataset, list(whole), of_all, outcome.groups)
