"""imgcls.gates.regression: that a model is not worse than its baseline must be shown, by a margin."""

from dataclasses import replace

import pytest

from imgcls.gates import regression
from imgcls.records.comparison import Comparison, Difference
from imgcls.records.config import Accuracy
from imgcls.records.evaluation import Status, Verdict
from imgcls.records.thresholds import Margin
from imgcls.stats import noninferiority, paired

COMPARED = Comparison("photos", "net", "net", "main.json", "this run")
MARGINS = {"top1": Margin(0.05)}


def _difference(losses: int, gains: int, images: int = 100, accuracy: Accuracy = "top1") -> Difference:
    """Of ``images`` images, 80 are right before."""
    return Difference(
        accuracy, images, 80, 80 - losses + gains, losses, gains, (gains - losses) / images,
        -0.3, 0.2, paired.mcnemar(losses, gains), 0.0123,
    )  # fmt: skip


def test_what_cannot_be_compared_is_an_error() -> None:
    """A refusal is one error that names every reason, and no margin is judged after it."""
    refused = replace(COMPARED, refusals=("exif: ignore -> apply", "images: none"), differences=(_difference(0, 9),))
    assert regression.compared(refused, MARGINS, common=True) == (
        Verdict(
            "comparable",
            None,
            "comparable",
            "error",
            "net on photos cannot be compared with main.json: exif: ignore -> apply; images: none",
        ),
    )


def test_without_margins_there_is_only_a_verdict_on_the_images() -> None:
    """Without a margin, differences are reported and not judged."""
    message = "net on photos, compared with main.json: both have the same images"
    assert regression.compared(replace(COMPARED, differences=(_difference(50, 0),)), {}, common=False) == (
        Verdict("same images", None, "same images", "pass", message),
    )


@pytest.mark.parametrize("common", [True, False])
def test_images_of_only_one_side_fail_unless_they_may_be_left_aside(common: bool) -> None:
    """The paths of both sides are named, up to ten of them, with the option that leaves them aside."""
    unpaired = replace(COMPARED, only_before=("cat/a.jpg",), only_after=tuple(f"dog/{n}.jpg" for n in range(12)))
    [verdict] = regression.compared(unpaired, {}, common=common)
    assert (verdict.check, verdict.status) == (("common images", "pass") if common else ("same images", "fail"))
    for part in (
        "1 image only in the baseline (cat/a.jpg)",
        "12 images only in this run (dog/0.jpg, ",
        "dog/9.jpg and 2 more)",
    ):
        assert part in verdict.message
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
    bounds = noninferiority.difference_bounds(losses, gains, 100, 0.95)
    compared = replace(COMPARED, differences=(_difference(losses, gains),))
    _, verdict = regression.compared(compared, MARGINS, common=False)
    assert (verdict.metric, verdict.threshold) == ("not worse top1", 0.05)
    assert (verdict.check, verdict.status) == ("top1 not worse by 0.05 at 95 %", status)
    assert verdict.message.startswith(f"{word}: net on photos: top1 0.8000 -> ")
    deciding = f"upper bound {bounds.high:+.4f}" if status == "fail" else f"lower bound {bounds.low:+.4f}"
    assert deciding in verdict.message
    assert verdict.message.endswith(" (one-sided, 95 %), margin 0.05")


def test_a_margin_has_its_own_confidence() -> None:
    """What 80 % shows, 99.9 % leaves open."""
    compared = replace(COMPARED, differences=(_difference(2, 2),))
    verdicts = {
        confidence: regression.compared(compared, {"top1": Margin(0.05, confidence)}, common=False)[1]
        for confidence in (0.8, 0.999)
    }
    assert {confidence: verdict.status for confidence, verdict in verdicts.items()} == {
        0.8: "pass",
        0.999: "inconclusive",
    }
    assert verdicts[0.999].check == "top1 not worse by 0.05 at 99.9 %"


def test_each_accuracy_is_held_against_its_own_margin() -> None:
    """A difference without a margin is not judged, and the others are judged one by one."""
    compared = replace(COMPARED, differences=(_difference(30, 0), _difference(0, 10, accuracy="top5")))
    verdicts = regression.compared(compared, {"top5": Margin(0.01)}, common=False)
    assert [(v.check, v.status) for v in verdicts] == [
        ("same images", "pass"),
        ("top5 not worse by 0.01 at 95 %", "pass"),
    ]


def test_equal_predictions_are_not_worse_by_any_margin() -> None:
    """SAME passes even a margin of 0, which no number of images could show."""
    verdicts = regression.compared(
        replace(COMPARED, same=True), {"top1": Margin(0.0), "top5": Margin(0.1)}, common=False
    )
    assert [(v.check, v.status) for v in verdicts] == [
        ("same images", "pass"),
        ("top1 not worse by 0 at 95 %", "pass"),
        ("top5 not worse by 0.1 at 95 %", "pass"),
    ]
    assert all(v.message.startswith("SAME: net on photos") for v in verdicts[1:])


def test_equal_predictions_on_other_images_still_fail() -> None:
    """SAME is about the common images; those that are missing fail as ever."""
    unpaired = replace(COMPARED, same=True, only_before=("cat/a.jpg",))
    assert [v.status for v in regression.compared(unpaired, MARGINS, common=False)] == ["fail", "pass"]


@pytest.mark.parametrize("same", [True, False])
def test_an_accuracy_that_nothing_can_miss_compares_nothing(same: bool) -> None:
    """A margin on it is an error that names what to compare, also where all predictions are equal; the others hold."""
    differences = (_difference(0, 9), _difference(0, 0, accuracy="top5"))
    certain = replace(COMPARED, same=same, certain=("top5",), differences=() if same else differences)
    margins = {"top5": Margin(0.01), "top1": Margin(0.05)}
    _, verdict, other = regression.compared(certain, margins, common=False)
    assert verdict == Verdict(
        "not worse top5",
        0.01,
        "top5 not worse by 0.01 at 95 %",
        "error",
        "net on photos, compared with main.json: "
        "with so few classes any network has a top5 of 1, which compares nothing: "
        "compare top1",
    )
    assert (other.metric, other.status) == ("not worse top1", "pass")


def test_a_difference_is_one_line() -> None:
    """Both accuracies, what was lost and gained, the test, the interval, and what such a dataset can find."""
    difference = Difference("top5", 200, 150, 147, 7, 4, -0.015, -0.05, 0.0204, 0.5488, 0.05678)
    assert regression.describe(difference) == (
        "top5 0.7500 -> 0.7350 on 200 common images, 7 lost and 4 gained (exact McNemar p = 0.5488); "
        "difference -0.0150, 95 % interval -0.0500 to +0.0204; a set of this size misses true differences below 0.057 "
        "more than one time in five"
    )
    assert regression.describe(replace(difference, detectable=None)).endswith(
        "; a set of this size is too small to show any difference"
    )


def test_a_new_pair_has_nothing_to_be_compared_with() -> None:
    """It is reported as new, and fails nothing."""
    verdict = regression.new_pair("next", "photos", "main.json")
    assert (verdict.metric, verdict.status) == ("new", "skipped")
    assert verdict.message.startswith("NEW: next on photos: not in main.json, so nothing is compared")
