"""imgcls.gates.parity: an export passes, fails or is undecided by exact rules, and the message names what changed."""

from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import binom

from imgcls.gates import parity as gates
from imgcls.records.comparison import Comparison, Difference, Flip
from imgcls.records.evaluation import Failure
from imgcls.records.parity import Fault, LogitDistance, Parity
from imgcls.records.thresholds import Margin, ParityGate
from imgcls.stats import noninferiority, proportions

FAULT = Fault("preprocessing", "channel order", "BGR where the reference takes RGB.", 0.98)
TITLE = "net/onnx on photos"


def _flip(number: int) -> Flip:
    return Flip("right to wrong", f"{number}.jpg", "ab", "cat", (0, "tabby", 0.9), (1, "tiger cat", 0.8))


def _difference(accuracy: Any, losses: int, n: int) -> Difference:
    """``losses`` of n images that were all right."""
    return Difference(accuracy, n, n, n - losses, losses, 0, -losses / n, -1.0, 1.0, 0.5, None)


def _parity(flips: int, images: int, **values: Any) -> Parity:
    """An export that could be compared, without accuracies."""
    comparison = Comparison(
        "photos", "net", "net/onnx", "this run", "this run", flips=tuple(map(_flip, range(flips)))
    )  # fmt: skip
    given = Parity(
        "net", "onnx", "photos", "onnx", "net.onnx", images=images, same_top1=images - flips, comparison=comparison
    )
    return replace(given, **values)


def _labelled(flips: int, images: int, **values: Any) -> Parity:
    """Every flip is a loss of top-1, and none of top-5."""
    parity = _parity(flips, images, **values)
    assert parity.comparison is not None
    differences = _difference("top1", flips, images), _difference("top5", 0, images)
    return replace(parity, comparison=replace(parity.comparison, differences=differences))


def _only(gate: ParityGate, parity: Parity) -> Any:
    (verdict,) = gates.evaluate(gate, parity)
    return verdict


@pytest.mark.parametrize(
    ("flips", "images", "allowed", "status"),
    [
        (0, 1000, 0.0, "pass"),
        (1, 1000, 0.0, "fail"),
        (2, 1000, 0.002, "pass"),
        (3, 1000, 0.002, "fail"),
        (29, 100, 0.29, "pass"),
        (30, 100, 0.29, "fail"),
    ],
)
def test_the_observed_share_of_flips(flips: int, images: int, allowed: float, status: str) -> None:
    """It may be as large as the threshold, to the last image."""
    verdict = _only(ParityGate(flips=allowed), _parity(flips, images))
    assert (verdict.metric, verdict.status, verdict.threshold) == ("flips", status, allowed)
    assert verdict.check == f"flips <= {allowed:g}"


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("images", "allowed"), [(5, 0.3), (40, 0.1), (60, 0.02)])
def test_shown_flips_are_the_exact_binomial_test(images: int, allowed: float, confidence: float) -> None:
    """Of every count: passes where so few, fails where so many would be too unlikely at the threshold itself."""
    for flips in range(images + 1):
        few, many = binom.cdf(flips, images, allowed), binom.sf(flips - 1, images, allowed)
        expected = "pass" if few <= 1 - confidence else "fail" if many < 1 - confidence else "inconclusive"
        verdict = _only(ParityGate(flips=allowed, confidence=confidence), _parity(flips, images))
        assert verdict.status == expected, flips
        assert verdict.check == f"flips <= {allowed:g} at {100 * confidence:g} %"


@pytest.mark.parametrize(("images", "allowed"), [(40, 0.1), (100, 0.05)])
def test_a_wrong_verdict_is_as_rare_as_promised(images: int, allowed: float) -> None:
    """Over all outcomes: one that flips more passes, and one that flips less fails, in at most 5 % of sets."""
    gate = ParityGate(flips=allowed, confidence=0.95)
    statuses = [_only(gate, _parity(flips, images)).status for flips in range(images + 1)]
    for true, wrong in ((allowed, "pass"), (allowed * 1.5, "pass"), (allowed, "fail"), (allowed / 1.5, "fail")):
        chance = sum(binom.pmf(flips, images, true) for flips, status in enumerate(statuses) if status == wrong)
        assert 0 < chance <= 0.05


