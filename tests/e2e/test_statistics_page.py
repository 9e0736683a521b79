"""Every number of docs/statistics.md is what our functions, and the bench that counts exactly, give."""

import re
from pathlib import Path

import pytest
from scipy.stats import binom

import gate_errors
from builders import make_pair, make_scores
from imgcls.gates import accuracy, regression
from imgcls.records.comparison import Comparison, Difference
from imgcls.records.evaluation import Verdict
from imgcls.records.thresholds import Gate, Margin, ProvenThreshold
from imgcls.stats import noninferiority, paired, proportions
from markdown_pages import tables

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
_, ONE_MODEL, TWO_MODELS, AGAINST_A_BASELINE, AGAINST_A_THRESHOLD = tables(PAGE)


def _of_50(right: int) -> Verdict:
    """The verdict of the page's gate on 50 images."""
    scores = make_scores("resnet50", listed=50, scored=50, distinct=50, top1_count=right, top5_count=50)
    return accuracy.evaluate(Gate(top1=ProvenThreshold(0.76, 0.95)), make_pair(scores=scores))[0]


def _not_worse(losses: int, gains: int, margin: float) -> str:
    difference = Difference("top1", 50, 50, 50, losses, gains, 0, -1.0, 1.0, 1.0, None)
    comparison = Comparison("animals", "before", "after", "old", "new", differences=(difference,))
    [verdict] = regression.not_worse(comparison, {"top1": Margin(margin)}, "after on animals", "")
    return verdict.status


def test_the_verdict_on_40_of_50_is_the_printed_one() -> None:
    """Word for word."""
    [line] = re.findall(r"^INCONCLUSIVE: .*$", PAGE, re.MULTILINE)
    assert line == _of_50(40).message.replace(" on photos", " on animals")


@pytest.mark.parametrize("row", ONE_MODEL[1:], ids=lambda row: f"{row[0]} of 50")
def test_a_row_of_one_model(row: list[str]) -> None:
    """Both bounds and the verdict, by the number of right images."""
    right = int(row[0])
    bounds = proportions.one_sided(right, 50, 0.95)
    expected = [f"{right / 50:.2f}", f"{bounds.low:.4f}", f"{bounds.high:.4f}", _of_50(right).status]
    assert row[1:] == expected


@pytest.mark.parametrize("row", TWO_MODELS[1:], ids=lambda row: f"{row[0]} lost, {row[1]} gained")
def test_a_row_of_two_models(row: list[str]) -> None:
    """McNemar's p, both bounds of the difference, and the verdicts on both margins."""
    losses, gains = int(row[0]), int(row[1])
    bounds = noninferiority.difference_bounds(losses, gains, 50)
    p = paired.mcnemar(losses, gains)
    verdicts = [_not_worse(losses, gains, margin) for margin in (0.02, 0.1)]
    assert row[2:] == [f"{p:.4f}", f"{bounds.low:+.4f}", f"{bounds.high:+.4f}", *verdicts]


def test_what_is_worked_by_hand() -> None:
    """The fewest right images that pass, the chance of a false pass, and how many images other models need."""
    assert proportions.one_sided(50, 50, 0.95).low == pytest.approx(0.05 ** (1 / 50))
    assert [right for right in range(51) if _of_50(right).status == "pass"] == [*range(44, 51)]
    assert [right for right in range(51) if _of_50(right).status == "fail"] == [*range(33)]
    needed = [proportions.images_needed(true, 0.76, sides=1) for true in (0.90, 0.86, 0.80)]
    assert needed == [47, 99, 675]
    assert "0.90 needs about 47 images, one of 0.86 about 99, and one of 0.80 about 675" in PAGE
    for least, rate in ((43, 0.062), (44, 0.028)):
        assert binom.sf(least - 1, 50, 0.76) == pytest.approx(rate, abs=5e-4)


@pytest.mark.parametrize(("margin", "images"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598)])
def test_images_without_any_flip(margin: float, images: int) -> None:
    """The fewest that show a margin, which is where 1 - margin to their power is below 0.05."""
    assert f"{margin:g}" in PAGE
    assert f"{images}" in PAGE
    assert noninferiority.not_worse_p(0, 0, images, margin) <= 0.05
    assert noninferiority.not_worse_p(0, 0, images - 1, margin) > 0.05


@pytest.mark.parametrize(
    ("table", "gates", "share"),
    [
        (AGAINST_A_BASELINE, gate_errors.AGAINST_A_BASELINE, gate_errors.MARGIN),
        (AGAINST_A_THRESHOLD, gate_errors.AGAINST_A_THRESHOLD, gate_errors.THRESHOLD - gate_errors.MARGIN),
    ],
    ids=["baseline", "threshold"],
)
@pytest.mark.parametrize("n", [20, 50, *(pytest.param(n, marks=pytest.mark.slow) for n in (100, 200, 500, 1000))])
def test_a_row_of_errors(table: list[list[str]], gates: dict[str, gate_errors.Passes], share: float, n: int) -> None:
    """How often each kind of gate passes, in per cent, by exact enumeration."""
    [row] = [row for row in table if row[0] == str(n)]
    assert row[1:] == [f"{100 * gate_errors.pass_rate(gate, n, share):.1f}" for gate in gates.values()]


def test_the_bootstrap_passes_whatever_has_no_loss() -> None:
    """Its interval is a point then, so that it passes as often as no image flips; ours never does on so few."""
    for n, rate in ((20, 0.668), (50, 0.364)):
        assert gate_errors.pass_rate(gate_errors.percentile_bootstrap, n, 0.02) == pytest.approx(0.98**n)
        assert 0.98**n == pytest.approx(rate, abs=5e-4)
        assert gate_errors.pass_rate(gate_errors.not_worse, n, 0.02) == 0


@pytest.mark.parametrize("losses", [0, 1, 2, 3, 5])
def test_the_exact_percentile_is_that_of_many_draws(losses: int) -> None:
    """Twenty thousand resamples of 100 differences have the same 2.5 % percentile."""
    import numpy as np

    differences = np.repeat([-1.0, 0.0], [losses, 100 - losses])
    draws = np.random.default_rng(0).choice(differences, (20_000, 100)).mean(axis=1)
    lower = np.quantile(draws, 0.025, method="inverted_cdf")
    assert gate_errors.percentile_bootstrap(losses, 100) == bool(lower >= -0.02 - 1e-9)


def test_gates_of_ours_keep_their_word() -> None:
    """At the margin they pass at most 5 % of the time, at any number of images tried here."""
    assert 0.04 < gate_errors.pass_rate(gate_errors.not_worse, 149, gate_errors.MARGIN) <= 0.05
    for n in (1, 10, 11, 12, 25, 50, 51):
        assert gate_errors.pass_rate(gate_errors.shown_threshold, n, gate_errors.THRESHOLD) <= 0.05
