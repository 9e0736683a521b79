"""Scores and thresholds to verdicts."""

from imgcls import stats
from imgcls.records import Failure, Gate, PairOutcome, Scores, Verdict

WORST = 5


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
    verdicts = []
    for name, wanted, count in (
        ("top1", gate.top1, scores.top1_count),
        ("top5", gate.top5, scores.top5_count),
    ):
        if wanted is not None:
            verdicts.append(_accuracy(scores, name, wanted, count))
    if gate.min_images is not None:
        verdicts.append(_min_images(scores, gate.min_images))
    verdicts.append(_max_rejected(scores, gate.max_rejected))
    return tuple(verdicts)


def _failed(failure: Failure) -> Verdict:
    return Verdict("scored", "error", failure.message)


def _pair(scores: Scores) -> str:
    return f"{scores.model} on {scores.dataset}"


def _accuracy(scores: Scores, name: str, wanted: float, count: int) -> Verdict:
    """The observed value must reach the threshold; the interval says how sure that is."""
    n = scores.scored
    interval = stats.wilson(count, n)
    message = (
        f"{_pair(scores)}: {name} {count / n:.4f} ({count} of {n}), wanted {wanted:g}; "
        f"95 % interval {interval.low:.4f} to {interval.high:.4f}"
    )
    if count / n >= wanted:
        return Verdict(f"{name} >= {wanted:g}", "pass", message)
    return Verdict(f"{name} >= {wanted:g}", "fail", f"{message}; classes that lost most: {_lost_most(scores, name)}")


def _lost_most(scores: Scores, name: str) -> str:
    """The folders with the most wrong pictures, and how many of how many."""
    lost = {label: c.scored - (c.top1_count if name == "top1" else c.top5_count) for label, c in scores.classes.items()}
    worst = sorted(lost, key=lambda label: (-lost[label], label))[:WORST]
    return ", ".join(f"{label} {lost[label]}/{scores.classes[label].scored}" for label in worst if lost[label])


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
