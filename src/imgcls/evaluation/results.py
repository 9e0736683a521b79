"""What was predicted, counted and read back: a dataset's outcome, its predictions, and the rows of the document."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from imgcls.evaluation import metrics
from imgcls.evaluation.state import DatasetState, ModelState
from imgcls.records.comparison import Prediction
from imgcls.records.data import Rejection
from imgcls.records.evaluation import DatasetOutcome, ModelInfo, PairOutcome, Scores, Verdict
from imgcls.records.report import DatasetFiles, Result
from imgcls.stats import proportions
from imgcls.store.connection import IMAGES_PER_QUERY
from imgcls.store.damage import lost
from imgcls.store.database import Store
from imgcls.store.runs import list_key
from imgcls.system import machine

MODEL_COLUMNS = (
    "runtime",
    "precision",
    "decode",
    "device",
    "input",
    "weights_file_sha256",
    "state_sha256",
    "param_count",
    "img_size",
    "crop_pct",
    "interpolation",
)


def count(state: DatasetState, store: Store) -> DatasetOutcome:
    """The counts of every model of a dataset, from the predictions in the store. Raises StoreError."""
    name, listing = state.dataset.name, state.listing
    rejections = listing.rejections + tuple(
        Rejection(name, image.path, *state.rejected[image.sha256])
        for image in listing.images
        if image.sha256 in state.rejected
    )
    pairs = tuple(_pair(model, state, len(rejections), store) for model in state.names)
    complete = state.finished and not any(pair.scores.unscored for pair in pairs)
    return DatasetOutcome(
        name,
        state.dataset.exif,
        complete,
        tuple(state.passes),
        pairs,
        rejections,
        ignored_suffixes=listing.ignored_suffixes,
        empty_classes=_empty_classes(state),
        remarks=_remarks(state, store),
        notes=(*listing.notes, *store.damage.take()),
    )


def _empty_classes(state: DatasetState) -> tuple[str, ...]:
    """The folders of which no image is left, because there was none or because all were rejected."""
    labels = {image.label for image in state.listing.images if image.label is not None}
    left = {image.label for image in state.listing.images if image.sha256 not in state.rejected}
    return tuple(sorted({*labels, *state.listing.empty_classes} - left))


def _remarks(state: DatasetState, store: Store) -> dict[str, int]:
    """The number of images by remark, of those that a model was scored on."""
    images = [image.sha256 for image in state.listing.images if image.sha256 in state.remarks]
    keys = [model.key for name, model in state.models.items() if name not in state.failures]
    scored = {image for key in keys for image in {*images} - store.missing(key, images)} - state.rejected.keys()
    return dict(
        sorted(Counter(phrase for image in images if image in scored for phrase in state.remarks[image]).items())
    )


def _pair(name: str, state: DatasetState, rejected: int, store: Store) -> PairOutcome:
    model, failure, listing = state.models.get(name), state.failures.get(name), state.listing
    listed = len(listing.images) + len(listing.rejections) + listing.ignored
    scores = Scores(name, state.dataset.name, listed=listed, rejected=rejected, ignored=listing.ignored)
    if model and not failure:
        scores = _tallied(scores, model, state, store)
    scores = replace(scores, unscored=scores.listed - scores.scored - scores.rejected - scores.ignored)
    if model is None:
        return PairOutcome(scores, failure=failure)
    return PairOutcome(
        replace(scores, class_count=model.outputs),
        facts=model.info,
        failure=failure,
        prediction_key=model.key,
        labels=list_key(model.labels),
        accepted={label: tuple(sorted(indices)) for label, indices in model.matching.accepted.items()},
        overall=metrics.overall(scores, model.labels.names) if scores.scored else (),
        from_store=model.from_store,
        ids_ignored=model.matching.ids_ignored,
        choice=model.choice,
        set_seconds=_set_seconds(model, state, store, scores.distinct),
    )


def _set_seconds(model: ModelState, state: DatasetState, store: Store, images: int) -> float | None:
    """The seconds of listing the files, and those that this number of predictions takes; None where that is unknown."""
    seconds = store.seconds_per_image(model.key, state.dataset.name, machine.digest(model.info.device))
    return None if seconds is None else state.listing_seconds + images * seconds


def _tallied(scores: Scores, model: ModelState, state: DatasetState, store: Store) -> Scores:
    """The scores plus the counts of every listed image; an image that was rejected does not count.

    Raises StoreError where every image was predicted, and a prediction is not found in the store.
    """
    distinct: set[str] = set()
    for start in range(0, len(state.listing.images), IMAGES_PER_QUERY):
        listed = state.listing.images[start : start + IMAGES_PER_QUERY]
        batch = [image for image in listed if image.sha256 not in state.rejected]
        outputs = store.outputs(model.key, [image.sha256 for image in batch])
        if state.finished and not outputs.keys() >= {image.sha256 for image in batch}:
            raise lost(store.file, "what this run predicted")  # the file is not in order: it was written a moment ago
        distinct.update(outputs)
        scored = [(image, outputs[image.sha256]) for image in batch if image.sha256 in outputs]
        scores = metrics.tally(scores, scored, model.matching)
    return replace(scores, distinct=len(distinct))


def predictions(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome], best: int = 5) -> Iterator[Prediction]:
    """The best classes of every image by every model, read from the store batch by batch.

    Raises StoreError where a prediction that was counted is damaged or lost.
    """
    for outcome in outcomes:
        pairs = [(p, store.names(p.labels)) for p in outcome.pairs if p.labels is not None and p.failure is None]
        images: dict[str, set[str]] = {pair.scores.model: set() for pair, _ in pairs}
        for batch in store.listing(run_id, outcome.dataset):
            hashes = [sha256 for _, sha256, _ in batch]
            outputs = [store.outputs(str(pair.prediction_key), hashes) for pair, _ in pairs]
            for path, sha256, label in batch:
                for (pair, names), stored in zip(pairs, outputs, strict=True):
                    if sha256 in stored:
                        images[pair.scores.model].add(sha256)
                        top = metrics.top_classes(stored[sha256], names, best)
                        yield Prediction(pair.scores.model, outcome.dataset, path, sha256, label, top)
        if any(len(images[pair.scores.model]) < pair.scores.distinct for pair, _ in pairs):
            raise lost(store.file, f"what was predicted on {outcome.dataset}")


def result_of(
    pair: PairOutcome, outcome: DatasetOutcome, verdicts: Mapping[tuple[str, str], Sequence[Verdict]]
) -> Result:
    """A pair's row of the result document, with its verdicts by (model, dataset)."""
    scores = pair.scores
    seconds = sum(p.seconds for p in outcome.passes if scores.model in p.models)
    computed = scores.scored - pair.from_store
    counts = ("listed", "scored", "rejected", "ignored", "unscored", "distinct", "top1_count", "top5_count")
    return Result(
        model=scores.model,
        dataset=scores.dataset,
        **(_model_columns(pair.facts) if pair.facts else dict.fromkeys(MODEL_COLUMNS)),
        **{name: getattr(scores, name) for name in counts},
        **accuracy_columns("top1", scores.top1_count, scores.scored),
        **accuracy_columns("top5", scores.top5_count, scores.scored),
        macro_f1=100 * metrics.macro_f1(scores.classes) if scores.classes else None,
        overall_top5=tuple((g.index, g.name, g.probability) for g in pair.overall),
        images_per_second=computed / seconds if seconds and computed > 0 else None,
        from_store=pair.from_store,
        ids_ignored=pair.ids_ignored,
        runtime_note=pair.choice.why if pair.choice else None,
        drifts=pair.choice.drifts if pair.choice else {},
        prediction_key=pair.prediction_key,
        exif=outcome.exif,
        labels_sha256=pair.labels,
        accepted=pair.accepted,
        classes=scores.classes,
        failure=pair.failure,
        verdicts=tuple(verdicts.get((scores.model, scores.dataset), ())),
        input_sources=pair.facts.input_sources if pair.facts else {},
        notes=pair.facts.notes if pair.facts else (),
        untrained=bool(pair.facts and pair.facts.untrained),
        class_count=scores.class_count,
        set_seconds=pair.set_seconds,
    )


