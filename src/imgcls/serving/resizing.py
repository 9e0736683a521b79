"""Resizes whole images as Pillow, OpenCV and operators on tensors do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.preprocessing import geometry
from imgcls.serving.steps import Filter, Rounding

Values = npt.NDArray[np.float32]

_OF_TENSORS = ("bilinear", "bicubic")
"""Pillow's filters that torch has, too."""


def resize(image: Image.Image, size: tuple[int, int], by: Filter, rounding: Rounding) -> Values:
    """Values of an RGB or grey image in [0, 255], (h, w, channels), resized to ``size`` (h, w).

    Where torch has no operator with a filter of Pillow, its values are rounded to bytes.
    """
    if by in geometry.SUPPORT and (rounding == "nearest" or by not in _OF_TENSORS):
        resized = image.resize(size[::-1], Image.Resampling[by.upper()])
        return geometry.pixels(resized).astype(np.float32)
    values = _exact(geometry.pixels(image), size, by)
    if rounding == "none":
        return values
    whole: Values = np.floor(values) if rounding == "down" else np.rint(values)
    return whole


def _exact(pixels: geometry.Pixels, size: tuple[int, int], by: Filter) -> Values:
    if by == "nearest from the corner":
        rows, columns = (np.arange(new) * old // new for new, old in zip(size, pixels.shape, strict=False))
        nearest: Values = pixels[rows][:, columns].astype(np.float32)
        return nearest
    grows = size[0] > pixels.shape[0] or size[1] > pixels.shape[1]
    if by == "area" and not grows:
        return (
            _areas(_areas(pixels.astype(np.float64), size[0]).swapaxes(0, 1), size[1]).swapaxes(0, 1).astype(np.float32)
        )
    return _by_torch(pixels, size, "bilinear" if by == "area" else by)


def _areas(values: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """The mean of what each of ``size`` positions covers of the first axis: OpenCV's ``INTER_AREA``."""
    sums = np.concatenate([np.zeros_like(values[:1]), values.cumsum(axis=0)])
    edges = np.linspace(0, len(values), size + 1)
    below = np.minimum(edges.astype(int), len(values) - 1)
    part = (edges - below).reshape(-1, *[1] * (values.ndim - 1))
    covered: npt.NDArray[np.float64] = np.diff(sums[below] + part * values[below], axis=0) * (size / len(values))
    return covered


def _by_torch(pixels: geometry.Pixels, size: tuple[int, int], by: str) -> Values:
    """Half-pixel centres, as ``cv2.resize``, ``tf.image.resize`` and torchvision's ``Resize`` of tensors have them."""
    import torch

    mode, without, _ = by.partition(" without antialias")
    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[np.newaxis].astype(np.float32))
    resized = torch.nn.functional.interpolate(batch, size, mode=mode, align_corners=False, antialias=not without)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy().clip(0, 255))
