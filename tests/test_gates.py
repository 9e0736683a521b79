"""imgcls.gates: a gate that was not shown to hold does not pass."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import gates, stats
from imgcls.records import (
    Accuracy,
    ClassScore,
    Comparison,
    DatasetSpec,
    Difference,
    Failure,
    Gate,
    Margin,
    ModelSpec,
    PairOutcome,
    Proven,
    Scores,
    Settings,
    Status,
    Verdict,
)

untimed = settings(deadline=None)  # the first example pays for an import


def _scores(right: int, n: int, *, rejected: int = 0) -> Scores:
    """``n`` different pictures, of which ``right`` are right at once and so among the five best."""
    return Scores(
        "net",
        "photos",
        listed=n + rejected,
        scored=n,
        rejected=rejected,
        distinct=n,
        top1_count=right,
        top5_count=right,
    )


def _verdicts(gate: Gate, scores: Scores) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in gates.evaluate(gate, PairOutcome(scores))}


def _statuses(gate: Gate, scores: Scores) -> dict[str, str]:
    return {check: verdict.status for check, verdict in _verdicts(gate, scores).items()}


@pytest.mark.parametrize(("gate", "name"), [(Gate(top1=0.612), "top1"), (Gate(top5=0.612), "top5")])
def test_a_gate_passes_exactly_at_its_threshold(gate: Gate, name: str) -> None:
    """612 of 1000 reach 0.612, and 611 do not."""
    assert _statuses(gate, _scores(612, 1000)) == {f"{name} >= 0.612": "pass", "rejected <= 0": "pass"}
    assert _statuses(gate, _scores(611, 1000)) == {f"{name} >= 0.612": "fail", "rejected <= 0": "pass"}


@untimed
@given(st.integers(1, 5), st.data())
def test_a_decimal_threshold_means_what_it_says(digits: int, data: st.DataObject) -> None:
    """A threshold written with so many decimals is reached by exactly that count of a power of ten."""
    n = 10**digits
    count = data.draw(st.integers(1, n))
    gate = Gate(top1=float(f"{count}e-{digits}"))
    reached, missed = (gates.evaluate(gate, PairOutcome(_scores(right, n)))[0].status for right in (count, count - 1))
    assert (reached, missed) == ("pass", "fail")


def test_thresholds_are_judged_one_by_one() -> None:
    """Every threshold has its own verdict on its own count, in a fixed order."""
    scores = Scores("net", "photos", listed=10, scored=10, distinct=10, top1_count=5, top5_count=9)
    gate = Gate(top1=0.6, top5=0.9, min_images=11, max_rejected=0.1)
    assert list(_statuses(gate, scores).items()) == [
        ("top1 >= 0.6", "fail"),
        ("top5 >= 0.9", "pass"),
        ("images >= 11", "fail"),
        ("rejected <= 0.1", "pass"),
    ]


def test_a_verdict_says_what_was_seen() -> None:
    """A pass tells observed value, counts, what was wanted and the interval; and names no classes."""
    interval = stats.wilson(612, 1000)
    verdict = _verdicts(Gate(top1=0.5), _scores(612, 1000))["top1 >= 0.5"]
    assert verdict == Verdict(
        "top1 >= 0.5",
        "pass",
        "net on photos: top1 0.6120 (612 of 1000), wanted 0.5; "
        f"95 % interval {interval.low:.4f} to {interval.high:.4f}",
    )


@pytest.mark.parametrize(("wanted", "status"), [(0.6, "pass"), (0.62, "fail")])
def test_an_observed_value_within_the_interval_says_how_many_pictures_would_tell(wanted: float, status: str) -> None:
    """Pass or fail, a set too small to tell the observed value from the wanted one is called so, with a number."""
    enough = stats.images_to_tell(0.612, wanted)
    verdict = _verdicts(Gate(top1=wanted), _scores(612, 1000))[f"top1 >= {wanted}"]
    assert verdict.status == status
    assert f"; 1000 pictures are too few to tell 0.6120 from {wanted:g}: about {enough:,} would" in verdict.message


def test_an_observed_value_equal_to_the_wanted_one_asks_for_no_number() -> None:
    """What is observed exactly at the threshold is reached, and no number of pictures is promised."""
    verdict = _verdicts(Gate(top1=0.612), _scores(612, 1000))["top1 >= 0.612"]
    assert verdict.status == "pass"
    assert verdict.message.endswith("; the two are equal, and 1000 pictures cannot say on which side the model is")


@untimed
@given(st.integers(1, 300), st.data())
def test_a_number_of_pictures_to_tell_is_more_than_there_are(n: int, data: st.DataObject) -> None:
    """Nobody is told that fewer pictures than the ones that did not suffice would."""
    count, wanted = data.draw(st.integers(0, n)), data.draw(st.integers(0, 100)) / 100
    for threshold in (wanted, Proven(wanted)):
        message = gates.evaluate(Gate(top1=threshold), PairOutcome(_scores(count, n)))[0].message
        _, told, rest = message.partition("about ")
        assert not told or int(rest.split()[0].replace(",", "")) > n


def test_a_failed_gate_names_the_five_classes_that_lost_most() -> None:
    """The folders with the most wrong pictures come first, ties by name, and those without any are left out."""
    classes = {
        "ant": ClassScore(1, 1, 1),
        "bee": ClassScore(4, 3, 3),
        "cat": ClassScore(5, 0, 2),
        "dog": ClassScore(9, 7, 9),
        "fox": ClassScore(3, 1, 2),
        "elk": ClassScore(3, 1, 2),
        "gnu": ClassScore(9, 1, 9),
    }
    scores = Scores("net", "photos", listed=34, scored=34, distinct=34, top1_count=14, top5_count=28, classes=classes)

    top1, top5, _ = gates.evaluate(Gate(top1=1, top5=1), PairOutcome(scores))

    assert top1.message.endswith("; classes that lost most: gnu 8/9, cat 5/5, dog 2/9, elk 2/3, fox 2/3")
    assert top5.message.endswith("; classes that lost most: cat 3/5, bee 1/4, elk 1/3, fox 1/3")
    assert top1.message.startswith("net on photos: top1 0.4118 (14 of 34), wanted 1; 95 % interval ")


# Thresholds that must be shown.


@pytest.mark.parametrize("name", ["top1", "top5"])
@pytest.mark.parametrize(
    ("count", "status", "deciding"),
    [(640, "pass", "lower bound"), (612, "inconclusive", "lower bound"), (560, "fail", "upper bound")],
)
def test_a_proven_threshold_is_passed_failed_or_left_open(name: str, count: int, status: Status, deciding: str) -> None:
    """The lower exact bound must reach it; below the upper one it is refuted; between the two nothing is shown."""
    bounds = stats.one_sided(count, 1000, 0.95)
    bound = bounds.high if status == "fail" else bounds.low
    gate = Gate(top1=Proven(0.6)) if name == "top1" else Gate(top5=Proven(0.6))
    verdict = _verdicts(gate, _scores(count, 1000))[f"{name} >= 0.6 at 95 %"]
    assert verdict.status == status
    assert (
        f"net on photos: {name} {count / 1000:.4f} ({count} of 1000), wanted 0.6 with 95 % confidence; "
        f"{deciding} {bound:.4f}" in verdict.message
    )


def test_an_open_threshold_says_how_many_pictures_would_tell() -> None:
    """An inconclusive verdict begins with the word, and ends with both bounds and the number of pictures."""
    bounds, enough = stats.one_sided(612, 1000, 0.9), stats.images_to_tell(0.612, 0.6, 0.9, sides=1)
    verdict = _verdicts(Gate(top1=Proven(0.6, 0.9)), _scores(612, 1000))["top1 >= 0.6 at 90 %"]
    assert verdict == Verdict(
        "top1 >= 0.6 at 90 %",
        "inconclusive",
        "INCONCLUSIVE: net on photos: top1 0.6120 (612 of 1000), wanted 0.6 with 90 % confidence; "
        f"lower bound {bounds.low:.4f}, upper bound {bounds.high:.4f} (one-sided Clopper-Pearson); "
        f"1000 pictures are too few to tell: about {enough:,} would",
    )


def test_a_refuted_threshold_names_the_classes_that_lost_most() -> None:
    """A proven threshold that fails says where, like an observed one."""
    scores = replace(_scores(10, 50), classes={"cat": ClassScore(30, 0, 0), "dog": ClassScore(20, 10, 10)})
    verdict = _verdicts(Gate(top1=Proven(0.9)), scores)["top1 >= 0.9 at 95 %"]
    assert verdict.status == "fail"
    assert verdict.message.endswith("; classes that lost most: cat 30/30, dog 10/20")


@untimed
@given(st.integers(1, 400), st.data())
def test_what_is_proven_is_observed(n: int, data: st.DataObject) -> None:
    """A proven pass has an observed value that reaches the threshold, and a proven failure one that does not."""
    count, wanted = data.draw(st.integers(0, n)), data.draw(st.integers(0, 1000)) / 1000
    confidence = data.draw(st.sampled_from([0.5, 0.8, 0.95, 0.999]))
    proven, observed = (
        gates.evaluate(Gate(top1=threshold), PairOutcome(_scores(count, n)))[0].status
        for threshold in (Proven(wanted, confidence), wanted)
    )
    assert proven in {"inconclusive", observed}


@untimed
@given(st.integers(1, 60), st.integers(0, 100), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_more_right_pictures_are_never_judged_worse(n: int, percent: int, confidence: float) -> None:
    """With every further right picture the verdict stays or rises, from fail over inconclusive to pass."""
    gate = Gate(top1=Proven(percent / 100, confidence))
    order = ("fail", "inconclusive", "pass")
    ranks = [order.index(gates.evaluate(gate, PairOutcome(_scores(count, n)))[0].status) for count in range(n + 1)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(("n", "status"), [(58, "inconclusive"), (59, "pass")])
def test_59_right_pictures_prove_95_per_cent(n: int, status: str) -> None:
    """The smallest flawless set that shows 0.95 with 95 % confidence is that of the textbook: 0.95 ** 59 < 0.05."""
    assert _statuses(Gate(top1=Proven(0.95)), _scores(n, n))["top1 >= 0.95 at 95 %"] == status


# Macro F1.


@pytest.mark.parametrize(("wanted", "status"), [(0.61, "pass"), (0.62, "fail")])
def test_macro_f1_must_reach_its_threshold(wanted: float, status: Status) -> None:
    """The mean of the folders' F1 is held against the gate, and told with how many folders and pictures it is of."""
    classes = {"cat": ClassScore(4, 2, 4, answered=2), "dog": ClassScore(2, 2, 2, answered=5)}
    found = _verdicts(Gate(macro_f1=wanted), replace(_scores(4, 6), classes=classes))
    expected = (2 * 2 / (4 + 2) + 2 * 2 / (2 + 5)) / 2
    assert expected == pytest.approx(0.619, abs=0.001)
    check = f"macro_f1 >= {wanted:g}"
    assert found[check] == Verdict(
        check, status, f"net on photos: macro F1 {expected:.4f} over 2 folders, 6 pictures, wanted {wanted:g}"
    )


