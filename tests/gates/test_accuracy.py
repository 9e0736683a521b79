"""imgcls.gates.accuracy: a gate that was not shown to hold does not pass."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.gates import accuracy
from imgcls.records.config import DatasetSpec, ModelSpec, Settings
from imgcls.records.evaluation import ClassScore, Failure, PairOutcome, Scores, Status, Units, Verdict
from imgcls.records.thresholds import Gate, ProvenThreshold
from imgcls.stats import proportions

untimed = settings(deadline=None)  # the first example pays for an import


def _scores(right: int, n: int, *, rejected: int = 0) -> Scores:
    """``n`` different images, of which ``right`` are right at once and so among the five best."""
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
    return {verdict.check: verdict for verdict in accuracy.evaluate(gate, PairOutcome(scores))}


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
    """A threshold written with N decimals is reached by exactly that count of a power of ten."""
    n = 10**digits
    count = data.draw(st.integers(1, n))
    gate = Gate(top1=float(f"{count}e-{digits}"))
    reached, missed = (
        accuracy.evaluate(gate, PairOutcome(_scores(right, n)))[0].status for right in (count, count - 1)
    )
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


def test_a_message_has_the_measured_values() -> None:
    """A pass states observed value, counts, threshold and interval, and names no classes."""
    interval = proportions.wilson(612, 1000)
    verdict = _verdicts(Gate(top1=0.5), _scores(612, 1000))["top1 >= 0.5"]
    assert verdict == Verdict(
        "top1",
        0.5,
        "top1 >= 0.5",
        "pass",
        "net on photos: top1 0.6120 (612 of 1000), wanted 0.5; "
        f"95 % interval {interval.low:.4f} to {interval.high:.4f}",
    )


@pytest.mark.parametrize(("threshold", "status"), [(0.6, "pass"), (0.62, "fail")])
def test_too_few_images_are_named_with_the_number_that_would_do(threshold: float, status: str) -> None:
    """Pass or fail, a dataset too small to tell the observed value from the threshold is called so, with a number."""
    needed = proportions.images_needed(0.612, threshold)
    verdict = _verdicts(Gate(top1=threshold), _scores(612, 1000))[f"top1 >= {threshold}"]
    assert verdict.status == status
    assert f"; 1000 images are too few to tell 0.6120 from {threshold:g}: about {needed:,} would" in verdict.message


def test_every_threshold_is_about_units() -> None:
    """Of 1000 files that are 50 images, 50 are shown, observed, too few, and named; lost classes are counted so too."""
    units = Units(50, 40, 50, {"cat": ClassScore(25, 15, 25, 15), "dog": ClassScore(25, 25, 25, 35)})
    scores = replace(_scores(990, 1000), distinct=50, units=units)
    gate = Gate(top1=ProvenThreshold(0.75), top5=0.99, macro_f1=0.9, min_images=51)
    top1, top5, macro_f1, images, _ = accuracy.evaluate(gate, PairOutcome(scores))
    assert [v.status for v in (top1, top5, macro_f1, images)] == ["inconclusive", "pass", "fail", "fail"]
    assert "top1 0.8000 (40 of 50 distinct of 1000), wanted 0.75 with 95 % confidence" in top1.message
    assert "; 50 distinct images are too few to tell: about " in top1.message
    assert "top5 1.0000 (50 of 50 distinct of 1000)" in top5.message
    assert "macro F1 0.7917 over 2 folders, 50 distinct of 1000 images" in macro_f1.message
    failed = accuracy.evaluate(Gate(top1=0.9), PairOutcome(scores))[0]
    assert failed.message.endswith("most often wrong: cat 10 of 25")


def test_one_image_is_too_few() -> None:
    """In the singular."""
    verdict = _verdicts(Gate(top1=0.5), _scores(1, 1))["top1 >= 0.5"]
    assert "; 1 image is too few to tell 1.0000 from 0.5: about " in verdict.message


def test_an_observed_value_equal_to_the_threshold_has_no_number() -> None:
    """A value exactly at the threshold reaches it, and no number of images is promised."""
    verdict = _verdicts(Gate(top1=0.612), _scores(612, 1000))["top1 >= 0.612"]
    assert verdict.status == "pass"
    assert verdict.message.endswith(
        "; it is just the value that is wanted, and 1000 images cannot show on which side the model is"
    )


@untimed
@given(st.integers(1, 300), st.data())
def test_the_number_of_images_that_would_do_is_more_than_there_are(n: int, data: st.DataObject) -> None:
    """No message states that fewer images would do than those that were too few."""
    count, least = data.draw(st.integers(0, n)), data.draw(st.integers(0, 100)) / 100
    for threshold in (least, ProvenThreshold(least)):
        message = accuracy.evaluate(Gate(top1=threshold), PairOutcome(_scores(count, n)))[0].message
        _, number_follows, rest = message.partition("about ")
        assert not number_follows or int(rest.split()[0].replace(",", "")) > n


def test_a_failed_gate_names_the_five_classes_that_are_most_often_wrong() -> None:
    """The folders with the most wrong images come first, ties by name, and those without any are left out."""
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

    top1, top5, _ = accuracy.evaluate(Gate(top1=1, top5=1), PairOutcome(scores))

    assert top1.message.endswith("; most often wrong: gnu 8 of 9, cat 5 of 5, dog 2 of 9, elk 2 of 3, fox 2 of 3")
    assert top5.message.endswith("; most often wrong: cat 3 of 5, bee 1 of 4, elk 1 of 3, fox 1 of 3")
    assert top1.message.startswith("net on photos: top1 0.4118 (14 of 34), wanted 1; 95 % interval ")


# Thresholds that must be shown.


@pytest.mark.parametrize("name", ["top1", "top5"])
@pytest.mark.parametrize(
    ("count", "status", "deciding"),
    [(640, "pass", "lower bound"), (612, "inconclusive", "lower bound"), (560, "fail", "upper bound")],
)
def test_a_proven_threshold_is_passed_failed_or_left_open(name: str, count: int, status: Status, deciding: str) -> None:
    """The lower exact bound must reach it; below the upper one it is refuted; between the two nothing is shown."""
    bounds = proportions.one_sided(count, 1000, 0.95)
    bound = bounds.high if status == "fail" else bounds.low
    gate = Gate(top1=ProvenThreshold(0.6)) if name == "top1" else Gate(top5=ProvenThreshold(0.6))
    verdict = _verdicts(gate, _scores(count, 1000))[f"{name} >= 0.6 at 95 %"]
    assert verdict.status == status
    assert (
        f"net on photos: {name} {count / 1000:.4f} ({count} of 1000), wanted 0.6 with 95 % confidence; "
        f"{deciding} {bound:.4f}" in verdict.message
    )


def test_an_open_threshold_names_the_number_of_images_that_would_do() -> None:
    """An inconclusive verdict begins with the word, and ends with both bounds and the number of images."""
    bounds, needed = proportions.one_sided(612, 1000, 0.9), proportions.images_needed(0.612, 0.6, 0.9, sides=1)
    verdict = _verdicts(Gate(top1=ProvenThreshold(0.6, 0.9)), _scores(612, 1000))["top1 >= 0.6 at 90 %"]
    assert verdict == Verdict(
        "top1",
        0.6,
        "top1 >= 0.6 at 90 %",
        "inconclusive",
        "INCONCLUSIVE: net on photos: top1 0.6120 (612 of 1000), wanted 0.6 with 90 % confidence; "
        f"lower bound {bounds.low:.4f}, upper bound {bounds.high:.4f} (one-sided Clopper-Pearson); "
        f"1000 images are too few to tell: about {needed:,} would",
    )


def test_a_refuted_threshold_names_the_classes_that_are_most_often_wrong() -> None:
    """A proven threshold that fails names them, like an observed one."""
    scores = replace(_scores(10, 50), classes={"cat": ClassScore(30, 0, 0), "dog": ClassScore(20, 10, 10)})
    verdict = _verdicts(Gate(top1=ProvenThreshold(0.9)), scores)["top1 >= 0.9 at 95 %"]
    assert verdict.status == "fail"
    assert verdict.message.endswith("; most often wrong: cat 30 of 30, dog 10 of 20")


@untimed
@given(st.integers(1, 400), st.data())
def test_what_is_proven_is_observed(n: int, data: st.DataObject) -> None:
    """A proven pass has an observed value that reaches the threshold, and a proven failure one that does not."""
    count, least = data.draw(st.integers(0, n)), data.draw(st.integers(0, 1000)) / 1000
    confidence = data.draw(st.sampled_from([0.5, 0.8, 0.95, 0.999]))
    proven, observed = (
        accuracy.evaluate(Gate(top1=threshold), PairOutcome(_scores(count, n)))[0].status
        for threshold in (ProvenThreshold(least, confidence), least)
    )
    assert proven in {"inconclusive", observed}


@untimed
@given(st.integers(1, 60), st.integers(0, 100), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_more_right_images_are_never_judged_worse(n: int, percent: int, confidence: float) -> None:
    """With every further right image the verdict stays or rises, from fail over inconclusive to pass."""
    gate = Gate(top1=ProvenThreshold(percent / 100, confidence))
    order = ("fail", "inconclusive", "pass")
    ranks = [order.index(accuracy.evaluate(gate, PairOutcome(_scores(count, n)))[0].status) for count in range(n + 1)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(("n", "status"), [(58, "inconclusive"), (59, "pass")])
def test_59_right_images_prove_95_per_cent(n: int, status: str) -> None:
    """The smallest flawless dataset that shows 0.95 with 95 % confidence is that of the textbook: 0.95 ** 59 < 0.05."""
    assert _statuses(Gate(top1=ProvenThreshold(0.95)), _scores(n, n))["top1 >= 0.95 at 95 %"] == status


# Macro F1.


@pytest.mark.parametrize(("threshold", "status"), [(0.61, "pass"), (0.62, "fail")])
def test_macro_f1_must_reach_its_threshold(threshold: float, status: Status) -> None:
    """The mean of the folders' F1 is held against the gate; the message has the numbers of folders and of images."""
    classes = {"cat": ClassScore(4, 2, 4, answered=2), "dog": ClassScore(2, 2, 2, answered=5)}
    verdicts = _verdicts(Gate(macro_f1=threshold), replace(_scores(4, 6), classes=classes))
    expected = (2 * 2 / (4 + 2) + 2 * 2 / (2 + 5)) / 2
    assert expected == pytest.approx(0.619, abs=0.001)
    check = f"macro_f1 >= {threshold:g}"
    message = f"net on photos: macro F1 {expected:.4f} over 2 folders, 6 images, wanted {threshold:g}"
    assert verdicts[check] == Verdict("macro_f1", threshold, check, status, message)


