"""What a run found, as a JSON document; files belong to the caller."""

import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from imgcls import compare, documents, runtimes, scoring, stats
from imgcls.records import (
    Comparison,
    Contrast,
    DatasetOutcome,
    Facts,
    PairOutcome,
    PictureKey,
    Prediction,
    Report,
    Result,
    Run,
    Scored,
    Setup,
    Verdict,
)
from imgcls.saved import FORMAT
from imgcls.store import Store

DESCRIBED = (
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
LIBRARIES = ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy")
THIS_RUN = "this run"


def build(
    outcomes: Sequence[DatasetOutcome],
    verdicts: Mapping[tuple[str, str], Sequence[Verdict]],
    complete: bool,
    contrasts: Sequence[Contrast] = (),
    comparisons: Sequence[Comparison] = (),
) -> Report:
    """The report of a run: ``complete`` says that nothing selected is missing from ``outcomes``."""
    return Report(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        complete=complete and all(outcome.complete for outcome in outcomes),
        environment=environment(),
        passes=tuple(p for outcome in outcomes for p in outcome.passes),
        results=tuple(_result(pair, outcome, verdicts) for outcome in outcomes for pair in outcome.pairs),
        rejections=tuple(rejection for outcome in outcomes for rejection in outcome.rejections),
        contrasts=tuple(contrasts),
        comparisons=tuple(comparisons),
    )


def environment() -> dict[str, str]:
    """The versions of everything that has a say in an answer."""
    versions = {name: metadata.version(name) for name in LIBRARIES}
    own = {name: version for runtime in runtimes.LIBRARIES for name, version in runtimes.version(runtime).items()}
    return {"python": platform.python_version(), "platform": platform.platform(), **versions, **own}


def _result(
    pair: PairOutcome, outcome: DatasetOutcome, verdicts: Mapping[tuple[str, str], Sequence[Verdict]]
) -> Result:
    scores = pair.scores
    seconds = sum(p.seconds for p in outcome.passes if scores.model in p.models)
    computed = scores.scored - pair.from_store
    counts = ("listed", "scored", "rejected", "ignored", "unscored", "distinct", "top1_count", "top5_count")
    return Result(
        model=scores.model,
        dataset=scores.dataset,
        **(_described(pair.facts) if pair.facts else dict.fromkeys(DESCRIBED)),
        **{name: getattr(scores, name) for name in counts},
        **_accuracy("top1", scores.top1_count, scores.scored),
        **_accuracy("top5", scores.top5_count, scores.scored),
        macro_f1=100 * scoring.macro_f1(scores.classes) if scores.classes else None,
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
    )


def _described(facts: Facts) -> dict[str, Any]:
    """The columns that say what the model is; without a loaded model they are empty."""
    values = (
        facts.runtime,
        facts.precision,
        facts.decode,
        facts.device,
        str(facts.input),
        facts.weights_file_sha256,
        facts.state_sha256,
        round(facts.parameters / 1e6, 2),
        facts.input.crop[0],
        facts.crop_pct,
        facts.input.interpolation,
    )
    return dict(zip(DESCRIBED, values, strict=True))


def _accuracy(name: str, count: int, n: int) -> dict[str, Any]:
    """Per cent of the scored pictures with the 95 % Wilson interval, under timm's names."""
    keys = (name, f"{name}_err", f"{name}_low", f"{name}_high")
    if not n:
        return dict.fromkeys(keys)
    interval, value = stats.wilson(count, n), 100 * count / n
    return dict(zip(keys, (value, 100 - value, 100 * interval.low, 100 * interval.high), strict=True))


def predictions(store: Store, run: str, outcomes: Sequence[DatasetOutcome]) -> Iterator[Prediction]:
    """The five best on every picture by every model, read from the store part by part."""
    for outcome in outcomes:
        pairs = [(p, store.names(p.labels)) for p in outcome.pairs if p.labels is not None and p.failure is None]
        for part in store.listing(run, outcome.dataset):
            images = [image for _, image, _ in part]
            answers = [store.answers(str(pair.prediction_key), images) for pair, _ in pairs]
            for path, image, label in part:
                for (pair, names), known in zip(pairs, answers, strict=True):
                    if image in known:
                        top = tuple((g.index, g.name, g.probability) for g in scoring.guesses(known[image], names))
                        yield Prediction(pair.scores.model, outcome.dataset, path, image, label, top)


def scored(store: Store, run: str, outcomes: Sequence[DatasetOutcome]) -> Run:
    """A run as comparisons read it, all predictions in memory. Raises StoreError."""
    found: defaultdict[tuple[str, str], dict[PictureKey, Prediction]] = defaultdict(dict)
    for prediction in predictions(store, run, outcomes):
        pair = (prediction.model, prediction.dataset)
        found[pair].setdefault((prediction.image_sha256, prediction.label), prediction)
    setups = [_setup(_result(pair, outcome, {})) for outcome in outcomes for pair in outcome.pairs]
    versions = environment()
    of_pairs = {(s.model, s.dataset): Scored(THIS_RUN, versions, s, found[s.model, s.dataset]) for s in setups}
    return Run(THIS_RUN, of_pairs)


def _setup(result: Result) -> Setup:
    return Setup(**{f.name: getattr(result, f.name) for f in fields(Setup)})


def contrasts(store: Store, run: str, outcomes: Sequence[DatasetOutcome]) -> Iterator[Contrast]:
    """All pairs of the models that scored a whole data set, data set by data set."""
    for outcome in outcomes:
        whole = {p.scores.model: p for p in outcome.pairs if p.scores.scored and not (p.failure or p.scores.unscored)}
        rows: defaultdict[PictureKey, list[bool]] = defaultdict(list)
        for found in predictions(store, run, [replace(outcome, pairs=tuple(whole.values()))]):
            row = rows[found.image_sha256, found.label]
            if len(row) < len(whole):  # the same bytes again
                row.append(compare.is_right(found, whole[found.model].accepted, best=1))
        if len(whole) > 1:
            yield from compare.contrasts(outcome.dataset, list(whole), np.array(list(rows.values())))


def write_json(stream: IO[bytes], report: Report, of_images: Iterator[Prediction] | None) -> None:
    """The result document (format 1), one prediction a line; ``None`` leaves the predictions out."""
    stream.write(b'{"format":%d,' % FORMAT + msgspec.json.encode(report)[1:-1])
    if of_images is not None:
        stream.write(b',"predictions":[')
        for number, prediction in enumerate(of_images):
            stream.write((b",\n" if number else b"\n") + msgspec.json.encode(prediction))
        stream.write(b"\n]")
    stream.write(b"}\n")


def save(path: Path, report: Report, of_images: Iterator[Prediction] | None) -> None:
    """:func:`write_json` into a file that is whole or, after any failure, what it was before. Raises OSError."""
    with documents.whole(path) as stream:
        write_json(stream, report, of_images)
