"""imgcls.comparison.compare: which predictions changed, by how much, and what cannot be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.comparison import compare
from imgcls.records.comparison import Comparison, Difference, Prediction, RunSetup, SavedRun, ScoredModel
from imgcls.records.evaluation import ClassProbability
from imgcls.stats import noninferiority, paired

NAMES = ("cat", "dog", "elk", "fox", "gnu", "hen", "ibis")
ACCEPTED = {"cat": (0,), "dog": (1,)}
SETUP = RunSetup(
    "net", "photos", "eager", "float32", "cpu", "resize(256, bilinear)", "ignore", "list", ACCEPTED,
    "file", "state", "key",
)  # fmt: skip
NEW = replace(SETUP, prediction_key="other key")
SAME_IMAGES = {"cat/a": (0,), "dog/b": (1,)}
VERSIONS = {"torch": "2.10", "timm": "1.0"}


def _prediction(place: str, best: Sequence[int], probability: float = 0.5, names: Sequence[str] = NAMES) -> Prediction:
    """Of the image whose bytes are the last word of its place, and whose label is the first."""
    label, _, image = place.rpartition("/")
    top = tuple(ClassProbability(index, names[index], probability / 2**number) for number, index in enumerate(best))
    return Prediction("net", "photos", f"{place}.jpg", image, label or None, top)


def _side(run: str, setup: RunSetup, best: Mapping[str, Sequence[int]], **details: Any) -> ScoredModel:
    predictions = [_prediction(place, classes, **details) for place, classes in best.items()]
    return ScoredModel(run, VERSIONS, setup, {(p.image_sha256, p.label): p for p in predictions})


def _compared(
    before: Mapping[str, Sequence[int]], after: Mapping[str, Sequence[int]], old: RunSetup = SETUP, new: RunSetup = NEW
) -> Comparison:
    return compare.scored_models(_side("main.json", old, before), _side("this run", new, after))


def _refusals(**changed: Any) -> tuple[str, ...]:
    return _compared(SAME_IMAGES, SAME_IMAGES, new=replace(NEW, **changed)).refusals


# What is paired.


def test_images_are_paired_by_bytes_and_label() -> None:
    """The path does not matter; an image of only one side is named by its path there, and not counted."""
    before, after = (
        _side(run, setup, best)
        for run, setup, best in (
            ("main.json", SETUP, {"cat/a": (0,), "dog/b": (1,), "cat/gone": (0,)}),
            ("this run", NEW, {"dog/b": (1,), "dog/new": (0,), "cat/a": (2,)}),
        )
    )
    moved = replace(after.predictions["a", "cat"], path="cat/renamed.jpg")

    comparison = compare.scored_models(before, replace(after, predictions={**after.predictions, ("a", "cat"): moved}))

    assert (comparison.refusals, comparison.only_before, comparison.only_after) == (
        (),
        ("cat/gone.jpg",),
        ("dog/new.jpg",),
    )
    assert [(d.images, d.before_count, d.after_count) for d in comparison.differences] == [(2, 2, 1), (2, 2, 1)]
    assert [flip.path for flip in comparison.flips] == ["cat/renamed.jpg"]


def test_a_comparison_states_what_was_compared() -> None:
    """Models, dataset and both runs, in the order of time."""
    comparison = _compared(SAME_IMAGES, SAME_IMAGES)
    assert (comparison.dataset, comparison.before, comparison.after) == ("photos", "net", "net")
    assert (comparison.before_run, comparison.after_run) == ("main.json", "this run")


def test_a_pair_is_looked_up_in_both_runs() -> None:
    """The same model on the same dataset in two runs is compared like any two."""
    sides = _side("main.json", SETUP, SAME_IMAGES), _side("this run", NEW, {"cat/a": (1,)})
    before, after = (SavedRun(side.run, {("net", "photos"): side}) for side in sides)
    assert compare.pair(before, after, "net", "photos") == compare.scored_models(*sides)


@pytest.mark.parametrize(
    ("scored", "expected"),
    [([("net", "digits"), ("vit", "photos")], "net on digits, vit on photos"), ([], "nothing")],
)
@pytest.mark.parametrize("lacking", ["main.json", "this run"])
def test_a_pair_that_one_run_lacks_is_refused(scored: list[tuple[str, str]], expected: str, lacking: str) -> None:
    """The refusal names the run that does not have it, and all that it has."""
    side = _side("any", SETUP, SAME_IMAGES)
    before, after = (
        SavedRun(name, dict.fromkeys(scored if name == lacking else [("net", "photos")], side))
        for name in ("main.json", "this run")
    )
    assert compare.pair(before, after, "net", "photos") == Comparison(
        "photos", "net", "net", "main.json", "this run",
        refusals=(f"{lacking} has no net on photos; it has {expected}",),
    )  # fmt: skip


# What cannot be compared.


OTHER_RUNTIME = (
    "runtime: eager -> openvino (request one of them with the model's key runtime, or save the earlier run again)"
)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"runtime": "openvino"}, OTHER_RUNTIME),
        ({"input": "resize(255, bilinear)"}, "input spec: resize(256, bilinear) -> resize(255, bilinear)"),
        ({"exif": "apply"}, "exif: ignore -> apply"),
        ({"labels_sha256": "other list"}, "labels: the classes of the model have other names"),
        (
            {"accepted": {"cat": (0, 2), "dog": (2,)}},
            "labels: other classes are right for 2 folders, as cat: (0,) -> (0, 2)",
        ),
    ],
)
def test_two_runs_of_different_work_are_refused(changed: dict[str, Any], refusal: str) -> None:
    """Each reason is named with both sides, and nothing is compared."""
    assert _refusals(**changed) == (refusal,)
    comparison = _compared(SAME_IMAGES, SAME_IMAGES, new=replace(NEW, **changed))
    assert (comparison.same, comparison.differences, comparison.flips, comparison.only_before) == (False, (), (), ())


def test_every_reason_is_reported_at_once() -> None:
    """All refusals are named, so that they can be mended together."""
    assert _refusals(runtime="openvino", exif="apply", accepted={"cat": (1,)}) == (
        OTHER_RUNTIME,
        "exif: ignore -> apply",
        "labels: other classes are right for 1 folder, as cat: (0,) -> (1,)",
    )


def test_the_order_of_accepted_classes_is_not_a_difference() -> None:
    """A folder's right classes are a set."""
    old, new = (
        replace(setup, accepted={"cat": accepted, "dog": (1,)}) for setup, accepted in ((SETUP, (0, 2)), (NEW, (2, 0)))
    )
    assert _compared(SAME_IMAGES, SAME_IMAGES, old, new).refusals == ()


