"""Which models are better than others: exact tests on the same images, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgcls.comparison import pairwise
from imgcls.records.comparison import PairwiseTest
from imgcls.records.report import Result
from imgcls.reporting.lab import figures
from imgcls.reporting.lab.contents import Contents
from imgcls.stats import units


def ranking(contents: Contents) -> Iterator[str]:
    """Who has the highest top-1, and which others are shown to be worse or cannot be told apart."""
    known = {r.model: value for r in contents.results if (value := r.unit_accuracy("top1")) is not None}
    if len(known) < 2:
        return
    highest = max(known.values())
    first, *equal = [model for model, value in known.items() if value == highest]
    names = figures.listed([contents.name(model) for model in (first, *equal)])
    tests = [test for test in contents.report.contrasts if first in {test.first, test.second}]
    others = {_other(test, first): test for test in tests}
    worse = [contents.name(model) for model, test in others.items() if test.real]
    unclear = [contents.name(model) for model, test in others.items() if not test.real]
    shown = standing(contents.name(first), "better", worse, unclear)
    yield f"Highest top-1: {names}, {figures.per_cent(highest)} %{shown}."


def standing(first: str, word: str, worse: Sequence[str], unclear: Sequence[str]) -> str:
    """The end of a sentence: than which others the first one is shown to be better or faster, as ``word`` states."""
    parts = [f"is shown to be {word} than {figures.listed(worse)}"] if worse else []
    parts += [f"cannot be told apart from {figures.listed(unclear)}"] if unclear else []
    return f"; {first} {figures.listed(parts)}" if parts else ""


def _other(test: PairwiseTest, model: str) -> str:
    return test.second if test.first == model else test.first


def sentences(contents: Contents) -> Iterator[str]:
    """A sentence for each pair of models, those that are shown to differ first."""
    tests = contents.report.contrasts
    results = {result.model: result for result in contents.results}
    for test in sorted(tests, key=lambda test: (not test.real, test.p_holm)):
        if {test.first, test.second} <= results.keys():
            yield _real(contents, test, results, len(tests)) if test.real else _unclear(contents, test, len(tests))


def _real(contents: Contents, test: PairwiseTest, results: dict[str, Result], pairs: int) -> str:
    both = (test.first, test.first_only), (test.second, test.second_only)
    (worse, only_worse), (better, only_better) = both if test.difference > 0 else both[::-1]
    accuracies = [figures.accuracy(results[model], "top1")[0] for model in (better, worse)]
    return (
        f"{contents.name(better)} is better than {contents.name(worse)}: top-1 {accuracies[0]} % against "
        f"{accuracies[1]} %; only the first is right on {_images(only_better, test)}, only the second on "
        f"{only_worse} ({_test(test, pairs)})."
    )


def _unclear(contents: Contents, test: PairwiseTest, pairs: int) -> str:
    return (
        f"{contents.name(test.first)} and {contents.name(test.second)} cannot be told apart: only the first is right "
        f"on {_images(test.first_only, test)}, only the second on {test.second_only} ({_test(test, pairs)})."
        f"{_plan(test)}"
    )


def _plan(test: PairwiseTest) -> str:
    """How many images would show the difference."""
    if not test.images_needed:
        return ""
    points, kind = 100 * abs(test.difference or pairwise.POINT), "groups" if test.of_images else "images"
    return f" To show a difference of {points:.1f} percentage points, about {test.images_needed:,} {kind} are needed."


def _images(count: int, test: PairwiseTest) -> str:
    return f"{count} of {units.total_compared(test.images, test.of_images)} images"


def _test(test: PairwiseTest, pairs: int) -> str:
    holm = f", adjusted by Holm for {pairs} pairs" if pairs > 1 else ""
    return f"exact McNemar test, {figures.p_value(test.p_holm)}{holm}"
