"""Parts of runs: documents of models on a few images, whose right classes are those of their folders."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders import INFO, make_outcome, make_scores
from imgcls import hashing
from imgcls.comparison.parts import Part
from imgcls.evaluation import metrics
from imgcls.records.comparison import Prediction
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import ClassProbability, Output, PairOutcome
from imgcls.reporting import result_document

NAMES = ("cat", "dog", "elk")
ACCEPTED = {name: (number,) for number, name in enumerate(NAMES)}


def make_part(
    file: str, images: Mapping[str, int], *, model: str = "net", dataset: str = "photos", **values: Any
) -> Part:
    """A model's document: the best class of each image by its path; keywords are values of its outcome."""
    refs = [ImageRef(path, Path(path), hashing.of_json(path), path.split("/")[0]) for path in images]
    folders = {ref.label: ACCEPTED[str(ref.label)] for ref in refs}
    outputs = [Output(((best, 1.0), ((best + 1) % 3, 0.0)), 1.5, ()) for best in images.values()]
    scores = replace(
        make_scores(model, listed=len(refs), scored=0, distinct=len(refs), top1_count=0, top5_count=0, class_count=3),
        dataset=dataset,
    )
    matching = Matching({str(label): frozenset(classes) for label, classes in folders.items()})
    scores = metrics.tally(scores, zip(refs, outputs, strict=True), matching)
    usual = {"facts": INFO, "prediction_key": f"key of {model}", "labels": "list", "accepted": folders}
    pair = PairOutcome(scores, **{**usual, **values})
    predictions = tuple(
        Prediction(model, dataset, ref.path, ref.sha256, ref.label, _top(best))
        for ref, best in zip(refs, images.values(), strict=True)
    )
    failed = pair.failure is not None
    report = result_document.build([make_outcome(pair, dataset=dataset)], {}, complete=not failed)
    return Part(Path(file), report, () if failed else predictions)


def _top(best: int) -> tuple[ClassProbability, ...]:
    second = (best + 1) % 3
    return (ClassProbability(best, NAMES[best], 0.7), ClassProbability(second, NAMES[second], 0.3))


def write(part: Part, folder: Path) -> Path:
    """The part as a file."""
    file = folder / part.file
    result_document.save(file, part.report, None if part.predictions is None else iter(part.predictions))
    return file
