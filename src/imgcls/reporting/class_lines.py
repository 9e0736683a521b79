"""What the tables add of single classes: those of which no image is right, and those that lost in a comparison."""

from collections.abc import Iterator

from imgcls import messages
from imgcls.comparison import classes
from imgcls.records.comparison import Comparison
from imgcls.records.report import Report, Result


def dead(report: Report) -> Iterator[str]:
    """A line per result with classes of which images were scored and none is right.

    Of random weights that would be no news.
    """
    for result in report.results:
        if not result.untrained and (named := _dead(result)):
            scored = sum(bool(score.scored) for score in result.classes.values())
            count = f"no image is right of {len(named)} of {scored} classes: " if len(named) > 1 else ""
            yield f"{result.model} on {result.dataset}: {count}{messages.named(named)}"


def _dead(result: Result) -> list[str]:
    """The class with most images first, which is the least likely to be one by chance."""
    classes = result.counted.classes
    scored = {label: score.scored for label, score in classes.items() if score.scored and not score.top1_count}
    by_images = sorted(scored, key=lambda label: (-scored[label], label))
    return [f"class {label}: 0 of {scored[label]} right" for label in by_images]


def lost(comparison: Comparison) -> Iterator[str]:
    """A line that names the classes that lost more than chance explains, if there are any."""
    named = [
        f"{each.label} {each.before_count} -> {each.after_count} right of {each.images} (p = {each.p_holm:.2g})"
        for each in classes.lost(comparison)
    ]
    if named:
        title = "classes that became worse by more than chance (exact McNemar, Holm over all classes)"
        yield f"{title}: {messages.named(named)}"
