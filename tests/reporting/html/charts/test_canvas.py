"""What all charts have in common."""

import pytest

from drawn import texts
from imgcls.reporting.html.charts.canvas import canvas, millions, name, scale


def test_a_long_name_lacks_its_middle() -> None:
    """The beginning and the end of names tell models apart."""
    assert name("timm:vit") == "timm:vit"
    assert name("timm:" + "x" * 250 + ".in1k", 21) == "timm:xxxxx…xxxxx.in1k"


@pytest.mark.parametrize(
    ("value", "text"), [(503_210, "0.50"), (9_994_000, "9.99"), (10_000_000, "10.0"), (2.5e9, "2,500.0")]
)
def test_small_figures_have_two_decimals(value: float, text: str) -> None:
    """Milliseconds of nanoseconds, and MB of bytes."""
    assert millions(value) == text


@pytest.mark.parametrize(("values", "ticks"), [([10, 99], "20"), ([10, 100], "50"), ([0, 5], "0")])
def test_values_that_are_far_apart_have_a_logarithmic_axis(values: list[float], ticks: str) -> None:
    """From a factor of ten on, where all are positive."""
    with canvas("c", 100, "title", "description") as sheet:
        axes = sheet.axes(top=10, bottom=30)
        axes.plot(values, values)
        scale(axes, values)
    assert axes.get_xscale() == ("log" if values == [10, 100] else "linear")
    assert ticks in texts(sheet.markup)


def test_rows_have_their_texts_from_above() -> None:
    """The first text is over the first row."""
    with canvas("c", 100, "title", "description") as sheet:
        axes = sheet.rows(["first", "second"])
    assert texts(sheet.markup)[-2:] == ["first", "second"]
    assert axes.transData.transform((0, 0))[1] > axes.transData.transform((0, 1))[1]
