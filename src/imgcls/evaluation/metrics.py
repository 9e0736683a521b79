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


def top_k(values: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """The indices of the ``k`` largest of a vector, largest first, ties by the lower index."""
    k = min(k, values.size)
    kth = np.partition(values, values.size - k)[values.size - k]
    candidates = np.flatnonzero(values >= kth)
    return candidates[np.argsort(-values[candidates], kind="stable")][:k]


def outputs(logits: NDArray[np.float32], fingerprints: NDArray[np.float32], images: Sequence[ImageRef]) -> list[Output]:
    """One prediction per row of ``logits`` (n, classes); ``fingerprints`` is (n, 12).

    Raises ModelError, which names the image, where a logit is NaN or infinite.
    """
    from scipy import special  # not needed to count stored predictions

    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        first = images[int(np.argmin(finite))]
        kind = "NaN" if np.isnan(logits[~finite][0]).any() else "infinite"
        raise ModelError(f"the model's logits are {kind} on {first.path}")
    totals = special.logsumexp(logits.astype(np.float64), axis=1)
    return [
        Output(
            top=tuple((int(i), float(row[i])) for i in top_k(row, STORED_CLASSES)),
            logsumexp=float(total),
            fingerprint=tuple(float(v) for v in fingerprint),
        )
        for row, total, fingerprint in zip(logits, totals, fingerprints, strict=True)
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
