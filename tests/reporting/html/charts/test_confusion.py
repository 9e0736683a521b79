"""The confusion matrix as an image."""

import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from imgcls.reporting.html.charts import confusion
from imgcls.reporting.html.charts.canvas import RIGHT, WRONG
from imgcls.reporting.html.charts.figures import Confusion, ConfusionCell


def make_confusion(classes: int, *cells: ConfusionCell) -> Confusion:
    names = tuple(map(str, range(classes)))
    return Confusion("net", "photos", names, names, cells)


def test_cells_have_colour_and_opacity() -> None:
    """Right and wrong have their colours, the share of the row is the opacity, and empty cells are transparent."""
    figure = make_confusion(
        2, ConfusionCell(0, 0, 5, right=True), ConfusionCell(1, 0, 1, right=False), ConfusionCell(1, 1, 3, right=True)
    )
    image = confusion.draw(figure)
    pixels = np.asarray(Image.open(io.BytesIO(image.png)).convert("RGBA"))[:: image.cell, :: image.cell]
    assert pixels[0, 0].tolist() == [*bytes.fromhex(RIGHT[1:]), 255]
    assert pixels[0, 1, 3] == 0
    assert pixels[1, 0, :3].tolist() == [*bytes.fromhex(WRONG[1:])]
    assert 0.45 * 255 <= pixels[1, 0, 3] < pixels[1, 1, 3] < 255


def test_rows_and_columns_are_squares() -> None:
    """A small matrix has cells that can be clicked, one of 1000 classes a pixel for each."""
    assert confusion.draw(make_confusion(10)) == confusion.ConfusionImage(
        confusion.draw(make_confusion(10)).png, 240, 240, 24
    )
    assert confusion.draw(make_confusion(1000)).cell == 1


def test_a_thousand_classes_are_small() -> None:
    """10,000 filled cells take less than 80 kB, in a palette."""
    random = Random(0)  # noqa: S311  # no secret
    cells = {(random.randrange(1000), random.randrange(1000)): random.randrange(1, 9) for _ in range(9000)}
    cells |= {(number, number): 40 for number in range(1000)}
    figure = make_confusion(
        1000, *(ConfusionCell(*place, count, right=place[0] == place[1]) for place, count in cells.items())
    )
    png = confusion.draw(figure).png
    assert len(png) < 80_000
    assert Image.open(io.BytesIO(png)).mode == "P"


def test_a_cell_of_a_pixel_is_a_spot() -> None:
    """It fills its empty neighbours, and those that have images keep their own colour."""
    cells = (ConfusionCell(500, 500, 3, right=True), ConfusionCell(500, 501, 1, right=False))
    pixels = np.asarray(Image.open(io.BytesIO(confusion.draw(make_confusion(1000, *cells)).png)).convert("RGBA"))
    assert np.argwhere(pixels[..., 3]).tolist() == [
        [row, column] for row in (499, 500, 501) for column in range(499, 503)
    ]
    assert pixels[500, 500, :3].tolist() == [*bytes.fromhex(RIGHT[1:])]
    assert pixels[500, 501, :3].tolist() == [*bytes.fromhex(WRONG[1:])]


def test_a_matrix_has_classes() -> None:
    """Without rows or columns there is nothing to draw."""
    with pytest.raises(ValueError, match="a confusion matrix needs rows and columns"):
        confusion.draw(make_confusion(0))
