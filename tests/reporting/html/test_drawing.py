"""Each kind of figure has its chart."""

import pytest

from imgcls.reporting.html import drawing
from imgcls.reporting.html.charts.figures import (
    ConfidenceBin,
    Confidences,
    Confusion,
    ConfusionCell,
    Curve,
    CurvePoint,
    LatencyRow,
    MemoryBar,
    Pareto,
    ParetoPoint,
)
from report_pages import elements

FIGURES = (
    Pareto("photos", "memory", (ParetoPoint("a", 80.0, 70.0, 90.0, 10), ParetoPoint("b", 60.0, 50.0, 70.0, 5))),
    Confidences("a", "photos", (ConfidenceBin(0.0, 1.0, 4, 3, 0.8),)),
    (LatencyRow("a", (1, 2, 3), 2, 3, 3),),
    (MemoryBar("a", 1, 2, 3, 4),),
    (Curve("a", (CurvePoint(1, 2.0, 2.1, 50.0, 40.0, 1.0),)),),
)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn(figure: object) -> None:
    """As an element of the page, whose colours need no style."""
    svg = drawing.Charts().draw(figure)
    assert svg.startswith("<svg")
    assert not any("style" in attributes for _, attributes in elements(svg))


def test_a_figure_is_drawn_once() -> None:
    """And the names in two of them are different."""
    charts = drawing.Charts()
    first, second = charts.draw(FIGURES[2]), charts.draw(FIGURES[3])
    assert charts.draw(FIGURES[2]) is first
    names = [[of["id"] for _, of in elements(svg) if "id" in of] for svg in (first, second)]
    assert set(names[0]).isdisjoint(names[1])


def test_what_is_no_figure_is_an_error() -> None:
    """Which names its type."""
    with pytest.raises(TypeError, match="int is not a figure"):
        drawing.Charts().draw(1)


def test_a_matrix_is_an_image() -> None:
    """Of squares, one for each cell."""
    figure = Confusion("a", "photos", ("x", "y"), ("x", "y", "z"), (ConfusionCell(0, 0, 3, right=True),))
    image = drawing.Charts().matrix(figure)
    assert image.uri.startswith("data:image/png;base64,")
    assert (image.width, image.height) == (3 * image.cell, 2 * image.cell)
