"""imgcls.compare: which answers changed, by how much, and when nothing may be said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import compare, stats
from imgcls.records import Comparison, Difference, Prediction, Run, Scored, Setup

NAMES = ("cat", "dog", "elk", "fox", "gnu", "hen", "ibis")
ACCEPTED = {"cat": (0,), "dog": (1,)}
SETUP = Setup(
    "net", "photos", "eager", "float32", "cpu", "resize(256, bilinear)", "ignore", "list", ACCEPTED,
    "file", "state", "key",
)  # fmt: skip
NEW = replace(SETUP, prediction_key="other key")
SAME_PICTURES = {"cat/a": (0,), "dog/b": (1,)}
VERSIONS = {"torch": "2.10", "timm": "1.0"}


def _prediction(place: str, best: Sequence[int], probability: float = 0.5, names: Sequence[str] = NAMES) -> Prediction:
    """Of the picture whose bytes are the last word of its place, and whose label is the first."""
    label, _, image = place.rpartition("/")
    top = tuple((index, names[index], probability / 2**number) for number, index in enumerate(best))
    return Prediction("net", "photos", f"{place}.jpg", image, label or None, top)


def _side(run: str, setup: Setup, answers: Mapping[str, Sequence[int]], **told: Any) -> Scored:
    found = [_prediction(place, best, **told) for place, best in answers.items()]
    return Scored(run, VERSIONS, setup, {(p.image_sha256, p.label): p for p in found})


def _compared(
    before: Mapping[str, Sequence[int]], after: Mapping[str, Sequence[int]], old: Setup = SETUP, new: Setup = NEW
) -> Comparison:
    return compare.two(_side("main.json", old, before), _side("this run", new, after))


def _refusals(**changed: Any) -> tuple[str, ...]:
    return _compared(SAME_PICTURES, SAME_PICTURES, new=replace(NEW, **changed)).refusals


# What is paired.


def test_pictures_are_paired_by_bytes_and_label() -> None:
    """The path does not matter; a picture of one side alone is named by its path there, and not counted."""
    before, after = (
        _side(run, setup, answers)
        for run, setup, answers in (
            ("main.json", SETUP, {"cat/a": (0,), "dog/b": (1,), "cat/gone": (0,)}),
            ("this run", NEW, {"dog/b": (1,), "dog/new": (0,), "cat/a": (2,)}),
        )
    )
    moved = replace(after.predictions["a", "cat"], path="cat/renamed.jpg")

    found = compare.two(before, replace(after, predictions={**after.predictions, ("a", "cat"): moved}))

    assert (found.refusals, found.only_before, found.only_after) == ((), ("cat/gone.jpg",), ("dog/new.jpg",))
    assert [(d.images, d.before_count, d.after_count) for d in found.differences] == [(2, 2, 1), (2, 2, 1)]
    assert [flip.path for flip in found.flips] == ["cat/renamed.jpg"]


def test_a_comparison_says_what_was_compared() -> None:
    """Models, data set and both runs, in the order of time."""
    found = _compared(SAME_PICTURES, SAME_PICTURES)
    assert (found.dataset, found.before, found.after) == ("photos", "net", "net")
    assert (found.before_run, found.after_run) == ("main.json", "this run")


def test_a_pair_is_looked_up_in_both_runs() -> None:
    """The same model on the same data set in two runs is compared like any two."""
    sides = _side("main.json", SETUP, SAME_PICTURES), _side("this run", NEW, {"cat/a": (1,)})
    before, after = (Run(side.run, {("net", "photos"): side}) for side in sides)
    assert compare.pair(before, after, "net", "photos") == compare.two(*sides)


@pytest.mark.parametrize(
    ("there", "said"),
    [([("net", "digits"), ("vit", "photos")], "net on digits, vit on photos"), ([], "nothing")],
)
@pytest.mark.parametrize("lacking", ["main.json", "this run"])
def test_a_pair_that_one_run_lacks_is_refused(there: list[tuple[str, str]], said: str, lacking: str) -> None:
    """The refusal names the run that does not have it, and all that it has."""
    side = _side("any", SETUP, SAME_PICTURES)
    before, after = (
        Run(name, dict.fromkeys(there if name == lacking else [("net", "photos")], side))
        for name in ("main.json", "this run")
    )
    assert compare.pair(before, after, "net", "photos") == Comparison(
        "photos", "net", "net", "main.json", "this run",
        refusals=(f"{lacking} has no net on photos; it has {said}",),
    )  # fmt: skip


# What cannot be compared.


OTHER_RUNTIME = (
    "runtime: eager -> openvino (ask for one of them by the model's key runtime, or save the earlier run again)"
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
def test_two_runs_that_were_asked_otherwise_are_refused(changed: dict[str, Any], refusal: str) -> None:
    """Each reason is named with both sides, and nothing is compared."""
    assert _refusals(**changed) == (refusal,)
    found = _compared(SAME_PICTURES, SAME_PICTURES, new=replace(NEW, **changed))
    assert (found.same, found.differences, found.flips, found.only_before) == (False, (), (), ())


def test_every_reason_is_told_at_once() -> None:
    """Nobody mends one refusal to meet the next."""
    assert _refusals(runtime="openvino", exif="apply", accepted={"cat": (1,)}) == (
        OTHER_RUNTIME,
        "exif: ignore -> apply",
        "labels: other classes are right for 1 folders, as cat: (0,) -> (1,)",
    )


def test_the_order_of_accepted_classes_is_no_difference() -> None:
    """A folder's right classes are a set."""
    old, new = (
        replace(setup, accepted={"cat": found, "dog": (1,)}) for setup, found in ((SETUP, (0, 2)), (NEW, (2, 0)))
    )
    assert _compared(SAME_PICTURES, SAME_PICTURES, old, new).refusals == ()


