"""The parts that GitHub's step summary and comment have in common: gates, flips, differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from imgcls import messages
from imgcls.comparison import compare
from imgcls.records.comparison import Change, Comparison, Difference
from imgcls.reporting import markdown_text
from imgcls.reporting.ci import github_text
from imgcls.reporting.ci.run import CiRun, JudgedGate
from imgcls.stats import units


def changed(gates: Sequence[JudgedGate]) -> str:
    """A list of the gates whose status was another in the baseline."""
    return "".join(f"- {github_text.line(_change(gate))}\n" for gate in gates)


def _change(gate: JudgedGate) -> str:
    return f"{gate.condition}: {gate.before} in the baseline, {gate.status} now"


def comparison(of: Comparison, run: CiRun, limit: int) -> Iterator[str]:
    """What changed between two runs of a model, or between two models: the exact test, and the first flips."""
    yield f"#### {github_text.line(_title(of))}\n"
    for difference in of.differences:
        if difference.accuracy == "top1":
            yield f"{github_text.line(_paired_test(difference))}.\n"
    if of.flips:
        yield f"{_counts(of)}:\n"
        yield flips(of, limit)
        if len(of.flips) > limit:
            yield f"and {len(of.flips) - limit} more, which are in {github_text.line(run.rest)}.\n"


def _title(of: Comparison) -> str:
    if of.before_run == of.after_run:
        return f"{of.before} and {of.after} on {of.dataset}"
    return f"{of.after} on {of.dataset}, against {of.before_run}"


def _paired_test(difference: Difference) -> str:
    """What changed in top-1, and whether chance explains it, in one sentence."""
    before, after = (100 * count / difference.images for count in (difference.before_count, difference.after_count))
    on = units.total_compared(difference.images, difference.of_images)
    lost, gained = difference.losses, difference.gains
    uneven = "more" if difference.p_value <= compare.ALPHA else "no more"
    p = "p below 0.0001" if difference.p_value < 0.0001 else f"p = {difference.p_value:.4f}"
    return (
        f"Top-1 accuracy went from {before:.2f} % to {after:.2f} % on {on} common images: {lost} lost and {gained} "
        f"gained, which is {uneven} uneven than chance explains (exact McNemar test, {p})"
    )


def _counts(of: Comparison) -> str:
    counts = Counter(flip.change for flip in of.flips)
    parts = [f"{counts[change]} {change}" for change in get_args(Change) if counts[change]]
    return f"{messages.counted(len(of.flips), 'image')} flipped, {', '.join(parts)}"


def flips(of: Comparison, limit: int) -> str:
    """A table of the first flips: image, label, best class before and after."""
    cells = [
        [flip.path, str(flip.label), _best(flip.before), _best(flip.after), flip.change] for flip in of.flips[:limit]
    ]
    columns = ("image", "label", "before", "after", "flip")
    return markdown_text.rows(columns, columns, ([_name(cell) for cell in row] for row in cells))


def _name(text: str) -> str:
    return github_text.shortened(text, github_text.NAME_CHARACTERS)


def _best(prediction: tuple[int, str, float]) -> str:
    index, name, probability = prediction
    return f"{index} {_name(name)} ({probability:.2f})"
