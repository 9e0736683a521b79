"""From a whole image to pixels of the size of a crop, by the rule of the network and by others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from imgcls.preprocessing import geometry, transforms
from imgcls.serving import resizing
from imgcls.serving.resizing import Values
from imgcls.serving.steps import Start, Steps

CENTRAL = 0.875
"""The part of each side that ``centre first`` keeps: ``tf.image.central_crop`` of TensorFlow's Inception."""


def frame(image: Image.Image, steps: Steps) -> Values:
    """The crop of an RGB image, in [0, 255], (h, w, channels); by default the bytes of :func:`transforms.crop`."""
    image = transforms.coloured(steps.input, image)
    crop = steps.input.crop
    if steps.fit in {"thumbnail", "thumbnail of the crop"}:
        small = _thumbnail(image, crop if steps.fit == "thumbnail of the crop" else _sides(steps.resize))
        return _middle(geometry.pixels(small).astype(np.float32), steps)
    if steps.fit in {"square first", "centre first"}:
        image = _cut(image, steps)
    return _middle(resizing.resize(image, _resized_size(image, steps), steps.filter, steps.rounding), steps)


def _sides(resize: int | tuple[int, int]) -> tuple[int, int]:
    """(h, w)."""
    return (resize, resize) if isinstance(resize, int) else resize


def _thumbnail(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    small = image.copy()
    small.thumbnail(size[::-1])
    return small


def _cut(image: Image.Image, steps: Steps) -> Image.Image:
    """The middle of an image that is not resized yet."""
    width, height = image.size
    if steps.fit == "square first":
        width = height = min(width, height)
    else:
        width, height = (max(1, round(side * CENTRAL)) for side in (width, height))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _resized_size(image: Image.Image, steps: Steps) -> tuple[int, int]:
    """(h, w)."""
    size, crop = (image.height, image.width), steps.input.crop
    if steps.fit in {"squash", "square first", "centre first"}:
        return crop
    if steps.fit == "letterbox":
        return geometry.resized_size(replace(steps.input, resize=crop, crop_mode="border"), size)
    if steps.fit == "shorter side":
        return geometry.resized_size(replace(steps.input, resize=crop, crop_mode="center"), size)
    if steps.long_side == "rounded" and isinstance(steps.resize, int):
        shorter = steps.resize / min(size)
        return round(size[0] * shorter), round(size[1] * shorter)
    return geometry.resized_size(replace(steps.input, resize=steps.resize), size)


def _middle(values: Values, steps: Steps) -> Values:
    """The middle of a resized image, padded where it is smaller."""
    crop, padding = steps.input.crop, np.zeros(values.shape[2], np.float32)
    if steps.input.crop_mode == "border" and steps.fit == "stated":
        padding[:] = [round(255 * value) for value in steps.input.mean]
    canvas = np.broadcast_to(padding, (*crop, values.shape[2])).copy()
    places = [_places(side, wanted, steps.start) for side, wanted in zip(values.shape, crop, strict=False)]
    (top, rows), (left, columns) = places
    shown = values[rows, columns]
    canvas[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return canvas


def _places(side: int, wanted: int, start: Start) -> tuple[int, slice]:
    """Where a side of the crop begins to show the image, and what it shows of it."""
    first = geometry.crop_window(side, wanted).start
    if start == "down":
        first = (side - wanted) // 2
    elif start == "one more" and side > wanted:
        first += 1
    return max(0, -first), slice(max(0, first), max(0, min(side, first + wanted)))