def test_what_is_undecided_names_how_many_images_would_tell() -> None:
    """Without a flip, as many as of which none may; near the threshold many more; never fewer than there were."""
    gate = ParityGate(flips=0.002, confidence=0.95)
    none = _only(gate, _parity(0, 1000))
    assert none.status == "inconclusive"
    assert none.message == (
        f"INCONCLUSIVE: {TITLE}: 0 of 1000 images flipped (0.0000), allowed 0.002 with 95 % confidence; "
        "lower bound 0.0000, upper bound 0.0030 (one-sided Clopper-Pearson); 1000 images are too few to tell: "
        "about 1,497 would"
    )
    assert proportions.one_sided(0, 1497, 0.95).high <= 0.002 < proportions.one_sided(0, 1496, 0.95).high
    assert "about 10,018 would; 0.jpg" in _only(gate, _parity(1, 1000)).message
    most = max(n for n in range(20) if proportions.one_sided(n, 10_018, 0.95).high <= 0.002)
    assert binom.cdf(most, 10_018, 0.001) == pytest.approx(0.8, abs=0.02)
    equal = _only(gate, _parity(2, 1000))
    assert "images are too few to tell; 0.jpg" in equal.message


def test_a_failing_verdict_names_flips_and_fault() -> None:
    """The first five flips with both predictions, and what explains most of the difference with its stage."""
    verdict = _only(ParityGate(flips=0.002), _parity(7, 1000, faults=(FAULT,)))
    flips = ", ".join(f"{n}.jpg tabby -> tiger cat" for n in range(5))
    assert verdict.message == (
        f"{TITLE}: 7 of 1000 images flipped (0.0070), allowed 0.002; {flips} and 2 more; preprocessing: channel order: "
        "BGR where the reference takes RGB, explains 98 % of the difference"
    )


def test_a_fault_that_was_not_undone_states_no_share() -> None:
    """What explains how much is only stated where it is known."""
    verdict = _only(ParityGate(flips=0), _parity(1, 10, faults=(replace(FAULT, explained=None),)))
    assert verdict.message.endswith("; preprocessing: channel order: BGR where the reference takes RGB")


def test_a_passing_verdict_names_flips_and_no_fault() -> None:
    """Flips within the budget are named all the same."""
    verdict = _only(ParityGate(flips=0.1), _parity(1, 10, faults=(FAULT,)))
    assert verdict.message == (f"{TITLE}: 1 of 10 images flipped (0.1000), allowed 0.1; 0.jpg tabby -> tiger cat")


@pytest.mark.parametrize(
    ("losses", "margin", "status", "word"),
    [(0, 0.05, "pass", "NOT WORSE"), (60, 0.05, "inconclusive", "INCONCLUSIVE"), (200, 0.05, "fail", "WORSE")],
)
def test_accuracy_that_may_be_lost_must_be_shown(losses: int, margin: float, status: str, word: str) -> None:
    """The exact test of non-inferiority decides, as it does between two runs."""
    parity = _labelled(losses, 1000, faults=(FAULT,))
    top1, top5 = gates.evaluate(ParityGate(top1=Margin(margin), top5=Margin(margin, 0.99)), parity)
    assert (top1.metric, top1.status, top1.check) == ("not worse top1", status, "top1 not worse by 0.05 at 95 %")
    assert top1.message.startswith(f"{word}: {TITLE}: top1 1.0000 -> ")
    assert ("channel order" in top1.message) == (status != "pass")
    assert (top5.metric, top5.status, top5.check) == ("not worse top5", "pass", "top5 not worse by 0.05 at 99 %")


def test_the_margin_is_decided_by_the_exact_p_value() -> None:
    """Of every number of losses among 30: a pass where the p-value allows it, a fail where the other one does."""
    for losses in range(31):
        verdict = _only(ParityGate(top1=Margin(0.2, 0.9)), _labelled(losses, 30))
        not_worse = noninferiority.not_worse_p(losses, 0, 30, 0.2) <= 0.1
        worse = noninferiority.not_worse_p(0, losses, 30, -0.2) <= 0.1
        assert verdict.status == ("pass" if not_worse else "fail" if worse else "inconclusive"), losses