def test_pictures_with_another_label_are_refused() -> None:
    """The same bytes in another folder are another question; three of them are named."""
    before = {f"cat/{n}": (0,) for n in range(5)}
    after = {"cat/0": (0,), **{f"dog/{n}": (0,) for n in range(1, 5)}}
    assert _compared(before, after).refusals == (
        "labels: 4 pictures have another one, as dog/1.jpg: cat -> dog, dog/2.jpg: cat -> dog, dog/3.jpg: cat -> dog",
    )


def test_without_a_common_picture_nothing_can_be_said() -> None:
    """Two runs on different pictures are refused with the counts of both."""
    assert _compared({"cat/a": (0,)}, {"cat/b": (0,), "cat/c": (0,)}).refusals == (
        "pictures: none of the 1 before is among the 2 after",
    )


def test_without_accepted_classes_nothing_can_be_right() -> None:
    """Where neither side says which classes are right, there is nothing to count."""
    old, new = (replace(setup, accepted=None) for setup in (SETUP, NEW))
    assert _compared(SAME_PICTURES, SAME_PICTURES, old, new).refusals == (
        "labels: it is not known which classes are right for which folder",
    )


@pytest.mark.parametrize("silent", ["before", "after"])
def test_accepted_classes_of_one_side_are_good_for_both(silent: str) -> None:
    """A document that does not say which classes are right is judged by the other one's."""
    old, new = (
        replace(s, accepted=None if side == silent else ACCEPTED) for s, side in ((SETUP, "before"), (NEW, "after"))
    )
    found = _compared({"cat/a": (0,), "dog/b": (0,)}, {"cat/a": (0,), "dog/b": (1,)}, old, new)
    assert [(d.before_count, d.after_count) for d in found.differences] == [(1, 2), (1, 2)]


def test_what_a_document_does_not_say_is_no_refusal() -> None:
    """Runtime, input spec, exif and class names are held against each other only where both sides tell them."""
    bare = Setup("net", "photos")
    assert _compared(SAME_PICTURES, SAME_PICTURES, old=bare).refusals == ()
    assert _compared(SAME_PICTURES, SAME_PICTURES, new=bare).refusals == ()


# What may differ.


def test_other_precision_device_weights_and_versions_are_noted() -> None:
    """They are what a comparison is for, so they are told, in words, and nothing is refused."""
    new = replace(NEW, precision="bfloat16", device="cuda", weights_file_sha256="file 2", state_sha256="state 2")
    before = replace(_side("main.json", SETUP, SAME_PICTURES), environment={**VERSIONS, "pillow": "11"})
    after = replace(_side("this run", new, SAME_PICTURES), environment={"torch": "2.11", "timm": "1.0", "numpy": "2"})
    found = compare.two(before, after)
    assert found.refusals == ()
    assert found.changed == (
        "precision float32 -> bfloat16",
        "device cpu -> cuda",
        "weights file",
        "state",
        "torch 2.10 -> 2.11",
    )


