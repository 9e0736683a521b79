"""Each class held against a threshold: what must be shown of all of them, and what must be observed of the lowest."""

from collections.abc import Iterator, Mapping

from imgcls import messages
from imgcls.gates.verdicts import verdict
from imgcls.records.evaluation import ClassScore, PairOutcome, Verdict
from imgcls.records.thresholds import ProvenThreshold
from imgcls.stats import paired, proportions, units

CONFIDENCE = 0.95  # docs/decisions.md#one-gate-for-many-classes
"""With which the interval of the lowest class holds, whichever class that is."""

Classes = Mapping[str, ClassScore]
"""The classes with scored images, the lowest accuracy first."""


def evaluate(metric: str, outcome: PairOutcome, threshold: float | ProvenThreshold) -> Verdict:
    """The verdict of ``class_top1`` (a table) or of ``worst_class`` (a number) on a pair with scored images."""
    classes = _lowest_first(outcome)
    if not classes:
        return verdict(metric, "inconclusive", f"INCONCLUSIVE: {_pair(outcome)}: {metric}: no image has a label")
    if isinstance(threshold, ProvenThreshold):
        return _shown(outcome, classes, threshold)
    return _observed(outcome, classes, threshold)


def _shown(outcome: PairOutcome, classes: Classes, threshold: ProvenThreshold) -> Verdict:
    """Passes where every class is shown to reach the threshold, fails where one is shown not to.

    All are shown where each is by itself (intersection-union test: Berger 1982, Technometrics 24:295); that one is
    below is shown by Holm over all of them.
    """
    limits = threshold.min, threshold.confidence
    title = f"{_pair(outcome)}: class_top1 of each of {messages.counted(len(classes), 'class')}{_in_units(outcome)}, "
    title += f"wanted {threshold.min:g} with {100 * threshold.confidence:g} % confidence"
    if below := _shown_below(classes, threshold):
        message = f"{title}; shown to be below it: {messages.named(below)} {_tested(classes)}"
        return verdict("class_top1", "fail", message, *limits)
    lows = {label: _low(score, threshold.confidence) for label, score in classes.items()}
    missed = [_counted(label, classes[label]) for label, low in lows.items() if low < threshold.min]
    if missed or _without_images(outcome):
        why = "; ".join(_why_unshown(outcome, classes, missed, threshold))
        return verdict("class_top1", "inconclusive", f"INCONCLUSIVE: {title}; {why}", *limits)
    lowest = min(lows, key=lows.__getitem__)
    bound = f"the lowest of their lower bounds is {lows[lowest]:.4f}, of {_named(lowest, classes)}"
    return verdict("class_top1", "pass", f"{title}; {bound} (one-sided Clopper-Pearson, class by class)", *limits)


def _shown_below(classes: Classes, threshold: ProvenThreshold) -> list[str]:
    """The classes that are shown not to reach the threshold, all of them right with its confidence."""
    p_values = [proportions.below_p(score.top1_count, score.scored, threshold.min) for score in classes.values()]
    adjusted = zip(classes.items(), paired.holm(p_values), strict=True)
    return [_counted(*item) for item, p_value in adjusted if p_value <= 1 - threshold.confidence]


def _tested(classes: Classes) -> str:
    return f"(exact binomial, Holm over {messages.counted(len(classes), 'class')})"


def _low(score: ClassScore, confidence: float) -> float:
    return proportions.one_sided(score.top1_count, score.scored, confidence).low


def _why_unshown(
    outcome: PairOutcome, classes: Classes, missed: list[str], threshold: ProvenThreshold
) -> Iterator[str]:
    if empty := _without_images(outcome):
        yield f"no image was scored of {messages.named(empty)}"
    if missed:
        yield f"not shown of {messages.named(missed)}, nor is any class shown to be below it {_tested(classes)}"
        lowest = next(iter(classes.values()))
        observed = lowest.top1_count / lowest.scored
        needed = proportions.images_needed(observed, threshold.min, threshold.confidence, sides=1)
        yield f"too few {units.kind(outcome.scores)}s of a class" + _needed(needed, lowest, "the first")


def _observed(outcome: PairOutcome, classes: Classes, threshold: float) -> Verdict:
    """The lowest class must reach the threshold; the message has an interval that allows for there being many."""
    label, lowest = next(iter(classes.items()))
    observed, confidence = lowest.top1_count / lowest.scored, 1 - (1 - CONFIDENCE) / len(classes)
    interval = proportions.wilson(lowest.top1_count, lowest.scored, confidence)
    message = (
        f"{_pair(outcome)}: worst class {_named(label, classes)} ({observed:.4f}), wanted {threshold:g}; "
        f"{100 * CONFIDENCE:g} % interval {interval.low:.4f} to {interval.high:.4f} (Bonferroni over "
        f"{messages.counted(len(classes), 'class')}{_in_units(outcome, ', ')})"
    )
    if interval.low <= threshold <= interval.high:
        needed = proportions.images_needed(observed, threshold, confidence)
        few = messages.counted(lowest.scored, units.kind(outcome.scores))
        message += f"; {few} {'is' if lowest.scored == 1 else 'are'} too few to tell"
        message += _needed(needed, lowest, "it")
    below = [_counted(*item) for item in classes.items() if item[1].top1_count / item[1].scored < threshold]
    if below:
        return verdict(
            "worst_class",
            "fail",
            f"{message}; {messages.counted(len(below), 'class')} below it: {messages.named(below)}",
            threshold,
        )
    if empty := _without_images(outcome):
        message = f"INCONCLUSIVE: {message}; no image was scored of {messages.named(empty)}"
        return verdict("worst_class", "inconclusive", message, threshold)
    return verdict("worst_class", "pass", message, threshold)


def _needed(images: int | None, score: ClassScore, of: str) -> str:
    return f": about {max(images, score.scored + 1):,} of {of} would" if images else ""


def _lowest_first(outcome: PairOutcome) -> Classes:
    """Of equal accuracies the class with most images first."""

    def rank(item: tuple[str, ClassScore]) -> tuple[float, int, str]:
        label, score = item
        return (score.top1_count / score.scored, -score.scored, label)

    of_units = outcome.scores.counted.classes
    return dict(sorted(((label, s) for label, s in of_units.items() if s.scored), key=rank))


def _without_images(outcome: PairOutcome) -> list[str]:
    """The folders of which no image was scored."""
    classes = outcome.scores.classes
    return sorted(label for label in {*outcome.accepted, *classes} if not classes.get(label, ClassScore()).scored)


def _in_units(outcome: PairOutcome, before: str = " in ") -> str:
    """What was counted, where that is not every image."""
    scores = outcome.scores
    return f"{before}{units.total(scores)} images" if scores.units else ""


def _named(label: str, classes: Classes) -> str:
    return messages.spelled(_counted(label, classes[label]))


def _counted(label: str, score: ClassScore) -> str:
    return f"{label} {score.top1_count} of {score.scored} right"


def _pair(outcome: PairOutcome) -> str:
    return f"{outcome.scores.model} on {outcome.scores.dataset}"
