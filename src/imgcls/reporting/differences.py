"""Which models of a run differ, and what changed since a baseline, as tables and lines."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from typing import get_args

from imgcls import messages
from imgcls.comparison import pairwise
from imgcls.gates import regression
from imgcls.records.comparison import Change, Comparison, Difference, Flip, PairwiseTest
from imgcls.records.report import Report
from imgcls.reporting import class_lines, csv_text, text_table
from imgcls.reporting.presentation import Presentation
from imgcls.reporting.text_table import NamedTable
from imgcls.stats import units

FLIPS_SHOWN, CONTRASTS_SHOWN = 10, 30  # docs/decisions.md#names-in-a-message

DIFFERENCE_FIELDS = tuple(field.name for field in fields(Difference))

CONTRASTS_TITLE = "differences in top-1, in percentage points:"

CONTRAST_COLUMNS = ("dataset", "A", "B", "B - A", "shown", "images to tell", "p (Holm)", "only A", "only B")

FLIP_COLUMNS = ("flip", "image", "label", "before", "p before", "after", "p after")
FLIP_IMPORTANCE = ("flip", "image", "before", "after", "p after", "p before", "label")


def text(report: Report, how: Presentation) -> Iterator[str]:
    """The tables of which models of the run differ, and of what changed since the baseline, block by block."""
    untrained = {result.model for result in report.results if result.untrained}
    if report.contrasts:
        yield CONTRASTS_TITLE
        yield how.text(contrasts_table(report.contrasts, untrained))
        yield from (line for of in more_contrasts(report.contrasts) for line in text_table.wrapped(of, how.width))
        yield from (line for of in indistinguishable(report.contrasts) for line in text_table.wrapped(of, how.width))
    for comparison in report.comparisons:
        yield from comparison_lines(comparison)
        if comparison.flips:
            yield how.text(flips_table(comparison))


def contrasts_table(contrasts: Sequence[PairwiseTest], untrained: Collection[str]) -> NamedTable:
    table = text_table.table(*CONTRAST_COLUMNS, left=3, names=("dataset", "A", "B"))
    table.columns[4].justify = "left"
    for test in contrasts[:CONTRASTS_SHOWN]:
        table.add_row(
            test.dataset,
            *(text_table.model_name(name, untrained=name in untrained) for name in (test.first, test.second)),
            f"{100 * test.difference:+.2f}",
            _shown(test),
            f"{test.images_needed:,}{' groups' if test.of_images else ''}" if test.images_needed else "-",
            f"{test.p_holm:.4f}",
            str(test.first_only),
            str(test.second_only),
        )
    return table


def _shown(test: PairwiseTest) -> str:
    if not test.real:
        return "no difference"
    return "B is better" if test.difference > 0 else "A is better"


def more_contrasts(contrasts: Sequence[PairwiseTest]) -> Iterator[str]:
    """How many pairs are not in the table."""
    if (more := len(contrasts) - CONTRASTS_SHOWN) > 0:
        yield f"and {messages.counted(more, 'more pair')} of models (all are in the JSON document)"


def indistinguishable(contrasts: Sequence[PairwiseTest]) -> Iterator[str]:
    """A line per dataset on which no model can be told from another."""
    for dataset in dict.fromkeys(test.dataset for test in contrasts):
        pairs = [test for test in contrasts if test.dataset == dataset]
        if not any(test.real for test in pairs):
            yield _indistinguishable(dataset, pairs)


def _indistinguishable(dataset: str, pairs: Sequence[PairwiseTest]) -> str:
    models = dict.fromkeys(name for test in pairs for name in (test.first, test.second))
    images, of_images = pairs[0].images, pairs[0].of_images
    needed, difference = min((test.images_needed or 0, abs(test.difference)) for test in pairs)
    seen = f"the {100 * difference:.2f} percentage points that were seen between two of them"
    planned = f"a difference of {100 * pairwise.POINT:.0f} percentage point"
    return (
        f"{dataset}: {', '.join(models)} cannot be told apart on {units.total_compared(images, of_images)} "
        f"image{'' if (of_images or images) == 1 else 's'}; about {needed:,} {'groups' if of_images else 'images'} "
        f"would show {seen if difference else planned}"
    )


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    yield _title(comparison)
    yield from (f"  cannot be compared: {refusal}" for refusal in comparison.refusals)
    yield from (f"  {regression.describe(difference)}" for difference in comparison.differences)
    yield from (f"  {line}" for line in class_lines.lost(comparison))
    if comparison.same:
        yield f"  SAME: all predictions are as they were, {regression.UNCHANGED}"
    for run, paths in ((comparison.before_run, comparison.only_before), (comparison.after_run, comparison.only_after)):
        if paths:
            yield f"  {messages.counted(len(paths), 'image')} only in {run}: {messages.named(paths)}"
    if not (comparison.refusals or comparison.same):
        yield f"  flips: {_counts(comparison.flips)}"


def _counts(flips: Sequence[Flip]) -> str:
    """How many flips there are of each kind, and how many of them are in the table."""
    if not flips:
        return "none"
    counts = [(change, sum(flip.change == change for flip in flips)) for change in get_args(Change)]
    more = f" (the first {FLIPS_SHOWN} below; all are in the JSON document)" if len(flips) > FLIPS_SHOWN else ""
    return f"{', '.join(f'{count} {change}' for change, count in counts)}{more}"


def as_csv(report: Report) -> str:
    """A line per comparison and accuracy, or where there are none per pair of models; accuracies are fractions."""
    if report.comparisons or not report.contrasts:
        rows = [row for comparison in report.comparisons for row in _records(comparison)]
        columns = ("dataset", "before", "after", "before_run", "after_run", "flips", "refusals", *DIFFERENCE_FIELDS)
        return csv_text.text(columns, rows)
    names = [field.name for field in fields(PairwiseTest)]
    return csv_text.text(names, [[getattr(test, name) for name in names] for test in report.contrasts])


def _records(comparison: Comparison) -> Iterator[list[object]]:
    pair = [comparison.dataset, comparison.before, comparison.after, comparison.before_run, comparison.after_run]
    head = [*pair, len(comparison.flips), "; ".join(comparison.refusals)]
    for difference in comparison.differences:
        yield [*head, *(getattr(difference, name) for name in DIFFERENCE_FIELDS)]
    if not comparison.differences:
        yield [*head, *(None for _ in DIFFERENCE_FIELDS)]


def _title(comparison: Comparison) -> str:
    changed = f" ({', '.join(comparison.changed)})" if comparison.changed else ""
    if comparison.before_run == comparison.after_run:
        return f"{comparison.before} -> {comparison.after} on {comparison.dataset}{changed}"
    pair = f"{comparison.after} on {comparison.dataset}"
    return f"{pair}, {comparison.before_run} -> {comparison.after_run}{changed}"


def flips_table(comparison: Comparison) -> NamedTable:
    table = text_table.table(
        *FLIP_COLUMNS, left=4, names=("image", "label", "before", "after"), importance=FLIP_IMPORTANCE
    )
    table.columns[5].justify = "left"
    for flip in comparison.flips[:FLIPS_SHOWN]:
        kind = flip.change.replace("otherwise ", "")
        table.add_row(kind, flip.path, str(flip.label), *_best(flip.before), *_best(flip.after))
    return table


def _best(prediction: tuple[int, str, float]) -> tuple[str, str]:
    index, name, probability = prediction
    return f"{index} {name}", f"{probability:.4f}"
