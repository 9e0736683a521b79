"""Comparisons with a baseline, held against margins: whether the second is worse than the first."""

from collections.abc import Iterator, Mapping

from imgcls import messages
from imgcls.gates.verdicts import verdict
from imgcls.records.comparison import Comparison, Difference
from imgcls.records.evaluation import Status, Verdict
from imgcls.records.thresholds import Margin
from imgcls.stats import noninferiority, units

UNCHANGED = "since nothing that predictions depend on has changed"


def compared(comparison: Comparison, margins: Mapping[str, Margin], *, common: bool) -> tuple[Verdict, ...]:
    """One verdict on whether the two can be compared, and one per margin.

    ``common``: images that only one side has are left aside; otherwise they fail.
    """
    pair = f"{comparison.after} on {comparison.dataset}"
    against = f"compared with {comparison.before_run}"
    if comparison.refusals:
        reasons = "; ".join(comparison.refusals)
        return (verdict("comparable", "error", f"{pair} cannot be {against}: {reasons}"),)
    title = f"{pair}, {against}"
    return (_same_images(comparison, title, common=common), *not_worse(comparison, margins, pair, title))


def not_worse(comparison: Comparison, margins: Mapping[str, Margin], pair: str, title: str) -> Iterator[Verdict]:
    """One verdict per margin on two that can be compared.

    ``pair``: the second model and the dataset, in words; ``title``: these, and what they are compared with.
    """
    for accuracy, margin in margins.items():
        if accuracy in comparison.certain:
            yield _not_worse(accuracy, margin, "error", _certain(title, accuracy))
    decisive = {accuracy: margin for accuracy, margin in margins.items() if accuracy not in comparison.certain}
    if comparison.same:
        for accuracy, margin in decisive.items():
            yield _not_worse(accuracy, margin, "pass", f"SAME: {title}: {accuracy} is as it was, {UNCHANGED}")
    for difference in comparison.differences:
        if difference.accuracy in decisive:
            yield _within(difference, decisive[difference.accuracy], pair)


def new_pair(model: str, dataset: str, baseline: str) -> Verdict:
    """The verdict on a pair that was added to the configuration after its baseline was saved."""
    message = f"NEW: {model} on {dataset}: not in {baseline}, so nothing is compared, and its other gates hold for it"
    return verdict("new", "skipped", message)


def _same_images(comparison: Comparison, title: str, *, common: bool) -> Verdict:
    sides = (("in the baseline", comparison.only_before), ("in this run", comparison.only_after))
    unpaired = [
        f"{messages.counted(len(paths), 'image')} only {where} ({messages.named(paths)})"
        for where, paths in sides
        if paths
    ]
    if not unpaired:
        return verdict("same images", "pass", f"{title}: both have the same images")
    message = f"{title}: {' and '.join(unpaired)}"
    if common:
        return verdict("common images", "pass", f"{message} are left aside")
    return verdict("same images", "fail", f"{message}; --compare-common (--imgcls-compare-common) leaves them aside")


def _certain(title: str, accuracy: str) -> str:
    way = "compare top1" if accuracy == "top5" else "compare models with more classes"
    return f"{title}: with so few classes any network has a {accuracy} of 1, which compares nothing: {way}"


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
    images = messages.noun(difference.of_images or n, "common image")
    return (
        f"{difference.accuracy} {difference.before_count / n:.4f} -> {difference.after_count / n:.4f} "
        f"on {units.total_compared(n, difference.of_images)} {images}, "
        f"{difference.losses} lost and {difference.gains} gained "
        f"(exact McNemar p = {difference.p_value:.4f}); difference {difference.difference:+.4f}, "
        f"95 % interval {difference.low:+.4f} to {difference.high:+.4f}; {_detectable(difference)}"
    )


def _detectable(difference: Difference) -> str:
    """What a set of this size could have shown (power 0.8)."""
    if difference.detectable is None:
        return "a set of this size is too small to show any difference"
    return f"a set of this size misses true differences below {difference.detectable:.3f} more than one time in five"