# Gates without evidence.


@pytest.mark.parametrize("rejected", [0, 7])
def test_no_images_never_pass(rejected: int) -> None:
    """Without a scored image even a gate of zero fails, and the rejected ones are counted."""
    gate = Gate(top1=0.0, top5=0.0, max_rejected=1.0)
    message = f"net on photos: no image was scored{f', {rejected} of {rejected} rejected' if rejected else ''}"
    assert accuracy.evaluate(gate, PairOutcome(_scores(0, 0, rejected=rejected))) == (
        Verdict("images", None, "images > 0", "fail", message),
    )


def test_a_model_that_failed_never_passes() -> None:
    """A failure is an error, whatever had been counted before it, and its message is passed on."""
    outcome = PairOutcome(_scores(10, 10), failure=Failure(3, "weights/net.pth is missing"))
    assert accuracy.evaluate(Gate(), outcome) == (
        Verdict("scored", None, "scored", "error", "weights/net.pth is missing"),
    )


def test_a_run_that_was_cut_short_never_passes() -> None:
    """Unscored images are an error, even where all others are right."""
    scores = Scores("net", "photos", listed=10, scored=9, unscored=1, distinct=9, top1_count=9, top5_count=9)
    assert accuracy.evaluate(Gate(top1=0.5), PairOutcome(scores)) == (
        Verdict("complete", None, "complete", "error", "net on photos: the run was cut short, 1 image not scored"),
    )