def test_images_with_another_label_are_refused() -> None:
    """The same bytes in another folder cannot be compared; three of them are named."""
    before = {f"cat/{n}": (0,) for n in range(5)}
    after = {"cat/0": (0,), **{f"dog/{n}": (0,) for n in range(1, 5)}}
    assert _compared(before, after).refusals == (
        "labels: 4 images have another label, as dog/1.jpg: cat -> dog, dog/2.jpg: cat -> dog, dog/3.jpg: cat -> dog",
    )


def test_without_a_common_image_nothing_is_compared() -> None:
    """Two runs on different images are refused with the counts of both."""
    assert _compared({"cat/a": (0,)}, {"cat/b": (0,), "cat/c": (0,)}).refusals == (
        "images: the two have none in common (1 before, 2 after)",
    )


def test_without_accepted_classes_nothing_can_be_right() -> None:
    """Where neither side has accepted classes, there is nothing to count."""
    old, new = (replace(setup, accepted=None) for setup in (SETUP, NEW))
    assert _compared(SAME_IMAGES, SAME_IMAGES, old, new).refusals == (
        "labels: it is not known which classes are right for which folder",
    )


@pytest.mark.parametrize("silent", ["before", "after"])
def test_accepted_classes_of_one_side_are_good_for_both(silent: str) -> None:
    """A document without accepted classes is judged by those of the other one."""
    old, new = (
        replace(s, accepted=None if side == silent else ACCEPTED) for s, side in ((SETUP, "before"), (NEW, "after"))
    )
    comparison = _compared({"cat/a": (0,), "dog/b": (0,)}, {"cat/a": (0,), "dog/b": (1,)}, old, new)
    assert [(d.before_count, d.after_count) for d in comparison.differences] == [(1, 2), (1, 2)]


def test_what_a_document_lacks_is_not_a_refusal() -> None:
    """Runtime, input spec, exif and class names are compared only where both sides have them."""
    bare = RunSetup("net", "photos")
    assert _compared(SAME_IMAGES, SAME_IMAGES, old=bare).refusals == ()
    assert _compared(SAME_IMAGES, SAME_IMAGES, new=bare).refusals == ()


# What may differ.


def test_other_precision_device_weights_and_versions_are_noted() -> None:
    """They are what a comparison is for, so they are named, in words, and nothing is refused."""
    new = replace(NEW, precision="bfloat16", device="cuda", weights_file_sha256="file 2", state_sha256="state 2")
    before = replace(_side("main.json", SETUP, SAME_IMAGES), environment={**VERSIONS, "pillow": "11"})
    after = replace(_side("this run", new, SAME_IMAGES), environment={"torch": "2.11", "timm": "1.0", "numpy": "2"})
    comparison = compare.scored_models(before, after)
    assert comparison.refusals == ()
    assert comparison.changed == (
        "precision float32 -> bfloat16",
        "device cpu -> cuda",
        "weights file",
        "state",
        "torch 2.10 -> 2.11",
    )