# Gates that nothing was shown for.


@pytest.mark.parametrize("rejected", [0, 7])
def test_no_pictures_never_pass(rejected: int) -> None:
    """Without a scored picture even a gate of zero fails, and the rejected ones are counted."""
    gate = Gate(top1=0.0, top5=0.0, max_rejected=1.0)
    said = f"no picture was scored{f', {rejected} of {rejected} rejected' if rejected else ''}"
    assert gates.evaluate(gate, PairOutcome(_scores(0, 0, rejected=rejected))) == (
        Verdict("images > 0", "fail", f"net on photos: {said}"),
    )


def test_a_model_that_failed_never_passes() -> None:
    """A failure is an error, whatever had been counted before it, and its message is passed on."""
    outcome = PairOutcome(_scores(10, 10), failure=Failure(3, "weights/net.pth is missing"))
    assert gates.evaluate(Gate(), outcome) == (Verdict("scored", "error", "weights/net.pth is missing"),)


def test_a_run_that_was_cut_short_never_passes() -> None:
    """Unscored pictures are an error, even where all others are right."""
    scores = Scores("net", "photos", listed=10, scored=9, unscored=1, distinct=9, top1_count=9, top5_count=9)
    assert gates.evaluate(Gate(top1=0.5), PairOutcome(scores)) == (
        Verdict("complete", "error", "net on photos: cut short, 1 pictures unscored"),
    )


