"""imgcls.comparison.pairwise: which models of one run differ, on the images that all of them predicted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from imgcls.comparison import pairwise
from imgcls.records.comparison import ImageKey, Prediction, RunSetup, ScoredModel
from imgcls.records.evaluation import ClassProbability
from imgcls.stats import paired

SETUP = RunSetup("net", "photos", accepted={"cat": (0,), "dog": (1,)})


def _side(setup: RunSetup, best: Mapping[str, int], groups: Mapping[str, str] | None = None) -> ScoredModel:
    """A model and its best class for each place, a label and a hash."""
    predictions: dict[ImageKey, Prediction] = {}
    for place, index in best.items():
        label, _, image = place.rpartition("/")
        top = (ClassProbability(index, f"class {index}", 0.5),)
        group = (groups or {}).get(image)
        predictions[image, label] = Prediction(setup.model, "photos", f"{place}.jpg", image, label, top, group)
    return ScoredModel("main.json", {}, setup, predictions)


def _right(*counts: tuple[int, str]) -> Any:
    """N images, each with a letter per model: r where it is right."""
    return np.array([[letter == "r" for letter in pattern] for count, pattern in counts for _ in range(count)])


def test_all_pairs_of_models_are_tested() -> None:
    """Counts and differences are the second model's against the first, p-values exact and then Holm's."""
    tests = pairwise.pairwise_tests("photos", ["a", "b", "c"], _right((20, "rrr"), (12, "rwr"), (1, "wrw"), (7, "wwr")))

    alone = [(12, 1), (0, 7), (1, 19)]
    p_values = [paired.mcnemar(*counts) for counts in alone]
    assert [(c.dataset, c.first, c.second, c.images) for c in tests] == [
        ("photos", *pair, 40) for pair in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    assert [(c.first_only, c.second_only) for c in tests] == alone
    assert [c.difference for c in tests] == [-11 / 40, 7 / 40, 18 / 40]
    assert [c.p_value for c in tests] == p_values
    assert [c.p_holm for c in tests] == paired.holm(p_values)
    assert [(c.real, c.images_needed) for c in tests] == [(True, None)] * 3


def test_a_difference_among_many_must_be_larger_to_be_real() -> None:
    """8 against 1 is below 5 % between two models, and by Holm not among three."""
    two = pairwise.pairwise_tests("photos", ["a", "b"], _right((30, "rr"), (8, "rw"), (1, "wr")))
    three = pairwise.pairwise_tests("photos", ["a", "b", "c"], _right((30, "rrr"), (8, "rwr"), (1, "wrr")))
    assert (two[0].real, two[0].images_needed) == (True, None)
    assert three[0].p_value == two[0].p_value < 0.05 < three[0].p_holm
    assert not three[0].real
    assert three[0].images_needed == paired.images_needed(-7 / 39, 9 / 39, 0.05 / 3)


def test_equal_models_are_planned_for_a_difference_of_a_point() -> None:
    """Where as many are gained as lost, the number of images is the one that would show 0.01."""
    [test] = pairwise.pairwise_tests("photos", ["a", "b"], _right((30, "rr"), (5, "rw"), (5, "wr")))
    assert (test.difference, test.p_value, test.real) == (0.0, 1.0, False)
    assert test.images_needed == paired.images_needed(0.01, 0.25, 0.05)


def test_models_are_compared_on_the_images_that_all_of_them_have() -> None:
    """An image that one model lacks is left out for all; each model is judged by its own classes."""
    third = RunSetup("third", "photos", accepted=SETUP.accepted)
    other = RunSetup("vit", "photos", accepted={"cat": (5,), "dog": (6,)})
    tests = pairwise.all_pairs(
        [
            _side(SETUP, {"cat/a": 0, "dog/b": 0, "dog/c": 1, "dog/d": 1}),
            _side(other, {"dog/b": 6, "cat/a": 5, "cat/z": 5, "dog/d": 5}),
            _side(third, {"dog/b": 1, "cat/a": 2, "dog/c": 1}),
        ]
    )
    assert [(c.dataset, c.first, c.second, c.images, c.first_only, c.second_only) for c in tests] == [
        ("photos", "net", "vit", 2, 0, 1),
        ("photos", "net", "third", 2, 1, 1),
        ("photos", "vit", "third", 2, 1, 0),
    ]


def test_models_without_a_common_image_or_accepted_classes_are_not_tested() -> None:
    """Without predictions to compare, or classes to compare them with, there is no test."""
    known = RunSetup("a", "photos", accepted={"cat": (1,)})
    prediction = Prediction("a", "photos", "cat/1.jpg", 64 * "0", "cat", (ClassProbability(1, "cat", 0.9),))
    predicted = ScoredModel("run", {}, known, {(64 * "0", "cat"): prediction})
    assert pairwise.all_pairs([predicted, ScoredModel("run", {}, known, {})]) == ()
    assert pairwise.all_pairs([predicted, replace(predicted, setup=RunSetup("b", "photos"))]) == ()
