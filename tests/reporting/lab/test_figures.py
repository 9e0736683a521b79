"""imgcls.reporting.lab.figures: rounded figures."""

import pytest

from builders import make_latency
from imgcls.reporting.lab import figures
from lab_parts import make_contents


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.0"), (0.01, "0.1"), (61.26, "61.3"), (99.97, "99.9"), (100.0, "100.0")]
)
def test_all_and_nothing_are_only_written_where_they_are_exact(value: float, text: str) -> None:
    """99.97 % is not 100.0 %."""
    assert figures.per_cent(value) == text


def test_accuracy_is_that_of_the_result() -> None:
    """With its interval; the five best of three classes are always right, so that top-5 states nothing."""
    good, bad = make_contents().results
    assert figures.accuracy(good, "top1") == ("100.0", "51.0 to 100.0")
    assert figures.accuracy(bad, "top1") == ("50.0", "15.0 to 85.0")
    assert figures.accuracy(bad, "top5") == ("-", "-")


def test_units() -> None:
    """Milliseconds, millions of bytes, a p-value that is never 0, and few rounds said so."""
    assert (figures.ms(12_345_678), figures.mb(12_345_678), figures.mb(None)) == ("12.3", "12.3", "-")
    assert (figures.p_value(0.02134), figures.p_value(1e-9)) == ("p = 0.0213", "p < 0.0001")
    assert figures.if_few(make_latency(cut_short=True)) == " (few rounds)"
    assert [figures.listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
