"""Scores of one model on one dataset, held against its thresholds; and which gates a run has."""

from collections.abc import Collection, Container, Iterator, Mapping
from typing import Literal

from imgcls import messages
from imgcls.gates import classes
from imgcls.gates.verdicts import verdict
from imgcls.records.config import Settings
from imgcls.records.evaluation import ClassScore, Interval, PairOutcome, Scores, Status, Units, Verdict
from imgcls.records.thresholds import Gate, ProvenThreshold
from imgcls.stats import certain, proportions, units

WORST_CLASSES = 5  # docs/decisions.md#names-in-a-message

BEST: Mapping[str, int] = {"top1": 1, "top5": 5, "macro_f1": 1, "class_top1": 1, "worst_class": 1}
"""Among how many best classes a right one counts, by metric."""

Pair = tuple[str, str]
"""A model and a dataset."""

OF_CLASSES = ("class_top1", "worst_class")
"""The metrics that are held against each class."""


def evaluate(gate: Gate, outcome: PairOutcome) -> tuple[Verdict, ...]:
    """One verdict per threshold of the gate; a model that failed to load or has no scored images never passes."""
    scores = outcome.scores
    if outcome.failure:
        return (verdict("scored", "error", outcome.failure.message),)
    if not scores.scored:
        rejected = f", {scores.rejected} of {scores.listed} rejected" if scores.rejected else ""
        return (verdict("images", "fail", f"{_pair(scores)}: no image was scored{rejected}"),)
    if scores.unscored:
        return (
            verdict(
                "complete",
                "error",
                f"{_pair(scores)}: the run was cut short, {messages.counted(scores.unscored, 'image')} not scored",
            ),
        )
    return tuple(_thresholds(gate, outcome))


def _pair(scores: Scores) -> str:
    return f"{scores.model} on {scores.dataset}"


def _thresholds(gate: Gate, outcome: PairOutcome) -> Iterator[Verdict]:
    scores = outcome.scores
    for metric in BEST:
        threshold = getattr(gate, metric)
        if threshold is None:
            continue
        if certain.is_certain(BEST[metric], scores.class_count, outcome.accepted):
            yield _meaningless(outcome, metric, threshold)
        elif metric in OF_CLASSES:
            yield classes.evaluate(metric, outcome, threshold)
        elif isinstance(threshold, ProvenThreshold):
            yield _proven(scores, metric, threshold)
        else:
            yield _macro_f1(scores, threshold) if metric == "macro_f1" else _observed(scores, metric, threshold)
    if gate.min_images is not None:
        yield _min_images(scores, gate.min_images)
    yield _max_rejected(scores, gate.max_rejected)


def _meaningless(outcome: PairOutcome, metric: str, threshold: float | ProvenThreshold) -> Verdict:
    """What any network passes was shown of none."""
    scores, fewest = outcome.scores, min(map(len, outcome.accepted.values()), default=1)
    accepted = f", of which {fewest} or more are right for every folder" if fewest > 1 else ""
    if certain.is_certain(BEST["top1"], scores.class_count, outcome.accepted):
        way = "no gate on accuracy can, so use a model with more classes, or folders that accept fewer"
    else:
        way = "use top1 or macro_f1 instead"
    message = (
        f"{_pair(scores)}: a {metric} gate cannot fail on a model with "
        f"{messages.counted(scores.class_count or 0, 'class')}{accepted}, as any network reaches 1: {way}"
    )
    if isinstance(threshold, ProvenThreshold):
        return verdict(metric, "error", message, threshold.min, threshold.confidence)
    return verdict(metric, "error", message, threshold)


def _observed(scores: Scores, metric: str, threshold: float) -> Verdict:
    """The observed value must reach the threshold; the message has its interval."""
    count, n = _count(scores.counted, metric), scores.counted.scored
    interval = proportions.wilson(count, n)
    message = (
        f"{_pair(scores)}: {metric} {count / n:.4f} ({count} of {units.total(scores)}), wanted {threshold:g}; "
        f"95 % interval {interval.low:.4f} to {interval.high:.4f}{_too_few(scores, metric, threshold, interval)}"
    )
    if count / n >= threshold:
        return verdict(metric, "pass", message, threshold)
    return verdict(metric, "fail", f"{message}; {_most_wrong(scores, metric)}", threshold)


def _count(counts: Units | ClassScore, metric: str) -> int:
    """The number of units that are right by a metric."""
    return counts.top1_count if metric == "top1" else counts.top5_count


def _are_too_few(scores: Scores) -> str:
    n = scores.counted.scored
    return f"{messages.counted(n, units.kind(scores))} {'is' if n == 1 else 'are'} too few to tell"


