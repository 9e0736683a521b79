"""Which predictions changed between two runs, or differ between the models of one, and by how much."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from imgcls import messages
from imgcls.comparison import classes
from imgcls.comparison.common_images import CommonImages
from imgcls.comparison.table import Table
from imgcls.comparison.words import Numbers
from imgcls.records.comparison import (
    Change,
    ClassDifference,
    Comparison,
    Difference,
    Flip,
    Prediction,
    SavedRun,
    ScoredModel,
)
from imgcls.records.config import Accuracy
from imgcls.stats import certain, noninferiority, paired, units

BEST: Mapping[Accuracy, int] = {"top1": 1, "top5": 5}

REQUESTED = {"runtime": "runtime", "input": "input spec", "exif": "exif"}
"""What two runs of one model must have in common, in words."""

NOTED = ("precision", "decode", "device", "weights_file_sha256", "state_sha256")
"""What may differ between two runs, and is noted."""

WAY_OUT = {"runtime": " (request one of them with the model's key runtime, or save the earlier run again)"}

EXAMPLES = 3  # docs/decisions.md#names-in-a-message

ALPHA = 0.05  # docs/decisions.md#distinguishing-models

Accepted = Mapping[str, Sequence[int]]
"""The classes that are right for each folder."""

Right = NDArray[np.bool_]


def pair(before: SavedRun, after: SavedRun, model: str, dataset: str) -> Comparison:
    """One model on one dataset in two runs; a run that does not have it is a refusal."""
    for run in (before, after):
        if (model, dataset) not in run.scored:
            return Comparison(dataset, model, model, before.name, after.name, refusals=(_lacks(run, model, dataset),))
    return scored_models(before.scored[model, dataset], after.scored[model, dataset])


def _lacks(run: SavedRun, model: str, dataset: str) -> str:
    scored = ", ".join(" on ".join(known) for known in run.scored) or "nothing"
    if (model, dataset) not in run.left_out:
        return f"{run.name} has no {model} on {dataset}; it has {scored}"
    return (
        f"{run.name} was saved from a part of its configuration, without {model} on {dataset}; it has {scored}: "
        "save a run of the whole, or join the saved parts with imgcls merge"
    )


def scored_models(before: ScoredModel, after: ScoredModel) -> Comparison:
    """``after`` against ``before``, on the images that have the same bytes and the same label in both.

    Two models of one run may differ in everything but the dataset. Two runs of one model must have done the same
    work: another input spec, runtime or set of labels is a refusal that names it.
    """
    comparison = Comparison(
        after.setup.dataset,
        before.setup.model,
        after.setup.model,
        before_run=before.run,
        after_run=after.run,
    )
    common = CommonImages(Table.of(before.predictions), Table.of(after.predictions))
    accepted = _accepted(before, after)
    if refusals := tuple(_refusals(before, after, accepted, common)):
        return replace(comparison, refusals=refusals)
    right = {accuracy: _right(common, accepted or ({}, {}), best) for accuracy, best in BEST.items()}
    counted = common.counted()
    of_units = {accuracy: (old[counted], new[counted]) for accuracy, (old, new) in right.items()}
    same = _same_key(before, after) and all((old == new).all() for old, new in right.values())
    return replace(
        comparison,
        same=same,
        changed=tuple(_changed(before, after)),
        only_before=tuple(prediction.path for prediction in common.only_before()),
        only_after=tuple(prediction.path for prediction in common.only_after()),
        certain=tuple(accuracy for accuracy, best in BEST.items() if _is_certain(best, after, accepted)),
        differences=()
        if same
        else tuple(_difference(accuracy, *of_units[accuracy], len(common)) for accuracy in get_args(Accuracy)),
        flips=_flips(common, *right["top1"], by_name=not _same_classes(before, after)),
        classes=_classes(common, *right["top1"]),
    )


def groups(predictions: Iterable[Prediction]) -> dict[str, str]:
    """The group of each image that belongs to one, by sha256; groups that share an image, in any run, are one."""
    return units.merged((p.image_sha256, p.group) for p in predictions if p.group is not None)


def _classes(common: CommonImages, before: Right, after: Right) -> tuple[ClassDifference, ...]:
    counted = common.counted(by_label=True)
    return classes.differences(common.after.labels_at(common.new[counted]), before[counted], after[counted])


def _accepted(before: ScoredModel, after: ScoredModel) -> tuple[Accepted, Accepted] | None:
    """The accepted classes before and after, where one side does not have them those of the other; None without any."""
    old, new = before.setup.accepted, after.setup.accepted
    if (old is None and new is None) or (None in (old, new) and not _same_classes(before, after)):
        return None
    return (old if old is not None else new or {}), (new if new is not None else old or {})


def _is_certain(best: int, after: ScoredModel, accepted: tuple[Accepted, Accepted] | None) -> bool:
    return certain.is_certain(best, after.setup.class_count, accepted[1] if accepted else {})


def _refusals(
    before: ScoredModel, after: ScoredModel, accepted: tuple[Accepted, Accepted] | None, common: CommonImages
) -> Iterator[str]:
    if accepted is None:
        yield "labels: it is not known which classes are right for which folder"
    if before.run != after.run or before.setup.model == after.setup.model:
        for key, words in REQUESTED.items():
            old, new = getattr(before.setup, key), getattr(after.setup, key)
            if old and new and old != new:
                yield f"{words}: {old} -> {new}{WAY_OUT.get(key, '')}"
        yield from _other_labels(before, after, accepted or ({}, {}), common)
    if not len(common):
        counts = f"{len(before.predictions)} before, {len(after.predictions)} after"
        yield f"images: the two have none in common ({counts})"


def _other_labels(
    before: ScoredModel, after: ScoredModel, accepted: tuple[Accepted, Accepted], common: CommonImages
) -> Iterator[str]:
    if not _same_classes(before, after):
        yield "labels: the classes of the model have other names"
        return
    old, new = accepted
    changed = [label for label in new if label in old and sorted(old[label]) != sorted(new[label])]
    if changed:
        first = changed[0]
        folders = messages.counted(len(changed), "folder")
        yield f"labels: other classes are right for {folders}, as {first}: {old[first]} -> {new[first]}"
    relabelled = common.relabelled()
    if len(relabelled):
        have = f"{messages.counted(len(relabelled), 'image')} {'has' if len(relabelled) == 1 else 'have'}"
        yield f"labels: {have} another label, as {', '.join(_relabelled(common, relabelled[:EXAMPLES]))}"


def _relabelled(common: CommonImages, positions: Numbers) -> Iterator[str]:
    for position, prediction in zip(positions.tolist(), common.after.at(positions), strict=True):
        labels = " ".join(map(str, common.labels_before(position)))
        yield f"{prediction.path}: {labels} -> {prediction.label}"


def _same_classes(before: ScoredModel, after: ScoredModel) -> bool:
    """Whether a class number means the same on both sides."""
    old, new = before.setup.labels_sha256, after.setup.labels_sha256
    return old is None or new is None or old == new


def _same_key(before: ScoredModel, after: ScoredModel) -> bool:
    return after.setup.prediction_key is not None and after.setup.prediction_key == before.setup.prediction_key


def _changed(before: ScoredModel, after: ScoredModel) -> Iterator[str]:
    """What differs and is not a refusal: weights, precision, versions of libraries."""
    for key in NOTED:
        old, new = getattr(before.setup, key), getattr(after.setup, key)
        if old and new and old != new:
            yield key.removesuffix("_sha256").replace("_", " ") if key.endswith("sha256") else f"{key} {old} -> {new}"
    for library, version in after.environment.items():
        if before.environment.get(library, version) != version:
            yield f"{library} {before.environment[library]} -> {version}"


def is_right(prediction: Prediction, accepted: Accepted, best: int) -> bool:
    """Whether one of the ``best`` first classes is right for the image's folder."""
    right = accepted.get(prediction.label, ()) if prediction.label is not None else ()
    return any(index in right for index, _, _ in prediction.top[:best])


