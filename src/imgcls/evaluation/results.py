"""What was predicted, counted and read back: a dataset's outcome, its predictions, and the rows of the document."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress, islice
from typing import Any

import numpy as np

from imgcls import messages
from imgcls.evaluation import metrics, units
from imgcls.evaluation.distinct import Flags
from imgcls.evaluation.state import DatasetState, ModelState, RemarksByImage
from imgcls.records.comparison import Prediction
from imgcls.records.config import Precision
from imgcls.records.evaluation import DatasetOutcome, ModelInfo, Output, PairOutcome, Scores, Verdict
from imgcls.records.report import DatasetFiles, Result
from imgcls.records.runtime import Screened
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
    if not state.finished:  # what was computed last may be stored or not
        for model in state.models.values():
            model.missing = state.distinct.missing(store, model.key, model.rejected)
            model.missing |= model.left(state)
    pairs = tuple(_pair(model, state, store) for model in state.names)
    complete = state.finished and not any(pair.scores.unscored for pair in pairs)
    return DatasetOutcome(
        name,
        state.dataset.exif,
        complete,
        tuple(state.passes),
        pairs,
        state.rejections(),
        ignored_suffixes=listing.ignored_suffixes,
        empty_classes=_empty_classes(state),
        remarks=_remarks(state),
        notes=(*listing.notes, *_shared_groups(state), *store.damage.take()),
        groups=state.groups,
        all_paths=listing.all_paths,
    )


def _shared_groups(state: DatasetState) -> Iterator[str]:
    """A note where groups have the same bytes, and so are one group."""
    grouped = state.images if state.groups else ()
    names = {image.group for image in grouped if image.group is not None}
    if shared := sorted(names - set(state.groups.values())):
        group = "group has" if len(shared) == 1 else "groups have"
        yield (
            f"{len(shared)} {group} an image of the same bytes as another group and "
            f"{'counts' if len(shared) == 1 else 'count'} as one with it: {messages.named(shared)}"
        )


def _empty_classes(state: DatasetState) -> tuple[str, ...]:
    """The folders of which no image is left, because there was none or because all were rejected."""
    labels = state.images.labels
    rejected = [state.rejected(model) for model in state.models.values()]
    of_all = np.flatnonzero(np.logical_and.reduce(rejected)).tolist() if rejected else []
    gone = Counter(image.label for image in state.images.at(of_all))
    empty = {label for label, count in gone.items() if label is not None and count == labels[label]}
    return tuple(sorted(empty.union(state.listing.empty_classes) - {label for label in labels if label not in empty}))


def _remarks(state: DatasetState) -> dict[str, int]:
    """The number of images by remark, of those that a model was scored on."""
    scored: dict[int, tuple[RemarksByImage, Flags]] = {}
    for name, model in state.models.items():
        if model.remarks and len(model.remarks.phrases) > 1 and name not in state.failures:
            remarks, flags = scored.get(id(model.remarks), (model.remarks, np.zeros(len(state.images), bool)))
            scored[id(remarks)] = (remarks, flags | state.scored(model))
    counts = Counter[str]()
    for phrases, images in _said([(remarks, state.listed(flags)) for remarks, flags in scored.values()], state):
        counts.update(dict.fromkeys(phrases, images))
    return dict(sorted(counts.items()))


def _said(scored: Sequence[tuple[RemarksByImage, Flags]], state: DatasetState) -> Iterator[tuple[set[str], int]]:
    """What several rules say of the same images, and the number of these images."""
    numbers = [np.where(flags, state.listed(remarks.numbers), 0) for remarks, flags in scored]
    if numbers:
        of_images = np.stack(numbers)
        rows, counts = np.unique(of_images[:, of_images.any(axis=0)], axis=1, return_counts=True)
        for row, images in zip(rows.T.tolist(), counts.tolist(), strict=True):
            yield {p for n, (remarks, _) in zip(row, scored, strict=True) for p in remarks.phrases[n]}, images


def _pair(name: str, state: DatasetState, store: Store) -> PairOutcome:
    model, failure, listing = state.models.get(name), state.failures.get(name), state.listing
    listed = len(listing.images) + len(listing.rejections) + listing.ignored
    rejected = len(listing.rejections) + (int(state.rejected(model).sum()) if model else 0)
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
        screened=None if failure else model.screened(state),
    )


def _set_seconds(model: ModelState, state: DatasetState, store: Store, images: int) -> float | None:
    """The seconds of listing the files, and those that this number of predictions takes; None where that is unknown."""
    seconds = store.seconds_per_image(model.key, state.dataset.name, machine.digest(model.info.device))
    return None if seconds is None else state.listing_seconds + images * seconds


def _tallied(scores: Scores, model: ModelState, state: DatasetState, store: Store) -> Scores:
    """The scores plus the counts of every listed image; an image that was rejected does not count.

    Raises StoreError where a prediction is not found in the store.
    """
    scored = ~state.rejected(model) if state.finished else state.listed(state.scored(model))
    contested = np.flatnonzero(scored & state.contested).tolist()
    drawn = units.draw(state.images.at(contested), state.groups) if contested else None
    of_units = units.UnitTally(drawn, scores, model.matching) if drawn else None
    images = iter(state.images)
    for start in range(0, len(state.images), IMAGES_PER_QUERY):
        batch = list(compress(islice(images, IMAGES_PER_QUERY), scored[start : start + IMAGES_PER_QUERY].tolist()))
        outputs = store.outputs(model.key, [image.sha256 for image in batch])
        if not outputs.keys() >= {image.sha256 for image in batch}:
            raise lost(store.file, "what this run predicted")  # the file is not in order: it was written a moment ago
        predicted = [(image, outputs[image.sha256]) for image in batch]
        scores = metrics.tally(scores, predicted, model.matching)
        if of_units:
            of_units.add(predicted)
    distinct = int((scored & state.distinct.flags).sum())
    return replace(scores, distinct=distinct, units=of_units.counted() if of_units else None)


def predictions(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome], best: int = 5) -> Iterator[Prediction]:
    """The best classes of every image by every model, read from the store batch by batch.

    Raises StoreError where a prediction that was counted is damaged or lost.
    """
    for outcome in outcomes:
        pairs = [(p, store.names(p.labels)) for p in outcome.pairs if p.labels is not None and p.failure is None]
        images = Counter[str]()
        for batch in store.listing(run_id, outcome.dataset):
            hashes = [sha256 for _, sha256, _ in batch]
            outputs = [store.outputs(str(pair.prediction_key), hashes) for pair, _ in pairs]
            for path, sha256, label in batch:
                for (pair, names), stored in zip(pairs, outputs, strict=True):
                    if sha256 in stored:
                        images[pair.scores.model] += 1
                        top = metrics.top_classes(stored[sha256], names, best)
                        what = (pair.scores.model, outcome.dataset, path, sha256, label, top)
                        yield Prediction(*what, outcome.groups.get(sha256), _precision(stored[sha256], pair))
        if any(images[pair.scores.model] < pair.scores.scored for pair, _ in pairs):
            raise lost(store.file, f"what was predicted on {outcome.dataset}")


def _precision(output: Output, pair: PairOutcome) -> Precision | None:
    if output.form is None or pair.facts is None:
        return None
    return pair.facts.precision if output.form == "reduced" else "float32"


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
        **(_model_columns(pair.facts, pair.screened) if pair.facts else dict.fromkeys(MODEL_COLUMNS)),
        **{name: getattr(scores, name) for name in counts},
        **accuracy_columns(scores),
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
        units=scores.units,
        screened=pair.screened,
    )


def files_of(outcome: DatasetOutcome) -> DatasetFiles:
    """What happened to the files of a dataset."""
    of_models = [pair.scores for pair in outcome.pairs]
    return DatasetFiles(
        dataset=outcome.dataset,
        listed=max((scores.listed for scores in of_models), default=0),
        scored=max((scores.scored for scores in of_models), default=0),
        rejected=max(of_models, key=lambda scores: scores.scored).rejected if of_models else len(outcome.rejections),
        ignored=max((scores.ignored for scores in of_models), default=0),
        ignored_suffixes=outcome.ignored_suffixes,
        empty_classes=outcome.empty_classes,
        remarks=outcome.remarks,
        notes=outcome.notes,
        all_paths=outcome.all_paths,
    )


def _model_columns(info: ModelInfo, screened: Screened | None) -> dict[str, Any]:
    """The columns that describe the model; without a loaded model they are empty."""
    values = (
        info.runtime,
        "auto" if screened else info.precision,
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


def accuracy_columns(scores: Scores) -> dict[str, Any]:
    """Per cent of the scored images, with the 95 % Wilson interval of the units; None where none was scored.

    The keys are timm's names.
    """
    counted = scores.counted
    counts = {"top1": (scores.top1_count, counted.top1_count), "top5": (scores.top5_count, counted.top5_count)}
    columns: dict[str, Any] = {}
    for name, (count, of_units) in counts.items():
        values: Sequence[float | None] = (None,) * 4
        if scores.scored:
            interval, value = proportions.wilson(of_units, counted.scored), 100 * count / scores.scored
            values = (value, 100 - value, 100 * interval.low, 100 * interval.high)
        columns |= zip((name, f"{name}_err", f"{name}_low", f"{name}_high"), values, strict=True)
    return columns