def test_two_models_of_one_run_may_differ_in_everything() -> None:
    """Another input spec, runtime, label list or set of right classes is what makes them two models."""
    other = RunSetup(
        "vit", "photos", "compile", "float32", "cpu", "resize(32)", "apply", "other list", {"cat": (5,), "dog": (6,)}
    )
    comparison = compare.scored_models(
        _side("this run", SETUP, {"cat/a": (0,), "dog/b": (0,)}),
        _side("this run", other, {"cat/a": (5,), "dog/b": (6,)}),
    )
    assert (comparison.refusals, comparison.before, comparison.after) == ((), "net", "vit")
    assert [(d.before_count, d.after_count) for d in comparison.differences] == [(1, 2), (1, 2)]


# The same predictions.


def test_equal_keys_with_equal_results_are_the_same() -> None:
    """SAME needs no statistics."""
    comparison = _compared(SAME_IMAGES, SAME_IMAGES, new=SETUP)
    assert (comparison.same, comparison.differences, comparison.flips) == (True, (), ())


@pytest.mark.parametrize("keys", [("key", "other key"), ("key", None), (None, "key"), (None, None)])
def test_equal_results_of_other_keys_are_compared(keys: tuple[str | None, str | None]) -> None:
    """Equal predictions do not prove that the same was done; unknown keys are never equal."""
    old, new = (replace(SETUP, prediction_key=key) for key in keys)
    comparison = _compared(SAME_IMAGES, SAME_IMAGES, old, new)
    assert not comparison.same
    assert [(d.losses, d.gains, d.p_value) for d in comparison.differences] == [(0, 0, 1.0), (0, 0, 1.0)]


@pytest.mark.parametrize("after", [(2,), (2, 0)])
def test_equal_keys_with_other_results_are_compared_as_usual(after: tuple[int, ...]) -> None:
    """Equal keys with other predictions hide nothing."""
    comparison = _compared(SAME_IMAGES, {**SAME_IMAGES, "cat/a": after}, new=SETUP)
    assert not comparison.same
    assert (comparison.differences[0].losses, len(comparison.flips)) == (1, 1)


def test_equal_keys_with_another_top_five_are_compared_as_usual() -> None:
    """Top-5 counts too, where all best predictions are as they were."""
    comparison = _compared({"cat/a": (2, 0)}, {"cat/a": (2, 3)}, new=SETUP)
    assert (comparison.same, [d.losses for d in comparison.differences]) == (False, [0, 1])


# Counts.


def test_losses_and_gains_are_counted_for_both_accuracies() -> None:
    """A right class among the five best counts only for top-5, and one in sixth place for neither."""
    late = (2, 3, 4, 5, 6, 0)
    before = {"cat/a": (0,), "cat/b": (0,), "cat/c": late, "dog/d": (2, 1), "dog/e": (1,)}
    after = {"cat/a": (2, 0), "cat/b": late, "cat/c": (0,), "dog/d": (1,), "dog/e": (1,)}

    comparison = _compared(before, after)

    top1, top5 = (noninferiority.difference_bounds(*counts, 5, 0.975) for counts in ((2, 2), (1, 1)))
    assert comparison.differences == (
        Difference("top1", 5, 3, 3, 2, 2, 0.0, top1.low, top1.high, 1.0, paired.detectable_difference(5, 0.8)),
        Difference("top5", 5, 4, 4, 1, 1, 0.0, top5.low, top5.high, 1.0, paired.detectable_difference(5, 0.4)),
    )


def test_a_difference_is_positive_where_the_second_is_better() -> None:
    """It is gains minus losses by the number of images, inside its interval, with McNemar's p-value."""
    before = {f"cat/{n}": (0 if n < 4 else 2,) for n in range(20)}
    after = {f"cat/{n}": (0 if n > 2 else 2,) for n in range(20)}
    top1, _ = _compared(before, after).differences
    assert (top1.images, top1.before_count, top1.after_count, top1.losses, top1.gains) == (20, 4, 17, 3, 16)
    assert top1.difference == 0.65
    assert 0 < top1.low < 0.65 < top1.high < 1
    assert top1.p_value == paired.mcnemar(3, 16)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8))
def test_the_counts_agree_with_each_other_and_with_the_flips(best: list[tuple[int, int]]) -> None:
    """Before plus gains minus losses is after, and exactly the losses and gains of top-1 are flips of their kind."""
    before, after = ({f"cat/{n}": (pair[side],) for n, pair in enumerate(best)} for side in (0, 1))
    comparison = _compared(before, after)
    top1 = comparison.differences[0]
    changes = [flip.change for flip in comparison.flips]
    assert top1.before_count + top1.gains - top1.losses == top1.after_count
    assert (changes.count("right to wrong"), changes.count("wrong to right")) == (top1.losses, top1.gains)
    assert changes.count("wrong to otherwise wrong") == sum({old, new} == {1, 2} for old, new in best)


