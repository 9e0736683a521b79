"""Comparisons with a baseline, held against margins: whether the second is worse than the first."""

from collections.abc import Mapping

from imgcls import messages
from imgcls.gates.verdicts import verdict
from imgcls.records.comparison import Comparison, Difference
from imgcls.records.config import Margin
from imgcls.records.evaluation import Status, Verdict
from imgcls.stats import noninferiority


def compared(comparison: Comparison, margins: Mapping[str, Margin], *, common: bool) -> tuple[Verdict, ...]:
    """One verdict on whether the two can be compared, and one per margin.

    ``common``: images that only one side has are left aside; otherwise they fail.
    """
    pair = f"{comparison.after} on {comparison.dataset}"
    against = f"compared with {comparison.before_run}"
    if comparison.refusals:
        reasons = "; ".join(comparison.refusals)
        return (verdict("comparable", "error", f"{pair} cannot be {against}: {reasons}"),)
    verdicts = [_same_images(comparison, f"{pair}, {against}", common=common)]
    for accuracy, margin in margins.items():
        if accuracy in comparison.certain:
            verdicts.append(_not_worse(accuracy, margin, "error", _certain(f"{pair}, {against}", accuracy)))
    decisive = {accuracy: margin for accuracy, margin in margins.items() if accuracy not in comparison.certain}
    if comparison.same:
        verdicts += [
            _not_worse(accuracy, margin, "pass", f"SAME: {pair}, {against}: {accuracy} of equal prediction keys")
            for accuracy, margin in decisive.items()
        ]
    for difference in comparison.differences:
        if difference.accuracy in decisive:
            verdicts.append(_within(difference, decisive[difference.accuracy], pair))
    return tuple(verdicts)


def new_pair(model: str, dataset: str, baseline: str) -> Verdict:
    """The verdict on a pair that was added to the configuration after its baseline was saved."""
    message = f"NEW: {model} on {dataset}: not in {baseline}, so nothing is compared, and its other gates hold for it"
    return verdict("new", "skipped", message)


def _same_images(comparison: Comparison, title: str, *, common: bool) -> Verdict:
    sides = (("in the baseline", comparison.only_before), ("in this run", comparison.only_after))
    unpaired = [f"{len(paths)} images only {where} ({messages.named(paths)})" for where, paths in sides if paths]
    if not unpaired:
        return verdict("same images", "pass", f"{title}: both have the same images")
    message = f"{title}: {' and '.join(unpaired)}"
    if common:
        return verdict("common images", "pass", f"{message} are left aside")
    return verdict("same images", "fail", f"{message}; --compare-common (--imgcls-compare-common) leaves them aside")


def _certain(title: str, accuracy: str) -> str:
    way = "compare top1" if accuracy == "top5" else "compare models with more classes"
    return f"{title}: {accuracy} compares nothing, as any network reaches 1 with so few classes: {way}"


def _not_worse(accuracy: str, margin: Margin, status: Status, message: str) -> Verdict:
    return verdict(f"not worse {accuracy}", status, message, margin.margin, margin.confidence)


def _within(difference: Difference, margin: Margin, pair: str) -> Verdict:
    """Non-inferiority: that the second is worse by more than the margin must be ruled out."""
    status, word, bound = _ruled_out(difference, margin)
    message = (
        f"{word}: {pair}: {describe(difference)}; {bound} "
        f"(one-sided, {100 * margin.confidence:g} %), margin {margin.margin:g}"
    )
    return _not_worse(difference.accuracy, margin, status, message)


def _ruled_out(difference: Difference, margin: Margin) -> tuple[Status, str, str]:
    """What the exact tests on both sides of the margin show, in one word too, and the bound that decided."""
    losses, gains, n = difference.losses, difference.gains, difference.images
    bounds = noninferiority.difference_bounds(losses, gains, n, margin.confidence)
    if noninferiority.not_worse_p(losses, gains, n, margin.margin) <= 1 - margin.confidence:
        return "pass", "NOT WORSE", f"lower bound {bounds.low:+.4f}"
    if noninferiority.not_worse_p(gains, losses, n, -margin.margin) <= 1 - margin.confidence:
        return "fail", "WORSE", f"upper bound {bounds.high:+.4f}"
    return "inconclusive", "INCONCLUSIVE", f"lower bound {bounds.low:+.4f}, upper bound {bounds.high:+.4f}"


def describe(difference: Difference) -> str:
    """A paired difference in one line: what changed, how certain and how large it is, and what could be detected."""
    n = difference.images
    detectable = "no difference" if difference.detectable is None else f"one of {difference.detectable:.4f}"
    return (
        f"{difference.accuracy} {difference.before_count / n:.4f} -> {difference.after_count / n:.4f} "
        f"on {n} common images, {difference.losses} lost and {difference.gains} gained "
        f"(exact McNemar p = {difference.p_value:.4f}); difference {difference.difference:+.4f}, "
        f"95 % interval {difference.low:+.4f} to {difference.high:+.4f}; "
        f"such a set finds {detectable} four times in five"
    )
