"""Which dimension of a network's input is which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from imgcls.errors import ConfigError, ModelError
from imgcls.records.config import Layout, ModelSpec

CHANNELS = (1, 3)


class ImageShape(NamedTuple):
    """What a network's input is: ``batch``, ``channels`` and ``size`` (h, w) are None where any number is taken.

    ``note``: what a user should know of it, or nothing.
    """

    layout: Layout
    batch: int | None
    channels: int | None
    size: tuple[int, int] | None
    note: str


def read(spec: ModelSpec, file: str, dimensions: Sequence[int | None]) -> ImageShape:
    """The dimensions of a batch of images; one that is None may be any.

    Raises ModelError where they are not those of images, and ConfigError, with the key to give, where they could be
    in either order.
    """
    shown = " x ".join("?" if side is None else str(side) for side in dimensions)
    if len(dimensions) != 4:
        raise ModelError(
            f"[models.{spec.name}] {file} takes an input of {shown}, not images (n, channels, h, w): name the file of "
            "an image classifier"
        )
    layout = spec.layout or _detected(dimensions)
    if layout is None:
        raise ConfigError(
            f"[models.{spec.name}] {file} takes an input of {shown}, in which the channels may be the second or the "
            f'last: give layout = "NCHW" or layout = "NHWC" in [models.{spec.name}]'
        )
    batch, second, third, fourth = dimensions
    channels, height, width = (second, third, fourth) if layout == "NCHW" else (fourth, second, third)
    size = None if height is None or width is None else (height, width)
    note = f"the input is NHWC by its shape, {shown}: images are transposed" if spec.layout != layout == "NHWC" else ""
    return ImageShape(layout, batch, channels, size, note)


def _detected(dimensions: Sequence[int | None]) -> Layout | None:
    first, last = dimensions[1] in CHANNELS, dimensions[3] in CHANNELS
    if first == last:
        return None
    return "NCHW" if first else "NHWC"