def _right(common: CommonImages, accepted: tuple[Accepted, Accepted], best: int) -> tuple[Right, Right]:
    """For each common image, whether it is right before and after."""
    old, new = accepted
    return common.before.right(old, best)[common.old], common.after.right(new, best)[common.new]


def _difference(accuracy: Accuracy, before: Right, after: Right, images: int) -> Difference:
    """``before`` and ``after``: of the units in so many ``images``."""
    n, losses, gains = len(after), int((before & ~after).sum()), int((after & ~before).sum())
    interval = noninferiority.difference_bounds(losses, gains, n, confidence=0.975)
    return Difference(
        accuracy=accuracy,
        images=n,
        before_count=int(before.sum()),
        after_count=int(after.sum()),
        losses=losses,
        gains=gains,
        difference=(gains - losses) / n,
        low=interval.low,
        high=interval.high,
        p_value=paired.mcnemar(losses, gains),
        detectable=paired.detectable_difference(n, (losses + gains) / n, ALPHA),
        of_images=images if n < images else None,
    )


def _flips(common: CommonImages, before: Right, after: Right, *, by_name: bool) -> tuple[Flip, ...]:
    """By kind of change, the most confident new prediction first."""
    flipped = np.flatnonzero((before != after) | (~before & ~after & common.have_other_best(by_name=by_name)))
    pairs = zip(
        before[flipped].tolist(), after[flipped].tolist(),
        common.before.at(common.old[flipped]), common.after.at(common.new[flipped]), strict=True,
    )  # fmt: skip
    flips = [
        Flip(_change(was_right, is_right_now), new.path, new.image_sha256, new.label, old.top[0], new.top[0])
        for was_right, is_right_now, old, new in pairs
    ]
    order = get_args(Change)
    return tuple(sorted(flips, key=lambda flip: (order.index(flip.change), -flip.after[2], flip.path)))


def _change(was_right: bool, is_right_now: bool) -> Change:
    if was_right != is_right_now:
        return "right to wrong" if was_right else "wrong to right"
    return "wrong to otherwise wrong"
