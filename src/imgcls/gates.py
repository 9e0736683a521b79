"""Scores and comparisons, held against thresholds, to verdicts."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Literal

from imgcls import stats
from imgcls.records import (
    Comparison,
    Difference,
    Failure,
    Gate,
    Interval,
    Margin,
    PairOutcome,
    Proven,
    Scores,
    Settings,
    Status,
    Verdict,
)

WORST = 5
NAMED = 10


def evaluate(gate: Gate, outcome: PairOutcome) -> tuple[Verdict, ...]:
    """One verdict per threshold of the gate; what failed to load or has no pictures never passes."""
    scores = outcome.scores
    if outcome.failure:
        return (_failed(outcome.failure),)
    if not scores.scored:
        rejected = f", {scores.rejected} of {scores.listed} rejected" if scores.rejected else ""
        return (Verdict("images > 0", "fail", f"{_pair(scores)}: no picture was scored{rejected}"),)
    if scores.unscored:
        return (Verdict("complete", "error", f"{_pair(scores)}: cut short, {scores.unscored} pictures unscored"),)
    return tuple(_held(gate, scores))


def _failed(failure: Failure) -> Verdict:
    return Verdict("scored", "error", failure.message)


def _pair(scores: Scores) -> str:
    return f"{scores.model} on {scores.dataset}"


def _held(gate: Gate, scores: Scores) -> Iterator[Verdict]:
    for name, wanted, count in (
        ("top1", gate.top1, scores.top1_count),
        ("top5", gate.top5, scores.top5_count),
    ):
        if isinstance(wanted, Proven):
            yield _proven(scores, name, wanted, count)
        elif wanted is not None:
            yield _observed(scores, name, wanted, count)
    if gate.macro_f1 is not None:
        yield _macro_f1(scores, gate.macro_f1)
    if gate.min_images is not None:
        yield _min_images(scores, gate.min_images)
    yield _max_rejected(scores, gate.max_rejected)


def _observed(scores: Scores, name: str, wanted: float, count: int) -> Verdict:
    """The observed value must reach the threshold; the interval says how sure that is."""
    n = scores.scored
    interval = stats.wilson(count, n)
    message = (
        f"{_pair(scores)}: {name} {count / n:.4f} ({count} of {n}), wanted {wanted:g}; "
        f"95 % interval {interval.low:.4f} to {interval.high:.4f}{_too_few(count, n, wanted, interval)}"
    )
    if count / n >= wanted:
        return Verdict(f"{name} >= {wanted:g}", "pass", message)
    return Verdict(f"{name} >= {wanted:g}", "fail", f"{message}; classes that lost most: {_lost_most(scores, name)}")


def _too_few(count: int, n: int, wanted: float, interval: Interval) -> str:
    """What to say where the interval holds both the observed value and the wanted one."""
    if not interval.low <= wanted <= interval.high:
        return ""
    enough = stats.images_to_tell(count / n, wanted)
    if enough is None:
        return f"; the two are equal, and {n} pictures cannot say on which side the model is"
    return f"; {n} pictures are too few to tell {count / n:.4f} from {wanted:g}: about {_more(enough, n)} would"


def _more(enough: int, n: int) -> str:
    """A number of pictures that is said to be more than there are."""
    return f"{max(enough, n + 1):,}"


def _proven(scores: Scores, name: str, wanted: Proven, count: int) -> Verdict:
    """The lower bound must clear the threshold (Clopper-Pearson, one-sided: exact at every n)."""
    n = scores.scored
    bounds = stats.one_sided(count, n, wanted.confidence)
    sure = f"{100 * wanted.confidence:g} %"
    status, deciding = _shown(bounds, wanted.min)
    message = (
        f"{_pair(scores)}: {name} {count / n:.4f} ({count} of {n}), wanted {wanted.min:g} "
        f"with {sure} confidence; {deciding} (one-sided Clopper-Pearson)"
    )
    if status == "inconclusive":
        enough = stats.images_to_tell(count / n, wanted.min, wanted.confidence, sides=1)
        message = f"INCONCLUSIVE: {message}; {n} pictures are too few to tell"
        message += f": about {_more(enough, n)} would" if enough else ""
    if status == "fail":
        message += f"; classes that lost most: {_lost_most(scores, name)}"
    return Verdict(f"{name} >= {wanted.min:g} at {sure}", status, message)


def _shown(bounds: Interval, wanted: float) -> tuple[Status, str]:
    """What two one-sided bounds say of a threshold, and the bound that decided."""
    if bounds.low >= wanted:
        return "pass", f"lower bound {bounds.low:.4f}"
    if bounds.high < wanted:
        return "fail", f"upper bound {bounds.high:.4f}"
    return "inconclusive", f"lower bound {bounds.low:.4f}, upper bound {bounds.high:.4f}"


def _lost_most(scores: Scores, name: str) -> str:
    """The folders with the most wrong pictures, and how many of how many."""
    lost = {label: c.scored - (c.top1_count if name == "top1" else c.top5_count) for label, c in scores.classes.items()}
    worst = sorted(lost, key=lambda label: (-lost[label], label))[:WORST]
    return ", ".join(f"{label} {lost[label]}/{scores.classes[label].scored}" for label in worst if lost[label])


def _macro_f1(scores: Scores, wanted: float) -> Verdict:
    from imgcls import scoring

    value = scoring.macro_f1(scores.classes)
    message = f"{_pair(scores)}: macro F1 {value:.4f} over {len(scores.classes)} folders, {scores.scored} pictures"
    return Verdict(f"macro_f1 >= {wanted:g}", "pass" if value >= wanted else "fail", f"{message}, wanted {wanted:g}")


def _min_images(scores: Scores, wanted: int) -> Verdict:
    message = f"{_pair(scores)}: {scores.distinct} different pictures scored, wanted {wanted}"
    return Verdict(f"images >= {wanted}", "pass" if scores.distinct >= wanted else "fail", message)


def _max_rejected(scores: Scores, allowed: float) -> Verdict:
    share = scores.rejected / (scores.scored + scores.rejected)
    message = (
        f"{_pair(scores)}: {scores.rejected} of {scores.scored + scores.rejected} pictures rejected "
        f"({share:.4f}), allowed {allowed:g} (max_rejected)"
    )
    return Verdict(f"rejected <= {allowed:g}", "pass" if share <= allowed else "fail", message)


# Against a baseline.


def compared(comparison: Comparison, margins: Mapping[str, Margin], *, common: bool) -> tuple[Verdict, ...]:
    """One verdict on whether the two can be compared, and one per margin.

    ``common``: pictures that only one side has are left aside; otherwise they fail.
    """
    pair = f"{comparison.after} on {comparison.dataset}"
    against = f"compared with {comparison.before_run}"
    if comparison.refusals:
        return (Verdict("comparable", "error", f"{pair} cannot be {against}: {'; '.join(comparison.refusals)}"),)
    verdicts = [_same_pictures(comparison, f"{pair}, {against}", common=common)]
    if comparison.same:
        verdicts += [
            Verdict(_not_worse(name, wanted), "pass", f"SAME: {pair}, {against}: {name} of equal prediction keys")
            for name, wanted in margins.items()
        ]
    for difference in comparison.differences:
        if difference.accuracy in margins:
            verdicts.append(_within(difference, margins[difference.accuracy], pair))
    return tuple(verdicts)


def _same_pictures(comparison: Comparison, what: str, *, common: bool) -> Verdict:
    sides = (("of the baseline alone", comparison.only_before), ("of this run alone", comparison.only_after))
    alone = [f"{len(paths)} {whose} ({named(paths)})" for whose, paths in sides if paths]
    if not alone:
        return Verdict("same pictures", "pass", f"{what}: both have the same pictures")
    message = f"{what}: pictures {' and '.join(alone)}"
    if common:
        return Verdict("common pictures", "pass", f"{message} are left aside")
    return Verdict("same pictures", "fail", f"{message}; --compare-common (--imgcls-compare-common) leaves them aside")


def named(paths: Sequence[str]) -> str:
    """The first few of many paths."""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def _not_worse(name: str, wanted: Margin) -> str:
    return f"{name} not worse by {wanted.margin:g} at {100 * wanted.confidence:g} %"


def _within(difference: Difference, wanted: Margin, pair: str) -> Verdict:
    """Non-inferiority: that the second is worse by more than the margin must be ruled out."""
    status, said, bound = _ruled_out(difference, wanted)
    message = (
        f"{said}: {pair}: {describe(difference)}; {bound} "
        f"(one-sided, {100 * wanted.confidence:g} %), margin {wanted.margin:g}"
    )
    return Verdict(_not_worse(difference.accuracy, wanted), status, message)


def _ruled_out(difference: Difference, wanted: Margin) -> tuple[Status, str, str]:
    """What the exact tests on both sides of the margin say, and the bound that decided."""
    losses, gains, n = difference.losses, difference.gains, difference.images
    bounds = stats.difference_bounds(losses, gains, n, wanted.confidence)
    if stats.not_worse_p(losses, gains, n, wanted.margin) <= 1 - wanted.confidence:
        return "pass", "NOT WORSE", f"lower bound {bounds.low:+.4f}"
    if stats.not_worse_p(gains, losses, n, -wanted.margin) <= 1 - wanted.confidence:
        return "fail", "WORSE", f"upper bound {bounds.high:+.4f}"
    return "inconclusive", "INCONCLUSIVE", f"lower bound {bounds.low:+.4f}, upper bound {bounds.high:+.4f}"


def describe(difference: Difference) -> str:
    """A paired difference in one line: what changed, is it real, how large, and what could have been seen."""
    n = difference.images
    detectable = "no difference" if difference.detectable is None else f"one of {difference.detectable:.4f}"
    return (
        f"{difference.accuracy} {difference.before_count / n:.4f} -> {difference.after_count / n:.4f} "
        f"on {n} common pictures, {difference.losses} lost and {difference.gains} gained "
        f"(exact McNemar p = {difference.p_value:.4f}); difference {difference.difference:+.4f}, "
        f"95 % interval {difference.low:+.4f} to {difference.high:+.4f}; "
        f"such a set finds {detectable} four times in five"
    )


# What a whole run owes.


def holds(verdict: Verdict, inconclusive: Literal["fail", "warn"]) -> bool:
    """Whether a verdict lets its test pass."""
    return verdict.status == "pass" or (verdict.status == "inconclusive" and inconclusive == "warn")


def total(settings: Settings, *, compares: bool) -> int:
    """How many gates there are: one per pair with thresholds, and one per pair that is compared."""
    return len(settings.gates) + (len(settings.pairs()) if compares else 0)


def unevaluated(settings: Settings, judged: Container[tuple[str, str]], *, compares: bool, baseline: bool) -> list[str]:
    """The gates that nothing was shown for, in words."""
    missing = [f"{model} on {data}" for model, data in settings.gates if (model, data) not in judged]
    if compares:
        why = "" if baseline else " (no baseline was named)"
        compared_ones = [pair for pair in settings.pairs() if not baseline or pair not in judged]
        missing += [f"{model} on {data}, compare{why}" for model, data in compared_ones]
    return missing
