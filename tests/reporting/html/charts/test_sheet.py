"""What is drawn on a sheet, in points."""

import pytest

from drawn import parsed
from imgcls.reporting.html.charts.sheet import Fill, Mark, Shape, Sheet


def drawn(sheet: Sheet) -> list[dict[str, str]]:
    """The attributes of each part."""
    return [parsed(part).attrib for part in sheet.parts]


def test_lines_of_one_kind_are_one_element() -> None:
    """Each from point to point, not filled; a broken one is broken in proportion to its width."""
    sheet = Sheet("s")
    sheet.lines([[(0, 0), (1, 2)], [(3, 3), (4, 4.5)]], "#123456", width=1, dashed=True)
    assert drawn(sheet) == [
        {
            "d": "M0 0L1 2M3 3L4 4.5",
            "fill": "none",
            "stroke": "#123456",
            "stroke-width": "1",
            "stroke-dasharray": "3.7 1.6",
        }
    ]


@pytest.mark.parametrize(
    ("fill", "attributes"),
    [
        (Fill("#123456"), {"fill": "#123456"}),
        (Fill("#123456", "hollow"), {"fill": "none", "stroke": "#123456"}),
        (Fill("#123456", "hatched"), {"fill": "url(#s-1)", "stroke": "#123456"}),
    ],
)
def test_bars_are_told_apart_without_their_colours(fill: Fill, attributes: dict[str, str]) -> None:
    """Filled, hollow or hatched; what is not filled has an edge."""
    sheet = Sheet("s")
    sheet.rectangle((1, 2), 3, 4, fill)
    assert drawn(sheet)[-1] == {"x": "1", "y": "2", "width": "3", "height": "4", **attributes}


def test_a_hatching_is_defined_once() -> None:
    """And another one has another name."""
    sheet = Sheet("s")
    for fill in (Fill("red", "hatched"), Fill("red", "hatched"), Fill("red", "crossed")):
        sheet.rectangle((0, 0), 1, 1, fill)
    names = [of["id"] for of in drawn(sheet) if "id" in of]
    assert names == ["s-1", "s-2"]


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ("square", "M8 18L12 18L12 22L8 22z"), ("up", "M10 18L12 22L8 22z"), ("down", "M10 22L12 18L8 18z"),
        ("diamond", "M10 17.2L12.8 20L10 22.8L7.2 20z"), ("upright", "M10 18L10 22"), ("level", "M8 20L12 20"),
    ],
)  # fmt: skip
def test_a_marker_is_around_its_place(shape: Shape, path: str) -> None:
    """As large as it is said to be; lines are not filled."""
    sheet = Sheet("s")
    sheet.marks([(10, 20)], Mark(shape, 4, "red"))
    [mark] = drawn(sheet)
    assert mark == {"d": path, "fill": "red" if path.endswith("z") else "none", "stroke": "red", "stroke-width": "1"}


def test_each_round_marker_has_its_own_opacity() -> None:
    """Where many lie upon each other, that is seen."""
    sheet = Sheet("s")
    sheet.marks([(1, 2), (1, 3)], Mark("circle", 6, "red", edge=0, opacity=0.5))
    [group] = map(parsed, sheet.parts)
    assert group.attrib == {"fill": "red"}
    assert [circle.attrib for circle in group] == [{"cx": "1", "cy": y, "r": "3", "opacity": "0.5"} for y in "23"]


def test_text_stands_at_its_place_or_goes_upwards() -> None:
    """Around its end, its middle or its beginning."""
    sheet = Sheet("s")
    sheet.text(1, 2, "plain")
    sheet.text(3, 4, "turned", anchor="middle", is_upright=True, is_bold=True)
    assert drawn(sheet) == [
        {"x": "1", "y": "2", "font-size": "11px"},
        {
            "x": "3",
            "y": "4",
            "font-size": "11px",
            "text-anchor": "middle",
            "font-weight": "700",
            "transform": "rotate(-90 3 4)",
        },
    ]