# Pictures.


def test_no_picture_may_be_rejected_unless_the_gate_says_so() -> None:
    """The share of rejected among scored and rejected is held against 0, or against ``max_rejected``."""
    scores = replace(_scores(98, 98, rejected=2), listed=1000, ignored=900)
    assert _verdicts(Gate(), scores) == {
        "rejected <= 0": Verdict(
            "rejected <= 0",
            "fail",
            "net on photos: 2 of 100 pictures rejected (0.0200), allowed 0 (max_rejected)",
        )
    }
    assert _statuses(Gate(max_rejected=0.02), scores) == {"rejected <= 0.02": "pass"}
    assert _statuses(Gate(max_rejected=0.019), scores) == {"rejected <= 0.019": "fail"}


def test_ignored_files_are_not_rejected() -> None:
    """A README among the pictures does not fail a gate."""
    assert _statuses(Gate(), Scores("net", "photos", listed=3, scored=2, ignored=1, distinct=2)) == {
        "rejected <= 0": "pass"
    }


@pytest.mark.parametrize(("distinct", "status"), [(50, "pass"), (49, "fail")])
def test_min_images_counts_different_pictures(distinct: int, status: str) -> None:
    """The same bytes listed twice are one picture."""
    scores = Scores("net", "photos", listed=100, scored=100, distinct=distinct)
    verdict = _verdicts(Gate(min_images=50), scores)["images >= 50"]
    assert (verdict.status, verdict.message) == (
        status,
        f"net on photos: {distinct} different pictures scored, wanted 50",
    )


