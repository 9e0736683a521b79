"""imgcls.parity.predictions: what two models predict alike, image by image."""

from collections.abc import Mapping
from typing import Any

import pytest

from imgcls.parity import predictions
from imgcls.records.comparison import Prediction, RunSetup, ScoredModel
from imgcls.records.evaluation import ClassProbability, Output
from imgcls.store.database import Store

ACCEPTED = {"cat": (0, 1), "dog": (2,)}
KEYS = ("aa" * 32, "bb" * 32)

Rows = Mapping[tuple[str, Any], tuple[int, ...]]
"""The best classes of an image, by its sha256 and its label."""


def _scored(model: str, rows: Rows) -> ScoredModel:
    made = {
        (sha256, label): Prediction(
            model, "photos", f"{sha256}.jpg", sha256, label, tuple(ClassProbability(i, f"class {i}", 0.1) for i in top)
        )
        for (sha256, label), top in rows.items()
    }
    return ScoredModel("this run", {}, RunSetup(model, "photos", accepted=ACCEPTED, class_count=9), made)


def _common(before: Rows, after: Rows, left_out: Any = ()) -> predictions.Common:
    return predictions.common(_scored("net", before), _scored("ship", after), left_out)


def test_images_are_alike_by_index() -> None:
    """The best class must be the same, and the five best, in any order."""
    before = {("a", "cat"): (0, 1, 2, 3, 4), ("b", "cat"): (0, 1, 2, 3, 4), ("c", "dog"): (2, 1, 0, 3, 4)}
    after = {("a", "cat"): (0, 4, 3, 2, 1), ("b", "cat"): (0, 1, 2, 3, 5), ("c", "dog"): (3, 1, 0, 2, 4)}
    common = _common(before, after)
    assert (common.images, common.flipped, common.same_top5) == (("a", "b", "c"), ("c",), 2)
    assert [(flip.change, flip.path) for flip in common.comparison.flips] == [("right to wrong", "c.jpg")]


def test_a_flip_among_right_classes_is_named_too() -> None:
    """Where several classes are right for a folder, accuracy does not see such a flip."""
    common = _common({("a", "cat"): (0, 1), ("b", "dog"): (2, 0)}, {("a", "cat"): (1, 0), ("b", "dog"): (0, 2)})
    flips = [(flip.change, flip.path, flip.before[0], flip.after[0]) for flip in common.comparison.flips]
    assert flips == [("right to wrong", "b.jpg", 2, 0), ("right to otherwise right", "a.jpg", 0, 1)]
    assert common.comparison.differences[0].losses == 1
    assert len(common.flipped) == 2


def test_the_same_bytes_under_two_labels_are_one_image() -> None:
    """Neither the flip nor what it costs counts twice."""
    before = {("a", "cat"): (0, 1), ("a", "dog"): (0, 1)}
    after = {("a", "cat"): (2, 1), ("a", "dog"): (2, 1)}
    common = _common(before, after)
    assert (common.images, common.flipped) == (("a",), ("a",))
    assert [difference.images for difference in common.comparison.differences] == [1, 1]


def test_only_images_of_both_count() -> None:
    """An image that calibrated the export, or that one of both has no prediction of, is left out."""
    rows = {(name, "cat"): (0, 1) for name in "abc"}
    common = _common(rows, {key: top for key, top in rows.items() if key[0] != "c"}, frozenset("a"))
    assert common.images == ("b",)
    assert _common(rows, rows, frozenset("abc")).images == ()


def test_without_labels_there_are_no_accuracies() -> None:
    """No image can be right or wrong, but images flip."""
    common = _common({("a", None): (0, 1), ("b", None): (0, 1)}, {("a", None): (1, 0), ("b", None): (0, 1)})
    assert common.comparison.differences == ()
    assert common.flipped == ("a",)
    assert [flip.path for flip in common.comparison.flips] == ["a.jpg"]


# In the store.


def _output(*top: tuple[int, float], logsumexp: float = 3.0) -> Output:
    return Output(top, logsumexp, (0.0,) * 12)


@pytest.fixture
def store() -> Store:
    """Three images whose best class flips: by 0.01, by 1, and to a class that is not among the reference's best."""
    stored = Store(None)
    images = [f"{n:064x}" for n in range(3)]
    before = [_output((0, 1.0), (1, 0.99)), _output((0, 2.0), (1, 1.0)), _output((0, 1.0), (1, 0.9))]
    after = [_output((1, 1.0), (0, 0.99)), _output((1, 2.0), (0, 1.0)), _output((7, 1.0), (0, 0.9))]
    for key, outputs in zip(KEYS, (before, after), strict=True):
        stored.put({key: (9, list(zip(images, outputs, strict=True)))})
    return stored


@pytest.mark.parametrize(("limit", "ties"), [(0.001, 0), (0.0100001, 1), (0.5, 1), (1.0, 2), (9.0, 2)])
def test_a_tie_is_a_flip_of_what_the_reference_has_as_near(store: Store, limit: float, ties: int) -> None:
    """A class that is not among the ten best is no tie, however far the limit."""
    assert predictions.ties(store, KEYS, [f"{n:064x}" for n in range(3)], limit) == ties


def test_identical_is_to_the_last_bit(store: Store) -> None:
    """One logit of one image that is another makes two models different."""
    images = [f"{n:064x}" for n in range(3)]
    assert predictions.are_identical(store, (KEYS[0], KEYS[0]), images)
    assert not predictions.are_identical(store, KEYS, images)
    other = _output((0, 1.0), (1, 0.99), logsumexp=3.0000002)
    store.put({"cc" * 32: (9, [(images[0], other)])})
    assert not predictions.are_identical(store, (KEYS[0], "cc" * 32), images[:1])