# Gates that cannot fail.


@pytest.mark.parametrize(
    ("gate", "class_count", "meaningless"),
    [
        (Gate(top5=0.9), 5, {"top5 >= 0.9"}),
        (Gate(top5=0.9), 6, set()),
        (Gate(top5=ProvenThreshold(0.9, 0.95)), 2, {"top5 >= 0.9 at 95 %"}),
        (Gate(top1=0.9, top5=0.8, macro_f1=0.7), 3, {"top5 >= 0.8"}),
        (Gate(top1=0.9, top5=0.8, macro_f1=0.7), 1, {"top1 >= 0.9", "top5 >= 0.8", "macro_f1 >= 0.7"}),
        (Gate(top1=0.9, top5=0.8), None, set()),
    ],
)
def test_a_gate_that_any_network_passes_is_an_error(gate: Gate, class_count: int, meaningless: set[str]) -> None:
    """Up to five classes one of the five best is always right, of one class the best; the other gates are judged."""
    scores = replace(_scores(10, 10), class_count=class_count, classes={"cat": ClassScore(10, 10, 10, 10)})
    verdicts = _verdicts(gate, scores)
    assert {check for check, verdict in verdicts.items() if verdict.status == "error"} == meaningless
    assert {verdict.status for check, verdict in verdicts.items() if check not in meaningless} == {"pass"}


def test_a_gate_that_cannot_fail_names_what_can() -> None:
    """The message has model, dataset, the number of classes and the gate to use, and the verdict its threshold."""
    scores = replace(_scores(10, 10), class_count=5)
    message = (
        "net on photos: a top5 gate cannot fail on a model with 5 classes, as any network reaches 1: "
        "use top1 or macro_f1 instead"
    )
    assert accuracy.evaluate(Gate(top5=0.9), PairOutcome(scores))[0] == Verdict(
        "top5", 0.9, "top5 >= 0.9", "error", message
    )


