"""imgcls.reporting.dominance: how models stand to each other in one respect, and whether that is shown."""

from dataclasses import replace

import pytest

from builders import make_gpu_memory, make_latency, make_memory, make_pair, make_report, make_scores, noisy_rounds
from imgcls.records.comparison import PairwiseTest
from imgcls.records.report import Result
from imgcls.reporting import dominance
from imgcls.reporting.dominance import Standing


def _results(first: int, second: int) -> tuple[Result, Result]:
    pairs = (
        make_pair(name, scores=make_scores(name, top1_count=count)) for name, count in (("a", first), ("b", second))
    )
    one, other = make_report(*pairs).results
    return one, other


def _test(*, real: bool) -> PairwiseTest:
    return PairwiseTest("photos", "b", "a", 1000, 40, 15, -0.025, 0.001, 0.001, real, None)


@pytest.mark.parametrize(
    ("counts", "real", "expected"),
    [
        ((612, 587), True, ("better", "worse")),
        ((612, 587), False, ("as good", "unclear")),
        ((612, 587), None, ("as good", "unclear")),
        ((612, 512), None, ("better", "worse")),
        ((612, 512), False, ("as good", "unclear")),
        ((612, 612), None, ("as good", "as good")),
    ],
)
def test_accuracy_goes_by_the_test_on_the_same_images(
    counts: tuple[int, int], real: bool | None, expected: tuple[Standing, Standing]
) -> None:
    """2.5 points of 1000 images are shown by McNemar's test or not at all; without a test intervals must be apart."""
    one, other = _results(*counts)
    contrasts = dominance.contrasts_of([] if real is None else [_test(real=real)], "photos")
    assert (
        dominance.by_accuracy(one, other, contrasts),
        dominance.by_accuracy(other, one, contrasts),
    ) == expected


def test_other_datasets_tests_do_not_count() -> None:
    """Each dataset has its own."""
    assert dominance.contrasts_of([_test(real=True)], "other photos") == {}


def test_without_an_accuracy_nothing_is_known() -> None:
    """A model that failed has none."""
    one, other = _results(612, 587)
    assert dominance.by_accuracy(replace(one, top1=None), other, {}) is None


@pytest.mark.parametrize(("factor", "expected"), [(1.0, "as good"), (1.01, "as good"), (1.1, "worse"), (0.9, "better")])
def test_latency_goes_by_its_blocks(factor: float, expected: Standing) -> None:
    """A tenth is shown by rounds with 2 % of noise, and one per cent does not matter."""
    one, other = (make_latency(rounds_ns=noisy_rounds(seed, by), p50_ns=1) for seed, by in ((1, factor), (0, 1.0)))
    assert dominance.by_latency(one, other) == expected


def test_few_rounds_show_nothing() -> None:
    """Five are too few for an interval: then what was observed is only not worse, or unclear."""
    one, other = make_latency(rounds=5, p50_ns=1), make_latency(rounds=5, p50_ns=2)
    assert (dominance.by_latency(one, other), dominance.by_latency(other, one)) == ("as good", "unclear")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(130_000_000, "as good"), (130_100_000, "as good"), (131_000_000, "worse"), (129_000_000, "better")],
)
def test_memory_is_exact_but_for_python_itself(size: int, expected: Standing) -> None:
    """A thousandth is noise, a hundredth is not."""
    assert dominance.by_memory(make_memory(inference=size), make_memory()) == expected


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        (("better", "as good", "as good"), True),
        (("better", "better", "worse"), False),
        (("better", "unclear", "as good"), False),
        (("as good", "as good", "as good"), False),
    ],
)
def test_to_dominate_is_to_be_shown_better_once_and_never_worse(
    standings: tuple[Standing, ...], expected: bool
) -> None:
    """What is unclear is held in favour of the other."""
    assert dominance.dominates(standings) is expected


def test_memory_on_a_gpu_is_the_gpus() -> None:
    """Two models whose heaps on the host are equal differ by what torch allocated on the GPU."""
    assert dominance.by_memory(make_gpu_memory(inference=400_000_000), make_gpu_memory()) == "worse"
