"""A confusion matrix as an image: a pixel or a square for each cell, seen on white and on black."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcls.reporting.html.charts.canvas import RIGHT, WRONG
from imgcls.reporting.html.charts.figures import Confusion

SIDE = 480  # docs/decisions.md#charts
"""Pixels that the longer side of a small matrix fills."""

FAINTEST = 0.45  # docs/decisions.md#charts
"""The opacity of a cell with the smallest share; a cell with its whole row has 1, an empty one 0."""

SPOT = 3  # docs/decisions.md#charts
"""Pixels below which a cell is not seen by itself."""

_SHADES = 120


@dataclass(frozen=True, slots=True)
class ConfusionImage:
    """A PNG in which each cell is a square of ``cell`` pixels; ``width`` and ``height`` are in pixels."""

    png: bytes
    width: int
    height: int
    cell: int


def draw(figure: Confusion) -> ConfusionImage:
    """Rows are labels and columns predictions; the opacity is the share of the row, right and wrong have two colours.

    Raises ValueError where the matrix has no rows or no columns.
    """
    from PIL import Image

    if not figure.labels or not figure.predictions:
        raise ValueError("a confusion matrix needs rows and columns")
    shades = _shades(figure)
    cell = max(1, min(24, SIDE // max(shades.shape)))
    if cell < SPOT:
        shades = _spots(shades)
    image = Image.fromarray(shades.repeat(cell, axis=0).repeat(cell, axis=1), mode="P")
    image.putpalette(_palette())
    png = io.BytesIO()
    image.save(png, "PNG", transparency=_opacities())
    return ConfusionImage(png.getvalue(), image.width, image.height, cell)


def _shades(figure: Confusion) -> NDArray[np.uint8]:
    """The number of the colour of each cell: 0 where it is empty, then those of wrong ones, then of right ones."""
    rows = [0] * len(figure.labels)
    for cell in figure.cells:
        rows[cell.row] += cell.count
    shades = np.zeros((len(rows), len(figure.predictions)), np.uint8)
    for cell in figure.cells:
        share = cell.count / rows[cell.row]
        shades[cell.row, cell.column] = 1 + round(share * (_SHADES - 1)) + _SHADES * cell.right
    return shades


def _spots(shades: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same matrix in which every cell also fills its eight neighbours as far as they are empty."""
    padded = np.pad(shades, 1)
    rows, columns = shades.shape
    neighbours = [padded[down : down + rows, right : right + columns] for down in range(3) for right in range(3)]
    return np.where(shades, shades, np.max(neighbours, axis=0))


def _palette() -> bytes:
    wrong, right = (bytes.fromhex(colour.removeprefix("#")) for colour in (WRONG, RIGHT))
    return bytes(3) + wrong * _SHADES + right * _SHADES


def _opacities() -> bytes:
    ramp = bytes(round(255 * opacity) for opacity in np.linspace(FAINTEST, 1, _SHADES))
    return b"\0" + ramp + ramp