def test_an_image_without_a_label_or_with_an_unknown_one_is_never_right() -> None:
    """Only the images of a folder whose accepted classes are known can be right."""
    assert not compare.is_right(_prediction("a", (0,)), ACCEPTED, best=5)
    assert not compare.is_right(_prediction("owl/a", (0,)), ACCEPTED, best=5)
    assert compare.is_right(_prediction("cat/a", (0,)), ACCEPTED, best=1)


# Flips.


def test_flips_are_of_three_kinds_with_the_most_confident_first() -> None:
    """Losses come first, then gains, then other mistakes; in each kind the most confident new prediction leads."""
    before = {"cat/a": (0,), "cat/b": (0,), "cat/c": (2,), "cat/d": (2,), "cat/e": (2,), "cat/f": (0,), "cat/g": (0,)}
    after = {"cat/e": (2,), "cat/d": (3,), "cat/c": (0,), "cat/b": (2,), "cat/a": (3,), "cat/f": (0,), "cat/g": (4,)}
    old, new = _side("main.json", SETUP, before, probability=0.25), _side("this run", NEW, after)
    sure = _prediction("cat/b", (2,), probability=0.75)

    comparison = compare.scored_models(old, replace(new, predictions={**new.predictions, ("b", "cat"): sure}))

    assert [(flip.change, flip.path) for flip in comparison.flips] == [
        ("right to wrong", "cat/b.jpg"),
        ("right to wrong", "cat/a.jpg"),
        ("right to wrong", "cat/g.jpg"),
        ("wrong to right", "cat/c.jpg"),
        ("wrong to otherwise wrong", "cat/d.jpg"),
    ]
    first = comparison.flips[0]
    assert (first.image_sha256, first.label) == ("b", "cat")
    assert (first.before, first.after) == ((0, "cat", 0.25), (2, "elk", 0.75))


def test_from_one_right_class_to_another_is_not_a_flip() -> None:
    """Where several classes are right for a folder, it does not matter which one is predicted."""
    old, new = (replace(setup, accepted={"cat": (0, 2)}) for setup in (SETUP, NEW))
    assert _compared({"cat/a": (0,)}, {"cat/a": (2,)}, old, new).flips == ()


@pytest.mark.parametrize(
    ("list_of_after", "names", "best", "flips"),
    [
        ("list", NAMES, 3, 1),
        ("list", ("x",) * 7, 2, 0),
        ("list", ("elk",) * 7, 3, 1),
        ("other list", ("elk",) * 7, 3, 0),
        ("other list", ("x",) * 7, 2, 1),
        (None, ("x",) * 7, 2, 0),
    ],
)
def test_wrong_classes_are_distinguished_by_number_or_by_name(
    list_of_after: str | None, names: Sequence[str], best: int, flips: int
) -> None:
    """By number where both have one list, and by name where models of one run have two."""
    setup = replace(NEW, model="other", labels_sha256=list_of_after)
    comparison = compare.scored_models(
        _side("this run", SETUP, {"cat/a": (2,)}), _side("this run", setup, {"cat/a": (best,)}, names=names)
    )
    assert len(comparison.flips) == flips


def test_runs_of_the_same_name_are_two_runs() -> None:
    """One model under one name of a run is the model before and after: another input is refused."""
    prediction = Prediction("a", "photos", "cat/1.jpg", 64 * "0", "cat", (ClassProbability(1, "cat", 0.9),))
    setups = [RunSetup("a", "photos", input=text, accepted={"cat": (1,)}) for text in ("resize(8)", "resize(6)")]
    before, after = (ScoredModel("r.json", {}, setup, {(64 * "0", "cat"): prediction}) for setup in setups)
    assert compare.scored_models(before, after).refusals == ("input spec: resize(8) -> resize(6)",)


def test_a_side_without_accepted_classes_is_not_judged_by_other_ones() -> None:
    """Which classes are right is taken from the other side only where class numbers mean the same."""
    prediction = Prediction("a", "photos", "cat/1.jpg", 64 * "0", "cat", (ClassProbability(1, "cat", 0.9),))
    before = ScoredModel("run", {}, RunSetup("a", "photos", labels_sha256="1"), {(64 * "0", "cat"): prediction})
    after = ScoredModel(
        "run", {}, RunSetup("b", "photos", labels_sha256="2", accepted={"cat": (1,)}), before.predictions
    )
    assert "labels: it is not known" in compare.scored_models(before, after).refusals[0]