EIGHT = "net on photos: a top5 gate cannot fail on a model with 8 classes"


@pytest.mark.parametrize(
    ("accepted", "message"),
    [
        ({"pet": 3, "wild": 5}, "net on photos: top5 1.0000 (10 of 10)"),
        (
            {"pet": 4, "wild": 4},
            f"{EIGHT}, of which 4 or more are right for every folder, as any network reaches 1: use",
        ),
        ({"all": 8}, f"{EIGHT}, of which 8 or more are right for every folder, as any network reaches 1: no gate on"),
    ],
)
def test_folders_that_accept_many_classes_count(accepted: dict[str, int], message: str) -> None:
    """Of eight classes the five best hold one of any four; a folder that accepts three can be missed."""
    classes = {label: tuple(range(count)) for label, count in accepted.items()}
    outcome = PairOutcome(replace(_scores(10, 10), class_count=8), accepted=classes)
    verdict = accuracy.evaluate(Gate(top5=0.9), outcome)[0]
    assert verdict.status == ("error" if message.startswith(EIGHT) else "pass")
    assert verdict.message.startswith(message)


# Images.


def test_no_image_may_be_rejected_unless_the_gate_allows_it() -> None:
    """The share of rejected among scored and rejected is held against 0, or against ``max_rejected``."""
    scores = replace(_scores(98, 98, rejected=2), listed=1000, ignored=900)
    assert _verdicts(Gate(), scores) == {
        "rejected <= 0": Verdict(
            "rejected",
            0.0,
            "rejected <= 0",
            "fail",
            "net on photos: 2 of 100 images rejected (0.0200), allowed 0 (max_rejected)",
        )
    }
    assert _statuses(Gate(max_rejected=0.02), scores) == {"rejected <= 0.02": "pass"}
    assert _statuses(Gate(max_rejected=0.019), scores) == {"rejected <= 0.019": "fail"}


def test_ignored_files_are_not_rejected() -> None:
    """A README among the images does not fail a gate."""
    assert _statuses(Gate(), Scores("net", "photos", listed=3, scored=2, ignored=1, distinct=2)) == {
        "rejected <= 0": "pass"
    }


@pytest.mark.parametrize(("distinct", "status"), [(50, "pass"), (49, "fail")])
def test_min_images_counts_different_images(distinct: int, status: str) -> None:
    """The same bytes listed twice are one image."""
    scores = Scores("net", "photos", listed=100, scored=100, distinct=distinct)
    verdict = _verdicts(Gate(min_images=50), scores)["images >= 50"]
    assert (verdict.status, verdict.message) == (
        status,
        f"net on photos: {distinct} different images scored, wanted 50",
    )


# The gates of a run.


@pytest.mark.parametrize("status", ["pass", "fail", "inconclusive", "error", "skipped"])
@pytest.mark.parametrize("inconclusive", ["fail", "warn"])
def test_a_pass_holds_and_where_allowed_what_is_open(status: Status, inconclusive: Literal["fail", "warn"]) -> None:
    """An inconclusive verdict lets its test pass only where that was requested; an error never does, and a skip
    has nothing that could fail.
    """
    expected = status in ("pass", "skipped") or (status, inconclusive) == ("inconclusive", "warn")
    assert accuracy.holds(Verdict("top1", 0.6, "top1 >= 0.6", status, "message"), inconclusive) is expected


def _settings() -> Settings:
    """Two models on two datasets, with one gate."""
    datasets = {name: DatasetSpec(name, "builtin:digits") for name in ("a", "b")}
    models = {name: ModelSpec(name, "timm:x") for name in ("net", "wide")}
    return Settings(Path("imgcls.toml"), datasets, models, {("net", "a"): Gate(0.5)})


def test_every_gate_and_every_comparison_is_counted() -> None:
    """A run has one verdict per gate, and with a comparison one more for every pair, gated or not."""
    settings = _settings()
    assert (accuracy.total(settings, []), accuracy.total(settings, settings.pairs())) == (1, 5)


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
def test_gates_that_were_not_evaluated_are_named(
    judged: list[tuple[str, str]], compares: bool, baseline: bool, expected: list[str]
) -> None:
    """Gates without a verdict are named, and so is every comparison where no baseline was named."""
    compared = _settings().pairs() if compares else []
    missing = accuracy.unevaluated(_settings(), judged, compared, baseline=baseline)
    assert [f"{words} ({why})" if why else words for _, words, why in missing] == expected
    assert len(expected) <= accuracy.total(_settings(), compared)