# Against a baseline.


COMPARED = Comparison("photos", "net", "net", "main.json", "this run")
MARGINS = {"top1": Margin(0.05)}


def _difference(losses: int, gains: int, images: int = 100, accuracy: Accuracy = "top1") -> Difference:
    """Of ``images``, 80 are right before."""
    return Difference(
        accuracy, images, 80, 80 - losses + gains, losses, gains, (gains - losses) / images,
        -0.3, 0.2, stats.mcnemar(losses, gains), 0.0123,
    )  # fmt: skip


def test_what_cannot_be_compared_is_an_error() -> None:
    """A refusal is one error that tells every reason, and no margin is judged after it."""
    refused = replace(COMPARED, refusals=("exif: ignore -> apply", "pictures: none"), differences=(_difference(0, 9),))
    assert gates.compared(refused, MARGINS, common=True) == (
        Verdict(
            "comparable",
            "error",
            "net on photos cannot be compared with main.json: exif: ignore -> apply; pictures: none",
        ),
    )


def test_without_margins_a_comparison_says_that_the_pictures_are_the_same() -> None:
    """A baseline alone is a verdict on the pictures; differences are told, not judged."""
    assert gates.compared(replace(COMPARED, differences=(_difference(50, 0),)), {}, common=False) == (
        Verdict("same pictures", "pass", "net on photos, compared with main.json: both have the same pictures"),
    )


@pytest.mark.parametrize("common", [True, False])
def test_pictures_of_one_side_alone_fail_unless_they_may_be_left_aside(common: bool) -> None:
    """The paths of both sides are named, up to ten of them, with the option that leaves them aside."""
    lonely = replace(COMPARED, only_before=("cat/a.jpg",), only_after=tuple(f"dog/{n}.jpg" for n in range(12)))
    [verdict] = gates.compared(lonely, {}, common=common)
    assert (verdict.check, verdict.status) == (("common pictures", "pass") if common else ("same pictures", "fail"))
    for said in ("1 of the baseline alone (cat/a.jpg)", "12 of this run alone (dog/0.jpg, ", "dog/9.jpg and 2 more)"):
        assert said in verdict.message
    assert "dog/10.jpg" not in verdict.message
    assert ("left aside" if common else "compare-common") in verdict.message


@pytest.mark.parametrize(
    ("losses", "gains", "status", "word"),
    [
        (0, 10, "pass", "NOT WORSE"),
        (5, 5, "inconclusive", "INCONCLUSIVE"),
        (6, 0, "inconclusive", "INCONCLUSIVE"),
        (30, 0, "fail", "WORSE"),
    ],
)
def test_a_margin_is_shown_refuted_or_left_open(losses: int, gains: int, status: Status, word: str) -> None:
    """The one-sided bounds of the paired difference are held against the margin, not the difference itself."""
    bounds = stats.difference_bounds(losses, gains, 100, 0.95)
    compared = replace(COMPARED, differences=(_difference(losses, gains),))
    _, verdict = gates.compared(compared, MARGINS, common=False)
    assert (verdict.check, verdict.status) == ("top1 not worse by 0.05 at 95 %", status)
    assert verdict.message.startswith(f"{word}: net on photos: top1 0.8000 -> ")
    deciding = f"upper bound {bounds.high:+.4f}" if status == "fail" else f"lower bound {bounds.low:+.4f}"
    assert deciding in verdict.message
    assert verdict.message.endswith(" (one-sided, 95 %), margin 0.05")


def test_a_margin_has_its_own_confidence() -> None:
    """What 80 % shows, 99.9 % leaves open."""
    compared = replace(COMPARED, differences=(_difference(2, 2),))
    found = {
        confidence: gates.compared(compared, {"top1": Margin(0.05, confidence)}, common=False)[1]
        for confidence in (0.8, 0.999)
    }
    assert {confidence: verdict.status for confidence, verdict in found.items()} == {0.8: "pass", 0.999: "inconclusive"}
    assert found[0.999].check == "top1 not worse by 0.05 at 99.9 %"


