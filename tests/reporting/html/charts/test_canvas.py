"""What all charts have in common."""

import pytest

from drawn import parsed, texts
from imgcls.reporting.html.charts.canvas import canvas, millions, name
from imgcls.reporting.html.charts.scales import Scale
from imgcls.reporting.html.charts.sheet import LETTERS


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


def test_rows_have_their_texts_from_above() -> None:
    """The first text is over the first row."""
    with canvas("c", 100, "title", "description") as sheet:
        axes = sheet.rows(["first", "second"], Scale(0, 1), "MB")
    assert texts(sheet.markup)[-3:] == ["MB", "first", "second"]
    assert axes.at(0, 0)[1] < axes.at(0, 1)[1]


def test_axes_keep_their_distances_from_the_edges() -> None:
    """In points; what is drawn is as wide and as high as the chart."""
    with canvas("c", 100, "title", "description") as sheet:
        axes = sheet.axes(Scale(0, 10), Scale(0, 1), ("x", "y"), top=7, bottom=30)
    assert (axes.at(0, 0), axes.at(10, 1)) == ((56, 70), (428, 7))
    assert 'viewBox="0 0 440 100"' in sheet.markup


@pytest.mark.parametrize("most", [1, 999, 9_999, 120_000, 14_000_000])
def test_an_upright_label_is_beside_the_texts_of_its_axis(most: float) -> None:
    """And on the chart, however long they are; a figure of the usual fonts is 0.556 of the letters' size wide."""
    with canvas("c", 260, "title", "description") as sheet:
        axes = sheet.axes(Scale(0, 100), Scale(0, most), ("x", "images"), top=24, bottom=38)
    drawn = [element for element in map(parsed, sheet.parts) if element.tag == "text"]
    [label] = (element for element in drawn if element.text == "images")
    base = float(label.attrib["x"])
    ticks = [element for element in drawn if element.attrib.get("text-anchor") == "end"]
    assert ticks
    for tick in ticks:
        text = str(tick.text)
        width = LETTERS * (0.556 * len(text) - 0.278 * sum(map(text.count, ".,")))
        assert base + 0.21 * LETTERS < float(tick.attrib["x"]) - width
    assert base - 0.8 * LETTERS > 0
    assert axes.left >= 56
    assert (axes.left == 56) == (most < 10_000)