def test_two_models_of_one_run_may_differ_in_everything() -> None:
    """Another input spec, runtime, label list or set of right classes is what makes them two models."""
    other = Setup(
        "vit", "photos", "compile", "float32", "cpu", "resize(32)", "apply", "other list", {"cat": (5,), "dog": (6,)}
    )
    found = compare.two(
        _side("this run", SETUP, {"cat/a": (0,), "dog/b": (0,)}),
        _side("this run", other, {"cat/a": (5,), "dog/b": (6,)}),
    )
    assert (found.refusals, found.before, found.after) == ((), "net", "vit")
    assert [(d.before_count, d.after_count) for d in found.differences] == [(1, 2), (1, 2)]


# The same predictions.


def test_equal_keys_with_equal_results_are_the_same() -> None:
    """SAME needs no statistics."""
    found = _compared(SAME_PICTURES, SAME_PICTURES, new=SETUP)
    assert (found.same, found.differences, found.flips) == (True, (), ())


@pytest.mark.parametrize("keys", [("key", "other key"), ("key", None), (None, "key"), (None, None)])
def test_equal_results_of_other_keys_are_compared(keys: tuple[str | None, str | None]) -> None:
    """Equal answers alone do not prove that the same was done; unknown keys are never equal."""
    old, new = (replace(SETUP, prediction_key=key) for key in keys)
    found = _compared(SAME_PICTURES, SAME_PICTURES, old, new)
    assert not found.same
    assert [(d.losses, d.gains, d.p_value) for d in found.differences] == [(0, 0, 1.0), (0, 0, 1.0)]


@pytest.mark.parametrize("after", [(2,), (2, 0)])
def test_equal_keys_with_other_results_are_compared_as_usual(after: tuple[int, ...]) -> None:
    """A key that promises equal answers and does not keep it hides nothing."""
    found = _compared(SAME_PICTURES, {**SAME_PICTURES, "cat/a": after}, new=SETUP)
    assert not found.same
    assert (found.differences[0].losses, len(found.flips)) == (1, 1)


def test_equal_keys_with_another_top_five_are_compared_as_usual() -> None:
    """Top-5 counts too, where the best answers are all as they were."""
    found = _compared({"cat/a": (2, 0)}, {"cat/a": (2, 3)}, new=SETUP)
    assert (found.same, [d.losses for d in found.differences]) == (False, [0, 1])


# Counts.


def test_losses_and_gains_are_counted_for_both_accuracies() -> None:
    """A right class among the five best counts for top-5 alone, and one in sixth place for neither."""
    late = (2, 3, 4, 5, 6, 0)
    before = {"cat/a": (0,), "cat/b": (0,), "cat/c": late, "dog/d": (2, 1), "dog/e": (1,)}
    after = {"cat/a": (2, 0), "cat/b": late, "cat/c": (0,), "dog/d": (1,), "dog/e": (1,)}

    found = _compared(before, after)

    top1, top5 = (stats.difference_bounds(*counts, 5, 0.975) for counts in ((2, 2), (1, 1)))
    assert found.differences == (
        Difference("top1", 5, 3, 3, 2, 2, 0.0, top1.low, top1.high, 1.0, stats.detectable_difference(5, 0.8)),
        Difference("top5", 5, 4, 4, 1, 1, 0.0, top5.low, top5.high, 1.0, stats.detectable_difference(5, 0.4)),
    )


def test_a_difference_is_positive_where_the_second_is_better() -> None:
    """It is gains minus losses by the number of pictures, inside its interval, with McNemar's p-value."""
    before = {f"cat/{n}": (0 if n < 4 else 2,) for n in range(20)}
    after = {f"cat/{n}": (0 if n > 2 else 2,) for n in range(20)}
    top1, _ = _compared(before, after).differences
    assert (top1.images, top1.before_count, top1.after_count, top1.losses, top1.gains) == (20, 4, 17, 3, 16)
    assert top1.difference == 0.65
    assert 0 < top1.low < 0.65 < top1.high < 1
    assert top1.p_value == stats.mcnemar(3, 16)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8))
