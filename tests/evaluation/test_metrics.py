"""imgcls.evaluation.metrics: from logits to predictions, from predictions to counts that add."""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special
from sklearn.metrics import f1_score

from imgcls.errors import ModelError
from imgcls.evaluation import metrics
from imgcls.records.data import ImageRef, Matching
from imgcls.records.evaluation import ClassProbability, ClassScore, Output, Scores

NAMES = tuple(f"class {index}" for index in range(40))
MATCHING = Matching({"cat": frozenset({0, 3}), "dog": frozenset({1}), "fox": frozenset({11})})
FOLDER_OF = {index: label for label, indices in MATCHING.accepted.items() for index in indices}
START = Scores("m", "d")

untimed = settings(deadline=None)  # the first example pays for an import
few_values = st.integers(-3, 3)
rows = st.lists(few_values, min_size=12, max_size=12)
drawn_images = st.lists(st.tuples(st.sampled_from([*sorted(MATCHING.accepted), None]), rows), max_size=12)


def _image(number: int, label: str | None = "cat") -> ImageRef:
    return ImageRef(f"{label}/{number}.png", Path("/data") / f"{label}" / f"{number}.png", f"{number:064x}", label)


def _outputs(logits: Sequence[Sequence[float]]) -> list[Output]:
    array: NDArray[np.float32] = np.asarray(logits, np.float32)
    fingerprints = np.zeros((len(array), 12), np.float32)
    return metrics.outputs(array, fingerprints, [_image(number) for number in range(len(array))])


def _scored(drawn: Sequence[tuple[str | None, Sequence[float]]]) -> list[tuple[ImageRef, Output]]:
    images = [_image(number, label) for number, (label, _) in enumerate(drawn)]
    return [(image, _outputs([row])[0]) for image, (_, row) in zip(images, drawn, strict=True)]


# The best classes.


def _sorted(row: Sequence[float], k: int) -> list[int]:
    return sorted(range(len(row)), key=lambda index: (-row[index], index))[:k]


@untimed
@given(st.lists(st.lists(few_values, min_size=9, max_size=9), min_size=1, max_size=4), st.integers(1, 12))
def test_top_k_is_the_head_of_the_sorted_list(values: list[list[int]], k: int) -> None:
    """The k largest of each row, largest first, ties by the lower index, and all of them where there are fewer."""
    expected = [_sorted(row, k) for row in values]
    assert expected == metrics.top_k(np.asarray(values, np.float32), k).tolist()


@untimed
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_top_k_of_any_logits(values: list[float]) -> None:
    """The same for floats of every size, where zero and minus zero are a tie."""
    assert [_sorted(values, 10)] == metrics.top_k(np.asarray([values], np.float32), 10).tolist()


# Predictions.


@untimed
@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=17, max_size=17), min_size=2, max_size=5))
def test_a_prediction_does_not_depend_on_the_batch(logits: list[list[float]]) -> None:
    """Each image has the bits that it has by itself; the total is SciPy's within 1e-14."""
    together = _outputs(logits)
    assert together == [_outputs([row])[0] for row in logits]
    expected = special.logsumexp(np.asarray(logits, np.float32).astype(np.float64), axis=1)
    np.testing.assert_allclose([output.logsumexp for output in together], expected, rtol=1e-14, atol=1e-12)


def test_a_prediction_keeps_the_ten_best_and_the_fingerprint() -> None:
    """Ten (index, logit) pairs are kept, best first, with the image's own fingerprint."""
    logits = np.arange(24, dtype=np.float32).reshape(2, 12)
    fingerprints = logits[:, ::-1]

    first, second = metrics.outputs(logits, fingerprints, [_image(0), _image(1)])

    assert first.top == tuple((index, float(index)) for index in range(11, 1, -1))
    assert second.top == tuple((index, float(index + 12)) for index in range(11, 1, -1))
    assert (first.fingerprint, second.fingerprint) == tuple(tuple(row) for row in fingerprints.tolist())


