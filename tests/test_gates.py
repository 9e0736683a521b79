"""imgcls.gates: a gate that was not shown to hold does not pass."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import gates, stats
from imgcls.records import ClassScore, Failure, Gate, PairOutcome, Scores, Verdict

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
    verdict = _verdicts(Gate(top1=0.6), _scores(612, 1000))["top1 >= 0.6"]
    assert verdict == Verdict(
        "top1 >= 0.6",
        "pass",
        "net on photos: top1 0.6120 (612 of 1000), wanted 0.6; "
        f"95 % interval {interval.low:.4f} to {interval.high:.4f}",
    )


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