def test_the_counts_agree_with_each_other_and_with_the_flips(best: list[tuple[int, int]]) -> None:
    """Before plus gains minus losses is after, and exactly the losses and gains of top-1 are flips of their kind."""
    before, after = ({f"cat/{n}": (pair[side],) for n, pair in enumerate(best)} for side in (0, 1))
    found = _compared(before, after)
    top1 = found.differences[0]
    changes = [flip.change for flip in found.flips]
    assert top1.before_count + top1.gains - top1.losses == top1.after_count
    assert (changes.count("right to wrong"), changes.count("wrong to right")) == (top1.losses, top1.gains)
    assert changes.count("wrong to otherwise wrong") == sum({old, new} == {1, 2} for old, new in best)


def test_a_picture_without_a_label_or_with_an_unknown_one_is_never_right() -> None:
    """Only a folder whose right classes are known can be answered rightly."""
    assert not compare.is_right(_prediction("a", (0,)), ACCEPTED, best=5)
    assert not compare.is_right(_prediction("owl/a", (0,)), ACCEPTED, best=5)
    assert compare.is_right(_prediction("cat/a", (0,)), ACCEPTED, best=1)


# Flips.


def test_flips_are_of_three_kinds_with_the_most_confident_first() -> None:
    """What was lost comes first, then what was gained, then other mistakes; in each the surest new answer leads."""
    before = {"cat/a": (0,), "cat/b": (0,), "cat/c": (2,), "cat/d": (2,), "cat/e": (2,), "cat/f": (0,), "cat/g": (0,)}
    after = {"cat/e": (2,), "cat/d": (3,), "cat/c": (0,), "cat/b": (2,), "cat/a": (3,), "cat/f": (0,), "cat/g": (4,)}
    old, new = _side("main.json", SETUP, before, probability=0.25), _side("this run", NEW, after)
    sure = _prediction("cat/b", (2,), probability=0.75)

    found = compare.two(old, replace(new, predictions={**new.predictions, ("b", "cat"): sure}))

    assert [(flip.change, flip.path) for flip in found.flips] == [
        ("right to wrong", "cat/b.jpg"),
        ("right to wrong", "cat/a.jpg"),
        ("right to wrong", "cat/g.jpg"),
        ("wrong to right", "cat/c.jpg"),
        ("wrong to otherwise wrong", "cat/d.jpg"),
    ]
    first = found.flips[0]
    assert (first.image_sha256, first.label) == ("b", "cat")
    assert (first.before, first.after) == ((0, "cat", 0.25), (2, "elk", 0.75))


def test_from_one_right_class_to_another_is_no_flip() -> None:
    """Where several classes are right for a folder, it does not matter which one is answered."""
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
def test_wrong_classes_are_told_apart_by_number_or_by_name(
    list_of_after: str | None, names: Sequence[str], best: int, flips: int
) -> None:
    """By number where both have one list, and by name where models of one run have two."""
    setup = replace(NEW, model="other", labels_sha256=list_of_after)
    found = compare.two(
        _side("this run", SETUP, {"cat/a": (2,)}), _side("this run", setup, {"cat/a": (best,)}, names=names)
    )
    assert len(found.flips) == flips


# Models of one run.


def _right(*counts: tuple[int, str]) -> Any:
    """So many pictures, each with a letter per model: r where it is right."""
    return np.array([[letter == "r" for letter in pattern] for count, pattern in counts for _ in range(count)])