def test_no_images_have_no_predictions() -> None:
    """An empty batch is no error."""
    assert metrics.outputs(np.zeros((0, 5), np.float32), np.zeros((0, 12), np.float32), []) == []


@pytest.mark.parametrize(("value", "kind"), [(math.nan, "NaN"), (math.inf, "infinite"), (-math.inf, "infinite")])
def test_logits_that_are_not_numbers_are_refused_by_image(value: float, kind: str) -> None:
    """One NaN or infinite logit is a ModelError that names the first image it is on."""
    logits = [[0.0, 1.0], [0.0, value], [value, 1.0]]
    with pytest.raises(ModelError, match=rf"logits are {kind} on cat/1\.png$"):
        _outputs(logits)


@untimed
@given(st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=40))
def test_a_stored_prediction_gives_the_softmax(logits: list[float]) -> None:
    """``exp(logit - logsumexp)`` of what is stored is the softmax of all logits within 1e-12."""
    expected = metrics.softmax(np.asarray(logits, np.float32))
    [output] = _outputs([logits])
    for one in metrics.top_classes(output, NAMES, k=10):
        assert one.probability == pytest.approx(expected[one.index], rel=1e-12, abs=1e-300)


@untimed
@given(st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=10))
def test_softmax_is_its_definition(logits: list[float]) -> None:
    """Each probability is its exponential's share of the sum, in float64."""
    total = math.fsum(math.exp(logit) for logit in logits)
    result = metrics.softmax(np.asarray(logits, np.float32))
    assert result.dtype == np.float64
    assert result.tolist() == pytest.approx([math.exp(logit) / total for logit in logits], rel=1e-12)


def test_softmax_takes_the_last_axis_and_large_logits() -> None:
    """Rows are independent, and logits whose exponential overflows are no problem."""
    result = metrics.softmax(np.asarray([[1e4, 1e4], [0.0, -1e4]], np.float32))
    assert result.tolist() == [[0.5, 0.5], [1.0, 0.0]]


def test_guesses_name_the_five_best() -> None:
    """The five best classes of a prediction come with their names and probabilities, best first."""
    [output] = _outputs([[math.log(p) for p in (0.05, 0.4, 0.2, 0.2, 0.1, 0.05)]])
    found = metrics.top_classes(output, NAMES)
    assert [(guess.index, guess.name) for guess in found] == [(i, f"class {i}") for i in (1, 2, 3, 4, 0)]
    assert [guess.probability for guess in found] == pytest.approx([0.4, 0.2, 0.2, 0.1, 0.05], rel=1e-6)


# Counts.


def test_any_accepted_class_counts() -> None:
    """Right is an image whose best class, or one of whose five best, is among its folder's classes."""
    best_is = [[float(-abs(index - best)) for index in range(12)] for best in (3, 5, 11)]
    drawn = [("cat", best_is[0]), ("cat", best_is[1]), ("dog", best_is[2]), ("dog", [0.0] * 12)]

    scores = metrics.tally(START, _scored(drawn), MATCHING)

    assert (scores.scored, scores.top1_count, scores.top5_count) == (4, 1, 3)
    assert scores.classes == {
        "cat": ClassScore(2, 1, 2, answered=2),
        "dog": ClassScore(2, 0, 1),
        "fox": ClassScore(answered=1),
    }


