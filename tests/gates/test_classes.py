"""imgcls.gates.classes: a class that died fails, and chance among many classes neither passes nor fails a model."""

from itertools import product
from math import prod
from typing import Any

import pytest
from scipy.stats import binom

from imgcls.gates import accuracy, classes
from imgcls.records.evaluation import ClassScore, PairOutcome, Scores, Units, Verdict
from imgcls.records.thresholds import Gate, ProvenThreshold

HALF = ProvenThreshold(0.5)


def _outcome(counts: dict[str, tuple[int, int]], **scores: Any) -> PairOutcome:
    """A model with (right, scored) images of each class, all of which are among the five best."""
    of_classes = {label: ClassScore(n, right, n) for label, (right, n) in counts.items()}
    right, n = (sum(column) for column in zip(*counts.values(), strict=True))
    usual = {"listed": n, "scored": n, "distinct": n, "top1_count": right, "top5_count": n, "classes": of_classes}
    return PairOutcome(
        Scores("net", "photos", **{**usual, **scores}),
        accepted={label: (number,) for number, label in enumerate(counts)},
    )


def _shown(counts: dict[str, tuple[int, int]], threshold: ProvenThreshold = HALF) -> Verdict:
    return classes.evaluate("class_top1", _outcome(counts), threshold)


def _observed(counts: dict[str, tuple[int, int]], threshold: float) -> Verdict:
    return classes.evaluate("worst_class", _outcome(counts), threshold)


def test_classes_are_counted_by_units() -> None:
    """36 images of a class that are 6 groups show no more than 6; the verdicts state what they count."""
    of_groups = {"cat": ClassScore(6, 6, 6), "dog": ClassScore(1, 1, 1)}
    pair = _outcome({"cat": (36, 36), "dog": (36, 36)}, units=Units(7, 7, 7, of_groups))
    shown, observed = (
        classes.evaluate(metric, pair, threshold) for metric, threshold in (("class_top1", HALF), ("worst_class", 0.9))
    )
    assert (shown.status, observed.status) == ("inconclusive", "pass")
    assert "each of 2 classes in 7 groups of 72 images, wanted 0.5" in shown.message
    assert "not shown of dog 1 of 1 right, nor is any class" in shown.message
    assert "too few groups of a class: about " in shown.message
    assert "(Bonferroni over 2 classes, 7 groups of 72 images); 6 groups are too few to tell: about" in observed.message


DIED = {**{f"digit {number}": (36, 36) for number in range(9)}, "nine": (0, 36)}
"""Nine classes of ten are right, which is a top-1 of 0.9."""


# A class that died.


def test_a_class_that_died_passes_top1_and_macro_f1_and_no_gate_of_classes() -> None:
    """0 of 36 in one of ten classes."""
    gate = Gate(top1=0.85, macro_f1=0.85, class_top1=HALF, worst_class=0.4)
    verdicts = accuracy.evaluate(gate, _outcome(DIED, classes=_predicted_as_others()))
    assert {verdict.metric: verdict.status for verdict in verdicts} == {
        "top1": "pass",
        "macro_f1": "pass",
        "class_top1": "fail",
        "worst_class": "fail",
        "rejected": "pass",
    }


def _predicted_as_others() -> dict[str, ClassScore]:
    """The images of the last class are taken for all the others, four for each."""
    return {label: ClassScore(n, right, n, 40 if right else 0) for label, (right, n) in DIED.items()}


def test_the_messages_name_the_class() -> None:
    """With its counts, what was wanted, and how many classes were looked at."""
    assert _shown(DIED) == Verdict(
        "class_top1",
        0.5,
        "class_top1 >= 0.5 at 95 %",
        "fail",
        "net on photos: class_top1 of each of 10 classes, wanted 0.5 with 95 % confidence; "
        "shown to be below it: nine 0 of 36 right (exact binomial, Holm over 10 classes)",
    )
    assert _observed(DIED, 0.4) == Verdict(
        "worst_class",
        0.4,
        "worst_class >= 0.4",
        "fail",
        "net on photos: worst class nine 0 of 36 right (0.0000), wanted 0.4; "
        "95 % interval 0.0000 to 0.1796 (Bonferroni over 10 classes); 1 class below it: nine 0 of 36 right",
    )


# What must be shown of every class.


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ((36, 36), "pass"),
        ((24, 36), "pass"),  # the lower bound is 0.5166
        ((23, 36), "inconclusive"),  # 0.4883
        ((13, 36), "inconclusive"),  # of two classes, p is twice 0.0662
        ((11, 36), "fail"),  # twice 0.0144
        ((3, 4), "inconclusive"),
    ],
)
def test_a_class_is_shown_to_reach_it_or_not_to_or_neither(counts: tuple[int, int], status: str) -> None:
    """By the exact bounds at this number of images; the other class is right."""
    assert _shown({"cat": counts, "dog": (36, 36)}).status == status