def _too_few(scores: Scores, metric: str, threshold: float, interval: Interval) -> str:
    """What the message adds where the interval holds both the observed value and the threshold."""
    if not interval.low <= threshold <= interval.high:
        return ""
    n = scores.counted.scored
    observed = _count(scores.counted, metric) / n
    needed = proportions.images_needed(observed, threshold)
    if needed is None:
        counted = messages.counted(n, units.kind(scores))
        return f"; it is just the value that is wanted, and {counted} cannot show on which side the model is"
    return f"; {_are_too_few(scores)} {observed:.4f} from {threshold:g}: about {_more(needed, n)} would"


def _more(needed: int, n: int) -> str:
    """A number of units in words, always above the number that was too few."""
    return f"{max(needed, n + 1):,}"


def _proven(scores: Scores, metric: str, threshold: ProvenThreshold) -> Verdict:
    """The lower bound must reach the threshold (Clopper-Pearson, one-sided: exact at every n)."""
    count, n = _count(scores.counted, metric), scores.counted.scored
    bounds = proportions.one_sided(count, n, threshold.confidence)
    status, deciding = _shown(bounds, threshold.min)
    message = (
        f"{_pair(scores)}: {metric} {count / n:.4f} ({count} of {units.total(scores)}), wanted {threshold.min:g} "
        f"with {100 * threshold.confidence:g} % confidence; {deciding} (one-sided Clopper-Pearson)"
    )
    if status == "inconclusive":
        needed = proportions.images_needed(count / n, threshold.min, threshold.confidence, sides=1)
        message = f"INCONCLUSIVE: {message}; {_are_too_few(scores)}"
        message += f": about {_more(needed, n)} would" if needed else ""
    if status == "fail":
        message += f"; {_most_wrong(scores, metric)}"
    return verdict(metric, status, message, threshold.min, threshold.confidence)


def _shown(bounds: Interval, threshold: float) -> tuple[Status, str]:
    """What two one-sided bounds show of a threshold, and the bound that decided."""
    if bounds.low >= threshold:
        return "pass", f"lower bound {bounds.low:.4f}"
    if bounds.high < threshold:
        return "fail", f"upper bound {bounds.high:.4f}"
    return "inconclusive", f"lower bound {bounds.low:.4f}, upper bound {bounds.high:.4f}"


def _most_wrong(scores: Scores, metric: str) -> str:
    """The folders with the most wrong units, each with the numbers of wrong and of scored units."""
    classes = scores.counted.classes
    lost = {label: score.scored - _count(score, metric) for label, score in classes.items()}
    worst = sorted(lost, key=lambda label: (-lost[label], label))[:WORST_CLASSES]
    counts = {label: f"{lost[label]} of {classes[label].scored}" for label in worst if lost[label]}
    return "most often wrong: " + ", ".join(f"{messages.spelled(label)} {count}" for label, count in counts.items())


def _macro_f1(scores: Scores, threshold: float) -> Verdict:
    from imgcls.evaluation import metrics

    of_classes = scores.counted.classes
    value = metrics.macro_f1(of_classes)
    message = (
        f"{_pair(scores)}: macro F1 {value:.4f} over {messages.counted(len(of_classes), 'folder')}, "
        f"{units.total(scores)} {messages.noun(scores.scored, 'image')}, wanted {threshold:g}"
    )
    return verdict("macro_f1", "pass" if value >= threshold else "fail", message, threshold)


def _min_images(scores: Scores, threshold: int) -> Verdict:
    message = f"{_pair(scores)}: {messages.counted(scores.distinct, 'different image')} scored, wanted {threshold}"
    return verdict("images", "pass" if scores.distinct >= threshold else "fail", message, threshold)


def _max_rejected(scores: Scores, threshold: float) -> Verdict:
    read = scores.scored + scores.rejected
    share = scores.rejected / read
    message = (
        f"{_pair(scores)}: {scores.rejected} of {messages.counted(read, 'image')} rejected "
        f"({share:.4f}), allowed {threshold:g} (max_rejected)"
    )
    return verdict("rejected", "pass" if share <= threshold else "fail", message, threshold)


def holds(verdict: Verdict, inconclusive: Literal["fail", "warn"]) -> bool:
    """Whether a verdict lets its test pass; one that is skipped has nothing that could fail."""
    passes = verdict.status in ("pass", "skipped")
    return passes or (verdict.status == "inconclusive" and inconclusive == "warn")


def total(settings: Settings, compared: Collection[Pair]) -> int:
    """The number of gates: one per pair with thresholds, and one per pair that is ``compared`` with a baseline."""
    return len(settings.gates) + len(compared)


def unevaluated(
    settings: Settings, judged: Container[Pair], compared: Collection[Pair], *, baseline: bool
) -> list[tuple[Pair, str, str]]:
    """The gates that were not evaluated: the pair, the gate in words, and why, where that is known here.

    ``judged``: the pairs that have verdicts.
    """
    missing = [(pair, " on ".join(pair), "") for pair in settings.gates if pair not in judged]
    why = "" if baseline else "no baseline was named"
    uncompared = [pair for pair in compared if not baseline or pair not in judged]
    return missing + [(pair, f"{' on '.join(pair)}, compare", why) for pair in uncompared]