def test_each_accuracy_is_held_against_its_own_margin() -> None:
    """A difference without a margin is not judged, and the others are judged one by one."""
    compared = replace(COMPARED, differences=(_difference(30, 0), _difference(0, 10, accuracy="top5")))
    found = gates.compared(compared, {"top5": Margin(0.01)}, common=False)
    assert [(v.check, v.status) for v in found] == [
        ("same pictures", "pass"),
        ("top5 not worse by 0.01 at 95 %", "pass"),
    ]


def test_equal_predictions_are_not_worse_by_any_margin() -> None:
    """SAME passes even a margin of 0, which no number of pictures could show."""
    found = gates.compared(replace(COMPARED, same=True), {"top1": Margin(0.0), "top5": Margin(0.1)}, common=False)
    assert [(v.check, v.status) for v in found] == [
        ("same pictures", "pass"),
        ("top1 not worse by 0 at 95 %", "pass"),
        ("top5 not worse by 0.1 at 95 %", "pass"),
    ]
    assert all(v.message.startswith("SAME: net on photos") for v in found[1:])


def test_equal_predictions_on_other_pictures_still_fail() -> None:
    """SAME is about the common pictures; those that are missing are told as ever."""
    lonely = replace(COMPARED, same=True, only_before=("cat/a.jpg",))
    assert [v.status for v in gates.compared(lonely, MARGINS, common=False)] == ["fail", "pass"]


def test_a_difference_is_one_line() -> None:
    """Both accuracies, what was lost and gained, the test, the interval, and what such a set can find."""
    difference = Difference("top5", 200, 150, 147, 7, 4, -0.015, -0.05, 0.0204, 0.5488, 0.05678)
    assert gates.describe(difference) == (
        "top5 0.7500 -> 0.7350 on 200 common pictures, 7 lost and 4 gained (exact McNemar p = 0.5488); "
        "difference -0.0150, 95 % interval -0.0500 to +0.0204; such a set finds one of 0.0568 four times in five"
    )
    assert gates.describe(replace(difference, detectable=None)).endswith(
        "; such a set finds no difference four times in five"
    )


def test_many_paths_are_abridged() -> None:
    """Ten paths are named; of more the rest is a count."""
    paths = [f"{n}.jpg" for n in range(11)]
    assert gates.named(paths[:10]) == ", ".join(paths[:10])
    assert gates.named(paths) == f"{', '.join(paths[:10])} and 1 more"


# What a whole run owes.


@pytest.mark.parametrize("status", ["pass", "fail", "inconclusive", "error", "skipped"])
@pytest.mark.parametrize("inconclusive", ["fail", "warn"])
def test_only_a_pass_holds_and_where_allowed_what_is_open(
    status: Status, inconclusive: Literal["fail", "warn"]
) -> None:
    """An inconclusive verdict lets its test pass only where that was asked for; an error or a skip never does."""
    expected = status == "pass" or (status, inconclusive) == ("inconclusive", "warn")
    assert gates.holds(Verdict("check", status, "message"), inconclusive) is expected


def _settings() -> Settings:
    """Two models on two data sets, with one gate."""
    datasets = {name: DatasetSpec(name, "digits") for name in ("a", "b")}
    models = {name: ModelSpec(name, "timm:x") for name in ("net", "wide")}
    return Settings(Path("imgcls.toml"), datasets, models, {("net", "a"): Gate(0.5)})


def test_every_gate_and_every_comparison_is_counted() -> None:
    """A run owes one verdict per gate, and with a comparison one more for every pair, gated or not."""
    assert (gates.total(_settings(), compares=False), gates.total(_settings(), compares=True)) == (1, 5)


@pytest.mark.parametrize(
    ("judged", "compares", "baseline", "expected"),
    [
        ([], False, False, ["net on a"]),
        ([("net", "a")], False, False, []),
        ([("wide", "a")], False, False, ["net on a"]),
        (
            [("net", "a"), ("wide", "a"), ("net", "b"), ("wide", "b")], True, False,
            [f"{pair}, compare (no baseline was named)" for pair in ("net on a", "wide on a", "net on b", "wide on b")],
        ),
        ([("net", "a"), ("wide", "b")], True, True, ["wide on a, compare", "net on b, compare"]),
        ([("wide", "a"), ("wide", "b")], True, True, ["net on a", "net on a, compare", "net on b, compare"]),
    ],
)  # fmt: skip
def test_what_nothing_was_shown_for_is_named(
    judged: list[tuple[str, str]], compares: bool, baseline: bool, expected: list[str]
) -> None:
    """Gates that no test judged are owed, and so is every comparison where no baseline was named."""
    assert gates.unevaluated(_settings(), judged, compares=compares, baseline=baseline) == expected
    assert len(expected) <= gates.total(_settings(), compares=compares)
