"""What the verbs of the library return: a model's scores on a dataset, and the difference of two runs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from imgcls.errors import ConfigError, ImgclsError
from imgcls.gates import accuracy, regression
from imgcls.records.comparison import Comparison, Difference, Flip, Prediction, SavedRun
from imgcls.records.config import Accuracy
from imgcls.records.data import Rejection
from imgcls.records.evaluation import ClassScore, Interval, PairOutcome, Units, Verdict
from imgcls.records.report import Report
from imgcls.records.shards import Shard
from imgcls.records.thresholds import Gate, Margin, ProvenThreshold
from imgcls.session import results as session_results
from imgcls.session.results import Results
from imgcls.stats import units

if TYPE_CHECKING:
    from imgcls.session.session import Session


class Thresholds(TypedDict, total=False):
    """What :meth:`ScoreResult.judge` takes, accuracies as fractions.

    With ``confidence``, ``top1`` and ``top5`` must be shown and not only observed; ``class_top1`` is shown anyhow, with
    0.95 where none is given.
    """

    top1: float
    top5: float
    macro_f1: float
    min_images: int
    max_rejected: float
    class_top1: float
    worst_class: float
    confidence: float


class ScoreResult:
    """One model's scores on one dataset. Accuracies are fractions of the scored images, NaN where there is none.

    Intervals and verdicts are about ``units``, which are fewer where images were copied or belong to groups.
    ``listed = scored + rejected + ignored``. ``verdicts``: of the configuration's gates, where there is one.
    """

    def __init__(self, session: Session, results: Results) -> None:
        self._results = results
        self._pair: PairOutcome = results.outcomes[0].pairs[0]
        weakref.finalize(self, session.close)

    def __repr__(self) -> str:
        scores = self._pair.scores
        return (
            f"<ScoreResult {scores.model} on {scores.dataset}{f', {self.shard}' if self.shard else ''}: "
            f"top1 {self.units.top1:.4f}, top5 {self.units.top5:.4f} of {units.total(scores)} images>"
        )

    @property
    def model(self) -> str:
        return self._pair.scores.model

    @property
    def dataset(self) -> str:
        return self._pair.scores.dataset

    @property
    def shard(self) -> Shard | None:
        """The shard whose images were scored; None where all were."""
        return self._results.session.options.shard

    @property
    def listed(self) -> int:
        return self._pair.scores.listed

    @property
    def scored(self) -> int:
        return self._pair.scores.scored

    @property
    def rejected(self) -> int:
        return self._pair.scores.rejected

    @property
    def ignored(self) -> int:
        return self._pair.scores.ignored

    @property
    def top1(self) -> float:
        return self._pair.scores.top1

    @property
    def top5(self) -> float:
        return self._pair.scores.top5

    @property
    def macro_f1(self) -> float:
        from imgcls.evaluation import metrics

        return metrics.macro_f1(self.classes) if self.classes else float("nan")

    @property
    def classes(self) -> Mapping[str, ClassScore]:
        """Counts by folder."""
        return self._pair.scores.classes

    @property
    def units(self) -> Units:
        """Counts of what intervals and verdicts are about: images of different bytes or groups of them, once each."""
        return self._pair.scores.counted

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """The images that could not be scored, each with its reason."""
        return self._results.outcomes[0].rejections

    @property
    def document(self) -> Report:
        """The result document, without its predictions."""
        return self._results.document

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, converted or guessed, and the input that was used, a sentence each."""
        from imgcls.reporting import notes

        return tuple(notes.lines(self.document))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return self._results.verdicts.get((self.model, self.dataset), ())

    def predictions(self) -> Iterator[Prediction]:
        """The five best classes of every image, read from the store one by one."""
        return self._results.predictions()

    def interval(self, metric: Accuracy, confidence: float = 0.95) -> Interval:
        """The Wilson interval of ``top1`` or ``top5`` of the units, as fractions.

        Raises ValueError where nothing was scored.
        """
        from imgcls.stats import proportions

        counts = {"top1": self.units.top1_count, "top5": self.units.top5_count}
        return proportions.wilson(counts[metric], self.units.scored, confidence)

    def judge(self, **thresholds: Unpack[Thresholds]) -> tuple[Verdict, ...]:
        """The verdicts of these thresholds, the same as those of a configuration's gate with the same numbers."""
        self._require_whole()
        confidence = thresholds.get("confidence")

        def accuracy_threshold(value: float | None) -> float | ProvenThreshold | None:
            return value if value is None or confidence is None else ProvenThreshold(value, confidence)

        gate = Gate(
            top1=accuracy_threshold(thresholds.get("top1")),
            top5=accuracy_threshold(thresholds.get("top5")),
            macro_f1=thresholds.get("macro_f1"),
            min_images=thresholds.get("min_images"),
            max_rejected=thresholds.get("max_rejected", 0.0),
            class_top1=_shown(thresholds.get("class_top1"), confidence),
            worst_class=thresholds.get("worst_class"),
        )
        return accuracy.evaluate(gate, self._pair)

    def passes(self, **thresholds: Unpack[Thresholds]) -> bool:
        """Whether every verdict of :meth:`judge` is a pass."""
        return all(verdict.status == "pass" for verdict in self.judge(**thresholds))

    def save(self, file: str | Path) -> None:
        """Write the result document with its predictions, which is a baseline for later runs.

        Raises ImgclsError where the run is not whole.
        """
        self._require_whole()
        try:
            session_results.save_baseline(Path(file), self.document, self.predictions())
        except OSError as error:
            raise ImgclsError(f"{file} could not be written: {error}") from error

    def as_run(self) -> SavedRun:
        """The run as comparisons read it, all predictions in memory."""
        from imgcls.comparison import current_run

        self._require_whole()
        session = self._results.session
        return current_run.scored(session.store, session.run_id, self._results.outcomes)

    def _require_whole(self) -> None:
        """Raise ConfigError where this is one shard."""
        if self.shard:
            raise ConfigError(
                f"this is {self.shard}, not a whole run: merge the stores of all shards (imgcls store merge), and "
                "score on that store"
            )


