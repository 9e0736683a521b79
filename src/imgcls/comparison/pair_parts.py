"""One model on one dataset in several parts of a run: the same result twice, or the results of other images."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from imgcls import messages
from imgcls.comparison import compare
from imgcls.errors import ConfigError
from imgcls.evaluation import metrics, results, screening, units
from imgcls.performance import conditions
from imgcls.records.comparison import Prediction
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import Output, Scores
from imgcls.records.report import Result
from imgcls.records.shards import Shard

SAME = (
    *("runtime", "precision", "decode", "device", "input", "exif", "labels_sha256", "class_count"),
    *("weights_file_sha256", "state_sha256"),
)
"""What results of one model on other images of one dataset must have in common."""

COUNTS = ("listed", "scored", "rejected", "ignored", "unscored", "top1_count", "top5_count", "classes")

ADDED = ("listed", "scored", "rejected", "ignored", "unscored", "from_store")
"""The counts of paths, which are those of both parts together."""

OVERALL = "its images were scored in parts, of which the overall five are not known"

Key = tuple[str, str | None]
"""What a prediction is known by within its dataset: the path, and the label."""


@dataclass(frozen=True, slots=True)
class Row:
    """A result and the file it is from; ``predictions`` is ``None`` where the file has none.

    ``shard``: of which it is the result, or the first one of those that were joined. ``lacks``: why it is not whole.
    """

    file: Path
    result: Result
    predictions: Collection[Prediction] | None
    shard: Shard | None = None
    lacks: str = ""

    @property
    def title(self) -> str:
        return f"{self.result.model} on {self.result.dataset}"

    def by_key(self) -> dict[Key, Prediction]:
        return {(prediction.path, prediction.label): prediction for prediction in self.predictions or ()}


def joined(first: Row, second: Row) -> Row:
    """The result of both. Raises ConfigError, naming both files, where they are not parts of one run."""
    if first.result.failure or second.result.failure:
        return _failed(first, second)
    if unlike := conditions.unlike(first.result, second.result, SAME):
        refuse(first, second, f"with {unlike}")
    if first.predictions is None or second.predictions is None:
        return _counted_equally(first, second)
    one, other = first.by_key(), second.by_key()
    if one.keys() == other.keys():
        if different := [path for path, label in one if one[path, label] != other[path, label]]:
            refuse(first, second, f"with other predictions of {messages.named(different, 3)}")
        return first
    if common := one.keys() & other.keys():
        refuse(first, second, f"and of their images ({len(one)} and {len(other)}) only {len(common)} are the same")
    return of_both(first, second)


def refuse(first: Row, second: Row, why: str, way: str = "leave one of them out") -> NoReturn:
    """Raise ConfigError about two files that have one pair."""
    raise ConfigError(f"{first.title} is in {first.file} and in {second.file}, {why}: {way}")


def _failed(first: Row, second: Row) -> Row:
    if bool(first.result.failure) != bool(second.result.failure):
        refuse(first, second, f"and failed in {(first if first.result.failure else second).file}")
    return first


def _counted_equally(first: Row, second: Row) -> Row:
    """Without predictions, a result is the same where its counts are; which images were scored is not known."""
    if any(getattr(first.result, name) != getattr(second.result, name) for name in COUNTS):
        refuse(first, second, "with other counts; parts of its images are joined where no json-summary left them out")
    return first if first.predictions is not None else second


def of_both(first: Row, second: Row) -> Row:
    """The result over the images of both, counted anew: an image may be taken for a class of the other part."""
    both = (first.result, second.result)
    predictions = tuple(sorted((*(first.predictions or ()), *(second.predictions or ())), key=lambda p: p.path))
    accepted = {**both[0].accepted, **both[1].accepted}
    if any(accepted[label] != classes for label, classes in both[0].accepted.items()):
        refuse(first, second, "and other classes are right for a folder")
    scores = _scores(first.result, predictions, accepted)
    return Row(
        first.file,
        replace(
            both[0],
            **{name: getattr(both[0], name) + getattr(both[1], name) for name in ADDED},
            distinct=len({prediction.image_sha256 for prediction in predictions}),
            top1_count=scores.top1_count,
            top5_count=scores.top5_count,
            **results.accuracy_columns(scores),
            units=scores.units,
            macro_f1=100 * metrics.macro_f1(scores.classes) if scores.classes else None,
            classes=scores.classes,
            accepted=accepted,
            overall_top5=(),
            images_per_second=None,
            set_seconds=None,
            drifts={},
            screened=screening.added(both[0].screened, both[1].screened),
            notes=tuple(dict.fromkeys((*both[0].notes, *both[1].notes, OVERALL))),
        ),
        predictions,
    )


def _scores(result: Result, predictions: tuple[Prediction, ...], accepted: dict[str, tuple[int, ...]]) -> Scores:
    """The counts of these predictions; of probabilities nothing is counted."""
    images = [
        (
            ImageRef(prediction.path, Path(prediction.path), prediction.image_sha256, prediction.label),
            Output(tuple((index, 0.0) for index, _, _ in prediction.top), 0.0, ()),
        )
        for prediction in predictions
    ]
    matching = Matching({label: frozenset(classes) for label, classes in accepted.items()})
    scores = metrics.tally(Scores(result.model, result.dataset), images, matching)
    drawn = units.draw([image for image, _ in images], compare.groups(predictions))
    if drawn is None:
        return scores
    of_units = units.UnitTally(drawn, scores, matching)
    of_units.add(images)
    return replace(scores, units=of_units.counted())
