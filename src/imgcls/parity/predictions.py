"""What the stored predictions of a reference and of an export have in common, image by image."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from imgcls.comparison import compare
from imgcls.records.comparison import Comparison, Flip, Prediction, ScoredModel
from imgcls.records.evaluation import Output
from imgcls.store.connection import IMAGES_PER_QUERY
from imgcls.store.database import Store


@dataclass(frozen=True, slots=True)
class Common:
    """The images with predictions of both models, by sha256, and how many are predicted alike.

    ``flipped``: those whose best class has another index. ``comparison``: accuracies, and flips of all kinds.
    """

    images: tuple[str, ...]
    flipped: tuple[str, ...]
    same_top5: int
    comparison: Comparison


def common(reference: ScoredModel, export: ScoredModel, left_out: Collection[str] = ()) -> Common:
    """Two models of one run on one dataset. ``left_out``: images (sha256) that do not count, as of a calibration."""
    before, after = (_without(side, left_out) for side in (reference, export))
    pairs = [(before.predictions[key], new) for key, new in after.predictions.items() if key in before.predictions]
    distinct = {new.image_sha256: (old, new) for old, new in pairs}
    comparison = compare.scored_models(before, after)
    if all(new.label is None for _, new in pairs):
        comparison = replace(comparison, differences=())  # no image can be right or wrong
    if not comparison.refusals:
        comparison = replace(comparison, flips=(*comparison.flips, *_among_right(pairs, comparison.flips)))
    return Common(
        images=tuple(distinct),
        flipped=tuple(image for image, (old, new) in distinct.items() if _is_flip(old, new)),
        same_top5=sum(_top5(old) == _top5(new) for old, new in distinct.values()),
        comparison=comparison,
    )


def _without(side: ScoredModel, left_out: Collection[str]) -> ScoredModel:
    kept = {key: prediction for key, prediction in side.predictions.items() if key[0] not in left_out}
    return replace(side, predictions=kept)


def _is_flip(old: Prediction, new: Prediction) -> bool:
    return old.top[0].index != new.top[0].index


def _top5(prediction: Prediction) -> frozenset[int]:
    return frozenset(index for index, _, _ in prediction.top[:5])


def _among_right(pairs: Sequence[tuple[Prediction, Prediction]], flips: Sequence[Flip]) -> Iterator[Flip]:
    """The flips from one right class to another, where several are right for a folder."""
    known = {(flip.image_sha256, flip.label) for flip in flips}
    for old, new in pairs:
        if _is_flip(old, new) and (new.image_sha256, new.label) not in known:
            yield Flip("right to otherwise right", new.path, new.image_sha256, new.label, old.top[0], new.top[0])


def ties(store: Store, keys: tuple[str, str], flipped: Sequence[str], limit: float) -> int:
    """Of these images, how many are ties: the reference has both best classes within ``limit``, in units of logits.

    ``keys``: the prediction keys of reference and export. Raises StoreError.
    """
    return sum(_is_tie(old, new, limit) for old, new in _outputs(store, keys, flipped))


def _is_tie(old: Output, new: Output, limit: float) -> bool:
    logits = dict(old.top)
    other = logits.get(new.top[0][0])
    return other is not None and old.top[0][1] - other <= limit


def are_identical(store: Store, keys: tuple[str, str], images: Sequence[str]) -> bool:
    """Whether the stored logits of all these images are the same to the last bit. Raises StoreError."""
    return all((old.top, old.logsumexp) == (new.top, new.logsumexp) for old, new in _outputs(store, keys, images))


def _outputs(store: Store, keys: tuple[str, str], images: Sequence[str]) -> Iterator[tuple[Output, Output]]:
    for start in range(0, len(images), IMAGES_PER_QUERY):
        some = images[start : start + IMAGES_PER_QUERY]
        before, after = (store.outputs(key, some) for key in keys)
        yield from ((before[image], after[image]) for image in some)