def _shown(threshold: float | None, confidence: float | None) -> ProvenThreshold | None:
    if threshold is None:
        return None
    return ProvenThreshold(threshold) if confidence is None else ProvenThreshold(threshold, confidence)


@dataclass(frozen=True, slots=True)
class RunDifference:
    """What changed between two runs on the same images, pair by pair of model and dataset."""

    comparisons: tuple[Comparison, ...]

    @property
    def flips(self) -> tuple[Flip, ...]:
        """The images whose best class changed between right and wrong, or from one wrong class to another."""
        return tuple(flip for comparison in self.comparisons for flip in comparison.flips)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The differences of accuracies, with their exact intervals."""
        return tuple(difference for comparison in self.comparisons for difference in comparison.differences)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why something could not be compared; empty where everything was."""
        return tuple(refusal for comparison in self.comparisons for refusal in comparison.refusals)

    def judge(
        self, *, top1: float | None = None, top5: float | None = None, confidence: float = 0.95
    ) -> tuple[Verdict, ...]:
        """The verdicts on how much worse the second run may be, as fractions, like ``[compare]`` of a configuration."""
        given: Mapping[str, float | None] = {"top1": top1, "top5": top5}
        margins = {metric: Margin(margin, confidence) for metric, margin in given.items() if margin is not None}
        if not margins:
            raise ConfigError("name the margin that is allowed, as in not_worse(top1=0.005)")
        return tuple(
            verdict
            for comparison in self.comparisons
            for verdict in regression.compared(comparison, margins, common=False)
        )

    def not_worse(self, *, top1: float | None = None, top5: float | None = None, confidence: float = 0.95) -> bool:
        """Whether it is shown that the second run is worse by less than these margins."""
        return all(v.status == "pass" for v in self.judge(top1=top1, top5=top5, confidence=confidence))