def test_few_images_are_inconclusive_with_the_number_that_would_do() -> None:
    """The classes are named, the lowest first."""
    message = _shown({"cat": (6, 8), "dog": (36, 36), "elk": (5, 8)}).message
    assert message == (
        "INCONCLUSIVE: net on photos: class_top1 of each of 3 classes, wanted 0.5 with 95 % confidence; "
        "not shown of elk 5 of 8 right, cat 6 of 8 right, nor is any class shown to be below it (exact binomial, "
        "Holm over 3 classes); "
        "too few images of a class: about 97 of the first would"
    )


def test_a_pass_names_the_lowest_bound() -> None:
    """It needs no correction, because all classes must be shown."""
    message = _shown({"cat": (30, 36), "dog": (36, 36)}).message
    assert message.endswith(
        "the lowest of their lower bounds is 0.6973, of cat 30 of 36 right (one-sided Clopper-Pearson, class by class)"
    )


def _chance(status: str, shares: tuple[float, ...], n: int, threshold: ProvenThreshold) -> float:
    """How often the verdict has this status, exactly, where these are the true accuracies of classes of n images."""
    chances = [[float(binom.pmf(count, n, share)) for count in range(n + 1)] for share in shares]
    return sum(
        prod(chance[count] for chance, count in zip(chances, counts, strict=True))
        for counts in product(range(n + 1), repeat=len(shares))
        if _shown({str(place): (count, n) for place, count in enumerate(counts)}, threshold).status == status
    )


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_model_with_a_class_below_passes_no_more_often_than_stated(confidence: float) -> None:
    """Over all outcomes of two classes, one of which is just below and the other always right."""
    threshold = ProvenThreshold(0.5, confidence)
    assert 0 < _chance("pass", (0.4999, 1.0), 12, threshold) <= 1 - confidence


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_model_whose_classes_all_reach_it_fails_no_more_often_than_stated(confidence: float) -> None:
    """However many classes there are: over all outcomes of three that just reach it."""
    threshold = ProvenThreshold(0.5, confidence)
    assert 0 < _chance("fail", (0.5, 0.5, 0.5), 8, threshold) <= 1 - confidence


# What must be observed of the lowest.


@pytest.mark.parametrize(("threshold", "status"), [(0.5, "pass"), (0.51, "fail"), (0.0, "pass")])
def test_the_lowest_class_is_observed(threshold: float, status: str) -> None:
    """18 of 36 reach 0.5."""
    assert _observed({"cat": (18, 36), "dog": (30, 36)}, threshold).status == status


def test_all_classes_below_are_named() -> None:
    """The lowest first, of equal ones that with most images, then the first few and a count."""
    counts = {"a": (0, 2), "b": (0, 9), **{f"c{number:02}": (1, 9) for number in range(10)}, "d": (9, 9)}
    message = _observed(counts, 0.5).message
    assert "worst class b 0 of 9 right (0.0000)" in message
    assert "; 12 classes below it: b 0 of 9 right, a 0 of 2 right, c00 1 of 9 right," in message
    assert message.endswith("c07 1 of 9 right and 2 more")


def test_too_few_images_of_the_lowest_class_are_stated() -> None:
    """Where its interval, over all classes, holds the threshold."""
    near, far = (_observed({"a": (right, 36), "b": (36, 36)}, 0.4).message for right in (20, 34))
    assert "; 36 images are too few to tell: about 96 of it would" in near
    assert "too few" not in far


# Classes of which nothing is known.


@pytest.mark.parametrize("gate", [Gate(class_top1=HALF), Gate(worst_class=0.4)])
def test_a_class_without_a_scored_image_is_not_shown(gate: Gate) -> None:
    """A folder whose images were all rejected neither reaches a threshold nor misses it."""
    outcome = _outcome({"cat": (36, 36), "dog": (36, 36)}, classes={"cat": ClassScore(36, 36, 36)}, scored=36)
    verdict, _ = accuracy.evaluate(gate, outcome)
    assert verdict.status == "inconclusive"
    assert "no image was scored of dog" in verdict.message


@pytest.mark.parametrize("gate", [Gate(class_top1=HALF), Gate(worst_class=0.4)])
def test_images_without_labels_have_no_classes(gate: Gate) -> None:
    """Nothing is shown of them."""
    outcome = PairOutcome(Scores("net", "photos", listed=3, scored=3, distinct=3))
    verdict, _ = accuracy.evaluate(gate, outcome)
    assert (verdict.status, "no image has a label" in verdict.message) == ("inconclusive", True)


@pytest.mark.parametrize("gate", [Gate(class_top1=HALF), Gate(worst_class=0.4)])
def test_a_gate_of_classes_that_no_network_can_fail_is_an_error(gate: Gate) -> None:
    """With one class every prediction is right."""
    verdict, _ = accuracy.evaluate(gate, _outcome({"cat": (36, 36)}, class_count=1))
    assert (verdict.status, "cannot fail on a model with 1 class" in verdict.message) == ("error", True)


def test_names_of_classes_are_spelled() -> None:
    """Whatever a folder is called, a message is one line."""
    assert r"\u202ecat\n 0 of 36 right" in _observed({"\u202ecat\n": (0, 36), "dog": (36, 36)}, 0.4).message
