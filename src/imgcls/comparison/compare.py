"""Which predictions changed between two runs, or differ between the models of one, and by how much."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from imgcls import messages
from imgcls.comparison import classes
from imgcls.records.comparison import (
    Change,
    ClassDifference,
    Comparison,
    Difference,
    Flip,
    ImageKey,
    PairwiseTest,
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

POINT = 0.01  # docs/decisions.md#distinguishing-models
"""The difference that is planned for where two models have equal counts."""

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
    accepted = _accepted(before, after)
    if refusals := tuple(_refusals(before, after, accepted)):
        return replace(comparison, refusals=refusals)
    common = [key for key in after.predictions if key in before.predictions]
    pairs = [(before.predictions[key], after.predictions[key]) for key in common]
    right = {accuracy: _right(pairs, accepted or ({}, {}), best) for accuracy, best in BEST.items()}
    of_groups = groups(chain.from_iterable(pairs))
    counted = units.drawn(common, of_groups)
    of_units = {accuracy: (old[counted], new[counted]) for accuracy, (old, new) in right.items()}
    same = _same_key(before, after) and all((old == new).all() for old, new in right.values())
    return replace(
        comparison,
        same=same,
        changed=tuple(_changed(before, after)),
        only_before=_paths_without(before, after),
        only_after=_paths_without(after, before),
        certain=tuple(accuracy for accuracy, best in BEST.items() if _is_certain(best, after, accepted)),
        differences=()
        if same
        else tuple(_difference(accuracy, *of_units[accuracy], len(common)) for accuracy in get_args(Accuracy)),
        flips=_flips(pairs, *right["top1"], by=0 if _same_classes(before, after) else 1),
        classes=_classes(common, of_groups, *right["top1"]),
    )


def groups(predictions: Iterable[Prediction]) -> dict[str, str]:
    """The group of each image that belongs to one, by sha256; groups that share an image, in any run, are one."""
    return units.merged((p.image_sha256, p.group) for p in predictions if p.group is not None)


def _classes(
    images: Sequence[ImageKey], of_groups: Mapping[str, str], before: Right, after: Right
) -> tuple[ClassDifference, ...]:
    counted = units.drawn(images, of_groups, by_label=True)
    return classes.differences([images[place][1] for place in counted], before[counted], after[counted])


def _accepted(before: ScoredModel, after: ScoredModel) -> tuple[Accepted, Accepted] | None:
    """The accepted classes before and after, where one side does not have them those of the other; None without any."""
    old, new = before.setup.accepted, after.setup.accepted
    if (old is None and new is None) or (None in (old, new) and not _same_classes(before, after)):
        return None
    return (old if old is not None else new or {}), (new if new is not None else old or {})


def _is_certain(best: int, after: ScoredModel, accepted: tuple[Accepted, Accepted] | None) -> bool:
    return certain.is_certain(best, after.setup.class_count, accepted[1] if accepted else {})


def _refusals(before: ScoredModel, after: ScoredModel, accepted: tuple[Accepted, Accepted] | None) -> Iterator[str]:
    if accepted is None:
        yield "labels: it is not known which classes are right for which folder"
    if before.run != after.run or before.setup.model == after.setup.model:
        for key, words in REQUESTED.items():
            old, new = getattr(before.setup, key), getattr(after.setup, key)
            if old and new and old != new:
                yield f"{words}: {old} -> {new}{WAY_OUT.get(key, '')}"
        yield from _other_labels(before, after, accepted or ({}, {}))
    if not before.predictions.keys() & after.predictions.keys():
        counts = f"{len(before.predictions)} before, {len(after.predictions)} after"
        yield f"images: the two have none in common ({counts})"


def _other_labels(before: ScoredModel, after: ScoredModel, accepted: tuple[Accepted, Accepted]) -> Iterator[str]:
    if not _same_classes(before, after):
        yield "labels: the classes of the model have other names"
        return
    old, new = accepted
    changed = [label for label in new if label in old and sorted(old[label]) != sorted(new[label])]
    if changed:
        first = changed[0]
        folders = messages.counted(len(changed), "folder")
        yield f"labels: other classes are right for {folders}, as {first}: {old[first]} -> {new[first]}"
    relabelled = list(_relabelled(before, after))
    if relabelled:
        have = f"{messages.counted(len(relabelled), 'image')} {'has' if len(relabelled) == 1 else 'have'}"
        yield f"labels: {have} another label, as {', '.join(relabelled[:EXAMPLES])}"


def _relabelled(before: ScoredModel, after: ScoredModel) -> Iterator[str]:
    labels = defaultdict(set)
    for image, label in before.predictions:
        labels[image].add(label)
    for (image, label), prediction in after.predictions.items():
        if image in labels and label not in labels[image]:
            yield f"{prediction.path}: {' '.join(map(str, labels[image]))} -> {label}"


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


def _paths_without(side: ScoredModel, other: ScoredModel) -> tuple[str, ...]:
    return tuple(p.path for key, p in side.predictions.items() if key not in other.predictions)


def is_right(prediction: Prediction, accepted: Accepted, best: int) -> bool:
    """Whether one of the ``best`` first classes is right for the image's folder."""
    right = accepted.get(prediction.label, ()) if prediction.label is not None else ()
    return any(index in right for index, _, _ in prediction.top[:best])