@pytest.mark.parametrize("comparison", [None, Comparison("photos", "net", "net/onnx", "this run", "this run")])
def test_without_labels_accuracy_is_undecided(comparison: Comparison | None) -> None:
    """No image can be right or wrong, which is no proof of parity."""
    parity = _parity(0, 10, comparison=comparison)
    verdict = _only(ParityGate(top1=Margin(0.05)), parity)
    assert (verdict.status, verdict.check) == ("inconclusive", "top1 not worse by 0.05 at 95 %")
    assert verdict.message == (
        f"INCONCLUSIVE: {TITLE}, compared with net: top1 compares nothing, as no image has a label"
    )


def test_accuracy_that_no_network_can_miss_is_an_error() -> None:
    """Five best of five classes show nothing."""
    parity = _labelled(0, 10)
    assert parity.comparison is not None
    certain = replace(parity, comparison=replace(parity.comparison, certain=("top5",)))
    verdict = _only(ParityGate(top5=Margin(0.05)), certain)
    assert verdict.status == "error"


@pytest.mark.parametrize(("allowed", "status"), [(0.02, "pass"), (0.0199, "fail")])
def test_the_largest_distance_of_a_logit(allowed: float, status: str) -> None:
    """It may be as large as the threshold, in standard deviations."""
    logits = LogitDistance(64, 1.5, largest=0.02, median=0.001, sensitivity=1e-6, tolerance=1e-4)
    verdict = _only(ParityGate(logits=allowed), _parity(0, 10, logits=logits, faults=(FAULT,)))
    assert (verdict.metric, verdict.status, verdict.check) == ("logits", status, f"logits <= {allowed:g}")
    expected = (
        f"{TITLE}: logits up to 0.02 standard deviations apart on 64 images (median 0.001, rounding explains 0.0001), "
        f"allowed {allowed:g}"
    )
    assert verdict.message.partition("; ")[0] == expected
    assert ("channel order" in verdict.message) == (status == "fail")


def test_logits_without_a_distance_are_an_error() -> None:
    """Logits of other classes cannot be compared, and that is no pass."""
    verdict = _only(ParityGate(logits=0.02), _parity(0, 10))
    assert (verdict.status, verdict.message) == ("error", f"{TITLE}: its logits cannot be compared")


def test_an_export_that_failed_passes_no_gate() -> None:
    """One error stands for all its thresholds, with the reason, where one was found."""
    failed = _parity(0, 0, failure=Failure(1, "the logits are NaN on a.jpg", "model"), faults=(FAULT,))
    verdict = _only(ParityGate(flips=0.5, confidence=0.9, top1=Margin(0.9), logits=9), failed)
    assert (verdict.metric, verdict.status) == ("scored", "error")
    assert verdict.message.startswith(f"{TITLE}: the logits are NaN on a.jpg; preprocessing: channel order: ")


def test_every_threshold_has_a_verdict() -> None:
    """In the order of the gate's keys."""
    logits = LogitDistance(64, 1.5, 0.0, 0.0, 0.0, 1e-4)
    gate = ParityGate(0.5, None, Margin(0.9), Margin(0.9), 1.0)
    verdicts = gates.evaluate(gate, _labelled(0, 10, logits=logits))
    assert [verdict.metric for verdict in verdicts] == ["flips", "not worse top1", "not worse top5", "logits"]


def test_names_of_others_do_not_reach_a_terminal_raw() -> None:
    """Controls in a path, a class or a fault are escapes."""
    flip = replace(_flip(0), path="a\x1b[31m.jpg", after=(1, "tiger\ncat", 0.8))
    parity = _labelled(1, 10, faults=(replace(FAULT, what="\x9bwrong"),))
    assert parity.comparison is not None
    hostile = replace(parity, comparison=replace(parity.comparison, flips=(flip,)))
    for verdict in gates.evaluate(ParityGate(flips=0.0, top1=Margin(0.0001)), hostile):
        assert verdict.message.isprintable()