def test_all_pairs_of_models_are_held_against_each_other() -> None:
    """Counts and differences are the second model's against the first, p-values exact and then Holm's."""
    found = compare.contrasts("photos", ["a", "b", "c"], _right((20, "rrr"), (12, "rwr"), (1, "wrw"), (7, "wwr")))

    alone = [(12, 1), (0, 7), (1, 19)]
    p_values = [stats.mcnemar(*counts) for counts in alone]
    assert [(c.dataset, c.first, c.second, c.images) for c in found] == [
        ("photos", *pair, 40) for pair in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    assert [(c.first_only, c.second_only) for c in found] == alone
    assert [c.difference for c in found] == [-11 / 40, 7 / 40, 18 / 40]
    assert [c.p_value for c in found] == p_values
    assert [c.p_holm for c in found] == stats.holm(p_values)
    assert [(c.real, c.images_needed) for c in found] == [(True, None)] * 3


def test_a_difference_among_many_must_be_larger_to_be_real() -> None:
    """8 against 1 is below 5 % between two models, and by Holm not among three."""
    two = compare.contrasts("photos", ["a", "b"], _right((30, "rr"), (8, "rw"), (1, "wr")))
    three = compare.contrasts("photos", ["a", "b", "c"], _right((30, "rrr"), (8, "rwr"), (1, "wrr")))
    assert (two[0].real, two[0].images_needed) == (True, None)
    assert three[0].p_value == two[0].p_value < 0.05 < three[0].p_holm
    assert not three[0].real
    assert three[0].images_needed == stats.images_to_tell_models(-7 / 39, 9 / 39, 0.05 / 3)


def test_equal_models_are_asked_for_a_difference_of_a_point() -> None:
    """Where as many are gained as lost, the number of images is the one that would show 0.01."""
    [found] = compare.contrasts("photos", ["a", "b"], _right((30, "rr"), (5, "rw"), (5, "wr")))
    assert (found.difference, found.p_value, found.real) == (0.0, 1.0, False)
    assert found.images_needed == stats.images_to_tell_models(0.01, 0.25, 0.05)


def test_models_are_compared_on_the_pictures_that_all_of_them_have() -> None:
    """A picture that one model lacks is left aside for all; each model is judged by its own classes."""
    other = Setup("vit", "photos", accepted={"cat": (5,), "dog": (6,)})
    third = replace(SETUP, model="third")
    found = compare.between(
        [
            _side("main.json", SETUP, {"cat/a": (0,), "dog/b": (0,), "dog/c": (1,), "dog/d": (1,)}),
            _side("main.json", other, {"dog/b": (6,), "cat/a": (5,), "cat/z": (5,), "dog/d": (5,)}),
            _side("main.json", third, {"dog/b": (1,), "cat/a": (2,), "dog/c": (1,)}),
        ]
    )
    assert [(c.dataset, c.first, c.second, c.images, c.first_only, c.second_only) for c in found] == [
        ("photos", "net", "vit", 2, 0, 1),
        ("photos", "net", "third", 2, 1, 1),
        ("photos", "vit", "third", 2, 1, 0),
    ]


def test_models_without_a_common_picture_or_accepted_classes_are_not_contrasted() -> None:
    """Nothing is said of models that nothing is known of."""
    known = Setup("a", "photos", accepted={"cat": (1,)})
    picture = Prediction("a", "photos", "cat/1.jpg", 64 * "0", "cat", ((1, "cat", 0.9),))
    answered = Scored("run", {}, known, {(64 * "0", "cat"): picture})
    assert compare.between([answered, Scored("run", {}, known, {})]) == ()
    assert compare.between([answered, replace(answered, setup=Setup("b", "photos"))]) == ()


def test_runs_of_the_same_name_are_two_runs() -> None:
    """One model under one name of a run is the model before and after: another input is refused."""
    picture = Prediction("a", "photos", "cat/1.jpg", 64 * "0", "cat", ((1, "cat", 0.9),))
    setups = [Setup("a", "photos", input=text, accepted={"cat": (1,)}) for text in ("resize(8)", "resize(6)")]
    before, after = (Scored("r.json", {}, setup, {(64 * "0", "cat"): picture}) for setup in setups)
    assert compare.two(before, after).refusals == ("input spec: resize(8) -> resize(6)",)


def test_a_silent_side_is_not_judged_by_other_classes() -> None:
    """Which classes are right is taken from the other side only where class numbers mean the same."""
    picture = Prediction("a", "photos", "cat/1.jpg", 64 * "0", "cat", ((1, "cat", 0.9),))
    before = Scored("run", {}, Setup("a", "photos", labels_sha256="1"), {(64 * "0", "cat"): picture})
    after = Scored("run", {}, Setup("b", "photos", labels_sha256="2", accepted={"cat": (1,)}), before.predictions)
    assert "labels: it is not known" in compare.two(before, after).refusals[0]