def files_of(outcome: DatasetOutcome) -> DatasetFiles:
    """What happened to the files of a dataset."""
    of_models = [pair.scores for pair in outcome.pairs]
    return DatasetFiles(
        dataset=outcome.dataset,
        listed=max((scores.listed for scores in of_models), default=0),
        scored=max((scores.scored for scores in of_models), default=0),
        rejected=len(outcome.rejections),
        ignored=max((scores.ignored for scores in of_models), default=0),
        ignored_suffixes=outcome.ignored_suffixes,
        empty_classes=outcome.empty_classes,
        remarks=outcome.remarks,
        notes=outcome.notes,
    )


def _model_columns(info: ModelInfo) -> dict[str, Any]:
    """The columns that describe the model; without a loaded model they are empty."""
    values = (
        info.runtime,
        info.precision,
        info.decode,
        info.device,
        str(info.input),
        info.weights_file_sha256,
        info.state_sha256,
        round(info.parameters / 1e6, 2),
        info.input.crop[0],
        info.crop_pct,
        None if info.input.function else info.input.interpolation,
    )
    return dict(zip(MODEL_COLUMNS, values, strict=True))


def accuracy_columns(name: str, count: int, scored: int) -> dict[str, Any]:
    """Per cent of the scored images with the 95 % Wilson interval, under timm's names; None where none was scored."""
    keys = (name, f"{name}_err", f"{name}_low", f"{name}_high")
    if not scored:
        return dict.fromkeys(keys)
    interval, value = proportions.wilson(count, scored), 100 * count / scored
    return dict(zip(keys, (value, 100 - value, 100 * interval.low, 100 * interval.high), strict=True))