def _right(
    pairs: Sequence[tuple[Prediction, Prediction]], accepted: tuple[Accepted, Accepted], best: int
) -> tuple[Right, Right]:
    """For each image, whether it is right before and after."""
    old, new = accepted
    before = [is_right(prediction, old, best) for prediction, _ in pairs]
    after = [is_right(prediction, new, best) for _, prediction in pairs]
    return np.array(before, dtype=bool), np.array(after, dtype=bool)


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


def _flips(pairs: Sequence[tuple[Prediction, Prediction]], before: Right, after: Right, by: int) -> tuple[Flip, ...]:
    """By kind of change, the most confident new prediction first; ``by``: 0 compares classes by number, 1 by name."""
    flips = []
    for (old, new), was_right, is_right_now in zip(pairs, before, after, strict=True):
        change = _change(bool(was_right), bool(is_right_now), other=old.top[0][by] != new.top[0][by])
        if change:
            flips.append(Flip(change, new.path, new.image_sha256, new.label, old.top[0], new.top[0]))
    order = get_args(Change)
    return tuple(sorted(flips, key=lambda flip: (order.index(flip.change), -flip.after[2], flip.path)))


def _change(was_right: bool, is_right_now: bool, *, other: bool) -> Change | None:
    if was_right != is_right_now:
        return "right to wrong" if was_right else "wrong to right"
    return "wrong to otherwise wrong" if other and not was_right else None


def all_pairs(scored: Sequence[ScoredModel]) -> tuple[PairwiseTest, ...]:
    """All pairs of models of one dataset, on the images that all of them have predictions of.

    Empty where there is no such image, or where the accepted classes of a model are not known.
    """
    first, *others = scored
    keys = [key for key in first.predictions if all(key in other.predictions for other in others)]
    if not keys or any(s.setup.accepted is None for s in scored):
        return ()
    right = {key: [is_right(s.predictions[key], s.setup.accepted or {}, best=1) for s in scored] for key in keys}
    of_groups = groups(s.predictions[key] for key in keys for s in scored)
    return by_units(first.setup.dataset, [s.setup.model for s in scored], right, of_groups)


def by_units(
    dataset: str, models: Sequence[str], right: Mapping[ImageKey, Sequence[bool]], of_groups: Mapping[str, str]
) -> tuple[PairwiseTest, ...]:
    """:func:`pairwise_tests` on one image of each unit.

    ``right``: whether each model is, by image; ``of_groups``: the group of each image that belongs to one, by sha256.
    """
    counted = units.drawn(list(right), of_groups)
    of_images = len(right) if len(counted) < len(right) else None
    return pairwise_tests(dataset, models, np.array(list(right.values()), dtype=bool)[counted], of_images)


def pairwise_tests(
    dataset: str, models: Sequence[str], right: Right, of_images: int | None = None
) -> tuple[PairwiseTest, ...]:
    """All pairs of models in top-1 by exact McNemar, adjusted by Holm; ``right`` is (units, models)."""
    pairs = list(combinations(range(len(models)), 2))
    counts = [(int((right[:, a] & ~right[:, b]).sum()), int((right[:, b] & ~right[:, a]).sum())) for a, b in pairs]
    p_values = [paired.mcnemar(*discordant) for discordant in counts]
    n, tests = len(right), []
    for (a, b), (first, second), p_value, adjusted in zip(pairs, counts, p_values, paired.holm(p_values), strict=True):
        real, difference = adjusted <= ALPHA, (second - first) / n
        needed = None
        if not real:
            needed = paired.images_needed(difference or POINT, (first + second) / n, ALPHA / len(pairs))
        tests.append(
            PairwiseTest(
                dataset, models[a], models[b], n, first, second, difference, p_value, adjusted, real, needed, of_images
            )
        )
    return tuple(tests)
