"""Two axes on a sheet, and what is drawn between them."""

import pytest

from drawn import SVG, parsed
from imgcls.reporting.html.charts.axes import Axes
from imgcls.reporting.html.charts.scales import Scale
from imgcls.reporting.html.charts.sheet import Fill, Mark, Sheet


@pytest.fixture
def axes() -> Axes:
    """From 0 to 10 on 100 points to the right, and from 0 to 1 on 200 points upwards."""
    return Axes(Sheet("s"), Scale(0, 10), Scale(0, 1), (50, 20), (150, 220))


def last(axes: Axes) -> dict[str, str]:
    """The attributes of what was drawn last."""
    return parsed(axes.sheet.parts[-1]).attrib


def test_values_have_their_places(axes: Axes) -> None:
    """The smallest are at the lower left."""
    assert axes.at(0, 0) == (50, 220)
    assert axes.at(5, 1) == (100, 20)
    assert axes.places([(10, 0.5)]) == [(150, 120)]


def test_ticks_stand_where_their_values_are(axes: Axes) -> None:
    """Below, around them, and on the left, ending before the axis; each axis has its label."""
    axes.draw_x("epoch")
    axes.draw_y("loss")
    texts = {
        element.text: element.attrib
        for element in map(parsed, axes.sheet.parts)
        if element.tag in {"text", f"{SVG}text"}
    }
    assert (texts["5"]["x"], texts["5"]["text-anchor"]) == ("100", "middle")
    assert (texts["0.4"]["x"], texts["0.4"]["y"], texts["0.4"]["text-anchor"]) == ("43", "143.85", "end")
    assert {"epoch", "loss"} <= texts.keys()
    assert "transform" in texts["loss"]


def test_long_texts_have_wider_ticks() -> None:
    """Texts never touch each other."""
    short, long = (Axes(Sheet("s"), Scale(low, low + 10), Scale(0, 1), (0, 0), (200, 100)) for low in (0, 1_000_000))
    for each in (short, long):
        each.draw_x("")
    assert len(short.sheet.parts) > len(long.sheet.parts)


def test_a_bar_lies_between_its_corners(axes: Axes) -> None:
    """Whichever of them is named first."""
    for one, other in (((0, 0), (5, 0.5)), ((5, 0.5), (0, 0)), ((0, 0.5), (5, 0))):
        axes.bar(one, other, Fill("red"))
        assert last(axes) == {"x": "50", "y": "120", "width": "50", "height": "100", "fill": "red"}


def test_an_interval_has_a_mark_at_each_end(axes: Axes) -> None:
    """And a line between them in the same colour."""
    axes.interval((5, 0), (5, 1), Mark("level", 4, "red"), width=2)
    line, ends = (parsed(part).attrib for part in axes.sheet.parts)
    assert (line["d"], line["stroke"], line["stroke-width"]) == ("M100 220L100 20", "red", "2")
    assert ends["d"] == "M98 220L102 220M98 20L102 20"


def test_a_band_is_closed(axes: Axes) -> None:
    """Along the lower line, and back along the upper one."""
    axes.band([0, 10], [0, 0.5], [0.5, 1], "red")
    assert last(axes)["d"] == "M50 220L150 120L150 20L50 120z"
