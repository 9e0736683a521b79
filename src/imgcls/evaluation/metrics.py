"""From logits to predictions, from predictions to counts."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgcls.errors import ModelError
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import ClassProbability, ClassScore, Output, Scores

STORED_CLASSES = 10  # docs/decisions.md#stored-predictions
"""The number of best classes in a stored prediction."""


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities over the last axis, in float64; shapes stay."""
    from scipy import special

    return np.asarray(special.softmax(np.asarray(logits, dtype=np.float64), axis=-1))


def _logsumexp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row: (n, classes) -> (n,). SciPy's takes ten times as long: docs/decisions.md#outputs-of-a-batch."""
    highest = values.max(axis=1)
    return np.asarray(highest + np.log(np.exp(values - highest[:, np.newaxis]).sum(axis=1)))


def top_k(values: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """The indices (n, k) of the ``k`` largest of each row (n, classes), largest first, ties by the lower index."""
    k = min(k, values.shape[1])
    kth = np.partition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k, np.newaxis]
    is_candidate = values >= kth
    if np.count_nonzero(is_candidate) > k * len(values):  # some row has a tie for the last place
        return np.argsort(-values, axis=1, kind="stable")[:, :k]
    candidates = np.nonzero(is_candidate)[1].reshape(len(values), k)
    order = np.argsort(-np.take_along_axis(values, candidates, axis=1), axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)


def outputs(logits: NDArray[np.float32], fingerprints: NDArray[np.float32], images: Sequence[ImageRef]) -> list[Output]:
    """One prediction per row of ``logits`` (n, classes); ``fingerprints`` is (n, 12).

    Raises ModelError, which names the image, where a logit is NaN or infinite.
    """
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        first = images[int(np.argmin(finite))]
        kind = "NaN" if np.isnan(logits[~finite][0]).any() else "infinite"
        raise ModelError(f"the model's logits are {kind} on {first.path}")
    totals = _logsumexp(logits.astype(np.float64))
    best = top_k(logits, STORED_CLASSES)
    rows = best.tolist(), np.take_along_axis(logits, best, axis=1).tolist(), totals.tolist(), fingerprints.tolist()
    return [
        Output(top=tuple(zip(classes, highest, strict=True)), logsumexp=total, fingerprint=tuple(fingerprint))
        for classes, highest, total, fingerprint in zip(*rows, strict=True)
    ]


def top_classes(output: Output, names: Sequence[str], k: int = 5) -> tuple[ClassProbability, ...]:
    """The ``k`` best classes of a stored prediction with their names and probabilities."""
    return tuple(
        ClassProbability(index, names[index], math.exp(logit - output.logsumexp)) for index, logit in output.top[:k]
    )


def tally(scores: Scores, images: Iterable[tuple[ImageRef, Output]], matching: Matching) -> Scores:
    """``scores`` plus what these images add to its counts; images without a label add mass only."""
    scored = top1_count = top5_count = 0
    classes: dict[str, ClassScore] = {}
    mass: dict[int, float] = {}
    folder_of = {index: label for label, indices in matching.accepted.items() for index in indices}
    for image, output in images:
        scored += 1
        for index, logit in output.top:
            mass[index] = mass.get(index, 0.0) + math.exp(logit - output.logsumexp)
        if image.label is None:
            continue
        right = matching.accepted[image.label]
        hits = [index in right for index, _ in output.top[:5]]
        one = ClassScore(1, int(hits[0]), int(any(hits)))
        top1_count += one.top1_count
        top5_count += one.top5_count
        classes[image.label] = classes.get(image.label, ClassScore()) + one
        predicted = image.label if hits[0] else folder_of.get(output.top[0][0])
        if predicted is not None:
            classes[predicted] = classes.get(predicted, ClassScore()) + ClassScore(answered=1)
    return scores + Scores(
        scores.model,
        scores.dataset,
        scored=scored,
        top1_count=top1_count,
        top5_count=top5_count,
        classes=classes,
        mass=mass,
    )


def macro_f1(classes: Mapping[str, ClassScore]) -> float:
    """The mean over all folders of the F1 of their best classes, a fraction (scikit-learn's macro average).

    A prediction counts for the folder it is right for: the image's own where that accepts it, and none where
    no folder does. A folder without images and without predictions counts as 0.
    """
    right = np.array([score.top1_count for score in classes.values()], np.float64)
    images = np.array([score.scored + score.answered for score in classes.values()], np.float64)
    return float(np.mean(np.divide(2 * right, images, out=np.zeros_like(right), where=images > 0)))


def overall(scores: Scores, names: Sequence[str], k: int = 5) -> tuple[ClassProbability, ...]:
    """The dataset's overall classes: mean probability over the scored images, ties by the lower index.

    A class counts on the images where it is among the ten best.
    """
    ranked = sorted(scores.mass.items(), key=lambda item: (-item[1], item[0]))[:k]
    return tuple(ClassProbability(index, names[index], mass / scores.scored) for index, mass in ranked)