@untimed
@given(drawn_images)
def test_tally_is_its_definition(drawn: list[tuple[str | None, list[int]]]) -> None:
    """The counts are those of a sorted list per image; an image without a label only counts as scored."""
    orders = [sorted(range(12), key=lambda index: (-row[index], index)) for _, row in drawn]
    accepted = [MATCHING.accepted.get(label, frozenset()) if label else frozenset() for label, _ in drawn]

    scores = metrics.tally(START, _scored(drawn), MATCHING)

    assert scores.scored == len(drawn)
    assert scores.top1_count == sum(order[0] in right for order, right in zip(orders, accepted, strict=True))
    assert scores.top5_count == sum(bool(right & set(order[:5])) for order, right in zip(orders, accepted, strict=True))
    labelled = [order[0] for (label, _), order in zip(drawn, orders, strict=True) if label is not None]
    assert reduce(add, scores.classes.values(), ClassScore()) == ClassScore(
        len(labelled), scores.top1_count, scores.top5_count, answered=sum(best in FOLDER_OF for best in labelled)
    )


@untimed
@given(drawn_images, st.lists(st.integers(0, 12), max_size=4))
def test_scores_do_not_depend_on_the_batches(drawn: list[tuple[str | None, list[int]]], cuts: list[int]) -> None:
    """Any split into batches, whether tallied on or added up, gives the same scores; mass within 1e-12."""
    scored = _scored(drawn)
    whole = metrics.tally(START, scored, MATCHING)
    edges = [0, *sorted(cuts), len(scored)]
    batches = [scored[start:end] for start, end in pairwise(edges)]

    tallied_on = reduce(lambda scores, batch: metrics.tally(scores, batch, MATCHING), batches, START)
    added_up = reduce(add, (metrics.tally(START, batch, MATCHING) for batch in batches))

    for scores in (tallied_on, added_up):
        assert scores.mass == pytest.approx(whole.mass, rel=0, abs=1e-12)
        assert _counts(scores) == _counts(whole)


def _counts(scores: Scores) -> tuple[object, ...]:
    return (scores.scored, scores.top1_count, scores.top5_count, scores.classes)


def test_tally_keeps_what_was_counted_before() -> None:
    """What was listed, rejected and ignored stays as it was."""
    before = Scores("m", "d", listed=9, scored=1, rejected=2, ignored=3, mass={0: 1.0})
    after = metrics.tally(before, _scored([("cat", [0.0] * 12)]), MATCHING)
    assert (after.listed, after.scored, after.rejected, after.ignored) == (9, 2, 2, 3)


# The mean F1 of the folders.


def _best(index: int) -> list[float]:
    """Logits whose largest is this one."""
    return [float(position == index) for position in range(12)]


@pytest.mark.parametrize("own", ["cat", "pet"])
def test_a_class_that_several_folders_accept_counts_for_the_images_own(own: str) -> None:
    """Where folders overlap a right prediction is the image's own folder's, and every prediction counts once."""
    overlapping = Matching({"cat": frozenset({0, 3}), "dog": frozenset({1}), "pet": frozenset({0, 1})})
    scores = metrics.tally(START, _scored([(own, _best(0)), (own, _best(0))]), overlapping)
    assert scores.classes == {own: ClassScore(2, 2, 2, answered=2)}


def test_a_wrong_prediction_that_several_folders_accept_counts_once() -> None:
    """A class of two folders, predicted on an image of a third, is a prediction of one of the two."""
    overlapping = Matching({"cat": frozenset({0}), "pet": frozenset({0}), "fox": frozenset({5})})
    scores = metrics.tally(START, _scored([("fox", _best(0))]), overlapping)
    assert sum(score.answered for score in scores.classes.values()) == 1
    assert scores.classes["fox"] == ClassScore(1, 0, 0)


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ([("cat", 0), ("cat", 3), ("dog", 1)], 1.0),
        ([("cat", 1), ("dog", 0)], 0.0),
        ([("cat", 7), ("cat", 0)], 2 / 3),
        ([("cat", 0), ("dog", 0)], (2 / 3 + 0) / 2),
        ([("cat", 0), ("cat", 11)], (2 / 3 + 0) / 2),
        ([("cat", 7)], 0.0),
    ],
)
def test_macro_f1_by_hand(drawn: list[tuple[str, int]], expected: float) -> None:
    """Any of its classes is right for a folder; one of no folder counts for none; one that is predicted counts."""
    scores = metrics.tally(START, _scored([(label, _best(best)) for label, best in drawn]), MATCHING)
    assert metrics.macro_f1(scores.classes) == pytest.approx(expected, abs=1e-12)


