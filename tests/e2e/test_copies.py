"""Copies are not evidence, and neither are neighbours: what a verdict counts is independent."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from imgcls.comparison import compare, saved_run
from imgcls.comparison.pair_parts import Row, joined
from imgcls.evaluation import metrics, results, units
from imgcls.gates import accuracy, regression
from imgcls.records.comparison import Comparison, Prediction, RunSetup
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import ClassProbability, Output, PairOutcome, Scores, Verdict
from imgcls.records.thresholds import Gate, Margin, ProvenThreshold
from imgcls.stats import noninferiority, proportions
from imgcls.stats import units as stats_units
from multinomial import chance_of
from run_parts import make_part

ACCEPTED = {"cat": (0,), "dog": (1,)}
MATCHING = Matching({label: frozenset(classes) for label, classes in ACCEPTED.items()})
ALL_GATES = Gate(
    top1=ProvenThreshold(0.5), top5=0.9, macro_f1=0.5, min_images=5, class_top1=ProvenThreshold(0.3), worst_class=0.4
)


class Image(NamedTuple):
    """What a dataset has of an image, and its best class by two models."""

    sha256: str
    label: str
    best: tuple[int, int]
    group: str | None = None


def _scores(images: Sequence[Image], model: int = 0) -> Scores:
    """As a run counts them."""
    refs = [ImageRef(f"{i}.png", Path(), image.sha256, image.label) for i, image in enumerate(images)]
    scored = [
        (ref, Output(((image.best[model], 1.0), (7, 0.0)), 1.5, ())) for ref, image in zip(refs, images, strict=True)
    ]
    scores = metrics.tally(Scores("net", "photos", listed=len(images)), scored, MATCHING)
    groups = stats_units.merged((image.sha256, image.group) for image in images if image.group)
    drawn = units.draw(refs, groups)
    tally = units.UnitTally(drawn, scores, MATCHING) if drawn else None
    if tally:
        tally.add(scored)
    return replace(
        scores,
        class_count=8,
        distinct=len({image.sha256 for image in images}),
        units=tally.counted() if tally else None,
    )


def _comparison(images: Sequence[Image]) -> Comparison:
    """The second model against the first."""
    sides = []
    for model in (0, 1):
        predictions = [
            Prediction("net", "photos", f"{i}", im.sha256, im.label, _top(im.best[model]), im.group)
            for i, im in enumerate(images)
        ]
        setup = RunSetup("net", "photos", accepted=ACCEPTED)
        run = saved_run.scored_models(f"run {model}", {}, [setup], predictions)
        sides.append(run["net", "photos"])
    return compare.scored_models(*sides)


def _top(best: int) -> tuple[ClassProbability, ...]:
    return (ClassProbability(best, str(best), 0.9),)


def _figures(verdicts: Sequence[Verdict]) -> list[Any]:
    """Everything in verdicts but the number of files, which is after ``of`` or before ``images rejected``."""
    texts = (re.sub(r" (distinct|groups?)? ?of \d+( images)?|\d+ images", "", verdict.message) for verdict in verdicts)
    shown = (re.sub(r"distinct images", "images", text) for text in texts)
    return [(v.check, v.status, re.findall(r"\d\.\d{4}", text)) for v, text in zip(verdicts, shown, strict=True)]


def _all_figures(images: Sequence[Image]) -> list[Any]:
    scores, comparison = _scores(images), _comparison(images)
    columns = results.accuracy_columns(scores)
    margins = {"top1": Margin(0.05), "top5": Margin(0.1)}
    return [
        _figures(accuracy.evaluate(ALL_GATES, PairOutcome(scores, accepted=ACCEPTED))),
        [columns[name] for name in ("top1_low", "top1_high", "top5_low", "top5_high")],
        [replace(d, of_images=None) for d in comparison.differences],
        comparison.classes,
        _figures(regression.compared(comparison, margins, common=False)),
    ]


images_of_a_dataset = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.tuples(st.integers(0, 2), st.integers(0, 2)),
        st.sampled_from([None, "x", "y", "z"]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda image: image[0],
)


@settings(deadline=None, max_examples=15)
@given(images_of_a_dataset, st.randoms(use_true_random=False))
def test_copying_images_changes_no_verdict_interval_or_p_value(
    drawn: list[tuple[int, tuple[int, int], str | None]], rng: random.Random
) -> None:
    """However often each is listed: every gate, Wilson interval, paired test and class test is as it was."""
    images = [Image(f"{n:04}", "cat" if n % 2 else "dog", best, group) for n, best, group in drawn]
    copied = [image for image in images for _ in range(rng.randint(1, 5))]
    rng.shuffle(copied)
    assert _all_figures(copied) == _all_figures(images)


LAYOUTS = [(1, False), (2, False), (5, False), (20, False), (10, True)]
"""How many files a unit has, and whether they are images of one group."""


def _layout(n: int, files: int, *, grouped: bool, right: Sequence[tuple[bool, bool]]) -> list[Image]:
    """``n`` units, each of which is right or wrong by two models in all of its files."""
    return [
        Image(f"{unit}-{file if grouped else 0}", "cat", (int(not a), int(not b)), f"{unit}" if grouped else None)
        for unit, (a, b) in zip(range(n), right, strict=True)
        for file in range(files)
    ]


@pytest.mark.parametrize(("files", "grouped"), LAYOUTS)
@pytest.mark.parametrize("n", [50, 200, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_proven_gate_passes_falsely_at_most_as_often_as_stated(n: int, files: int, grouped: bool) -> None:
    """By exact enumeration, where the accuracy is the threshold: 5 % however many files an image or a group has."""
    gate = Gate(top1=ProvenThreshold(0.76))

    def passes(right: int) -> bool:
        images = _layout(n, files, grouped=grouped, right=[(unit < right,) * 2 for unit in range(n)])
        return accuracy.evaluate(gate, PairOutcome(_scores(images)))[0].status == "pass"

    fewest = next(right for right in range(n + 1) if proportions.one_sided(right, n, 0.95).low >= 0.76)
    assert (passes(fewest), passes(fewest - 1)) == (True, False)
    assert 0.02 < binom.sf(fewest - 1, n, 0.76) <= 0.05


@cache
def _false_not_worse(n: int, margin: float = 0.02) -> float:
    """How often a model that is worse by the margin is NOT WORSE at 5 %, at the worst share of gains up to 0.05."""
    shown, gains = np.zeros((n + 1, n + 1), dtype=bool), 0
    for losses in range(min(n, round(0.07 * n + 8 * (0.07 * n) ** 0.5)) + 1):
        while losses + gains <= n and noninferiority.not_worse_p(losses, gains, n, margin) > 0.05:
            gains += 1
        shown[losses, gains : n - losses + 1] = True
    gained = np.linspace(0, 0.05**0.5, 30) ** 2
    return float(chance_of(shown, gained + margin, gained).max())


@pytest.mark.parametrize(("files", "grouped"), LAYOUTS)
@pytest.mark.parametrize(
    "n", [50, pytest.param(200, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.slow)]
)
def test_not_worse_is_said_falsely_at_most_as_often_as_stated(n: int, files: int, grouped: bool) -> None:
    """By exact enumeration, where the model is worse by exactly the margin; the counts are those of the units."""
    difference = _comparison(
        _layout(n, files, grouped=grouped, right=[(u < 3, 3 <= u < 5) for u in range(n)])
    ).differences[0]
    assert (difference.losses, difference.gains, difference.images) == (3, 2, n)
    assert 0.03 < _false_not_worse(n) <= 0.05


def test_groups_of_other_sizes_have_one_vote_each() -> None:
    """A group of a hundred right images and nine of one wrong image are one of ten; the message names them."""
    large = [Image(f"{n}", "cat", (0, 0), "burst") for n in range(100)]
    small = [Image(f"s{n}", "cat", (1, 1), f"single {n}") for n in range(9)]
    verdict = accuracy.evaluate(Gate(top1=ProvenThreshold(0.5)), PairOutcome(_scores([*large, *small])))[0]
    assert verdict.status == "fail"
    assert "top1 0.1000 (1 of 10 groups of 109), wanted 0.5 with 95 % confidence" in verdict.message
    found = _comparison([*large, *small]).differences[0]
    assert (found.images, found.of_images, found.before_count) == (10, 109, 1)


def test_one_model_against_another_counts_groups() -> None:
    """Ninety images of one group that only one model has right are one discordant unit, also between models."""
    images = [Image(f"{n}", "cat", (0, 1), "burst" if n < 90 else f"{n}") for n in range(95)]
    comparison = _comparison(images)
    assert comparison.differences[0].losses == 6
    [lost] = comparison.classes
    assert (lost.images, lost.losses) == (6, 6)
    assert "on 6 groups of 95 common images, 6 lost" in regression.describe(comparison.differences[0])


def test_parts_of_a_run_count_what_differs_in_all_of_them() -> None:
    """An image in two parts under two labels counts once, and so does a group that has images in both."""
    one, two = make_part("a.json", {"cat/1": 0, "cat/2": 0}), make_part("b.json", {"dog/1": 1, "dog/2": 0})

    def row(part: Any, sha256: Sequence[str], groups: Sequence[str | None]) -> Row:
        predictions = tuple(
            replace(prediction, image_sha256=of_bytes, group=group)
            for prediction, of_bytes, group in zip(part.predictions, sha256, groups, strict=True)
        )
        return Row(part.file, part.report.results[0], predictions)

    whole = joined(row(one, "ab", (None, None)), row(two, "bc", (None, None))).result
    assert (whole.scored, whole.distinct, whole.counted.scored) == (4, 3, 3)
    grouped = joined(row(one, "ab", ("x", "y")), row(two, "cd", ("y", "z"))).result
    assert (grouped.scored, grouped.distinct, grouped.counted.scored) == (4, 4, 3)
    apart = joined(row(one, "ab", (None, None)), row(two, "cd", (None, None))).result
    assert apart.units is None