@untimed
@given(st.lists(st.tuples(st.sampled_from(sorted(MATCHING.accepted)), st.integers(0, 11)), min_size=1, max_size=12))
def test_macro_f1_is_that_of_scikit_learn(drawn: list[tuple[str, int]]) -> None:
    """It equals ``f1_score`` of the explicit lists, over the folders that have images or predictions."""
    scores = metrics.tally(START, _scored([(label, _best(best)) for label, best in drawn]), MATCHING)

    true = [label for label, _ in drawn]
    predicted = [FOLDER_OF.get(best, "none of them") for _, best in drawn]
    folders = sorted({*true, *predicted} - {"none of them"})

    expected = f1_score(true, predicted, labels=folders, average="macro", zero_division=0)
    assert metrics.macro_f1(scores.classes) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("folders", [1, 7, 9, 129, 1000, 21843])
def test_macro_f1_has_the_bits_of_scikit_learn(folders: int) -> None:
    """Of as many folders as ImageNet-21k has, too, some of them without images or predictions."""
    random = np.random.default_rng(folders)
    scored, answered = random.integers(0, 60, (2, folders))
    right = random.integers(0, np.minimum(scored, answered) + 1)
    counts = zip(scored.tolist(), right.tolist(), answered.tolist(), strict=True)
    classes = {str(n): ClassScore(images, top1, images, best) for n, (images, top1, best) in enumerate(counts)}
    numbers, none = np.arange(folders), np.full(folders, -1)
    true, predicted = np.concatenate([numbers, numbers, none]), np.concatenate([numbers, none, numbers])
    weights = np.concatenate([right, scored - right, answered - right])
    expected = f1_score(true, predicted, labels=numbers, average="macro", sample_weight=weights, zero_division=0)
    assert expected == metrics.macro_f1(classes)


def test_a_folder_without_images_and_predictions_counts_as_0() -> None:
    """The mean is over all folders that are counted."""
    assert metrics.macro_f1({"cat": ClassScore(2, 2, 2, 2), "dog": ClassScore()}) == 0.5


# The overall classes.


@untimed
@given(drawn_images.filter(bool))
def test_overall_is_the_mean_probability_where_among_the_ten_best(drawn: list[tuple[str | None, list[int]]]) -> None:
    """Each class: the sum of its probability over the images where it is among the ten best, by all images."""
    means = dict.fromkeys(range(12), 0.0)
    for _, row in drawn:
        total = math.fsum(math.exp(logit) for logit in row)
        for index in sorted(range(12), key=lambda index: (-row[index], index))[:10]:
            means[index] += math.exp(row[index]) / total / len(drawn)

    found = metrics.overall(metrics.tally(START, _scored(drawn), MATCHING), NAMES)

    assert [guess.probability for guess in found] == pytest.approx(sorted(means.values(), reverse=True)[:5], rel=1e-9)
    assert {g.index: g.probability for g in found} == pytest.approx({g.index: means[g.index] for g in found}, rel=1e-9)


def test_overall_breaks_ties_by_the_lower_index() -> None:
    """Classes of equal mass come in the order of their numbers, whichever was seen first."""
    scores = Scores("m", "d", scored=2, mass={9: 0.25, 4: 0.25, 30: 0.5, 2: 0.25, 7: 0.125, 3: 0.25, 1: 0.125})
    assert metrics.overall(scores, NAMES) == (
        ClassProbability(30, "class 30", 0.25),
        *(ClassProbability(index, f"class {index}", 0.125) for index in (2, 3, 4, 9)),
    )


def test_nothing_scored_has_no_overall_classes() -> None:
    """Without a scored image there is no mean."""
    assert metrics.overall(START, NAMES) == ()
