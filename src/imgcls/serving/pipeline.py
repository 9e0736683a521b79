"""Runs images through steps, each step once for all that have it in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.serving import decoding, framing
from imgcls.serving.images import CheckImage
from imgcls.serving.resizing import Values
from imgcls.serving.steps import Steps

KEPT_IMAGES, KEPT_CROPS = 64, 512  # docs/decisions.md#searching-for-a-culprit
"""How many decoded images and crops are held for steps that differ only after them."""


Crop = npt.NDArray[np.uint8] | Values
"""(h, w, channels), in [0, 255]; bytes take a quarter of the memory."""


class _Key(NamedTuple):
    path: str
    steps: tuple[object, ...]


class Pipeline:
    """From images to a network's input by any steps."""

    def __init__(self) -> None:
        self._decoded: dict[_Key, Image.Image] = {}
        self._crops: dict[_Key, Crop] = {}

    def tensor(self, image: CheckImage, steps: Steps) -> Values:
        """The network's input of an image, float32 (channels, h, w)."""
        if steps.own is not None:
            own = steps.own(self._image(image, steps))
            return own[::-1] if steps.order == "swapped" else own
        return tensor_of(self._crop(image, steps), steps)

    def _image(self, image: CheckImage, steps: Steps) -> Image.Image:
        key = _Key(image.path, steps.decoding)
        if key not in self._decoded:
            _make_room(self._decoded, KEPT_IMAGES)
            self._decoded[key] = decoding.decode(image.data, steps)
        return self._decoded[key]

    def _crop(self, image: CheckImage, steps: Steps) -> Crop:
        key = _Key(image.path, steps.framing)
        if key not in self._crops:
            _make_room(self._crops, KEPT_CROPS)
            crop = framing.frame(self._image(image, steps), steps)
            self._crops[key] = crop if steps.rounding == "none" else crop.astype(np.uint8)
        return self._crops[key]


def _make_room(held: dict[_Key, Any], limit: int) -> None:
    """Drop what was added first."""
    if len(held) >= limit:
        del held[next(iter(held))]


def tensor_of(crop: Crop, steps: Steps) -> Values:
    """A crop in [0, 255], (h, w, channels), as the network takes it, float32 (channels, h, w).

    By default the same bits as :func:`imgcls.preprocessing.transforms.normalize`.
    """
    ordered = crop[:, :, ::-1] if steps.order == "BGR" else crop
    tensor = np.ascontiguousarray(ordered.transpose(2, 0, 1), np.float32) / np.float32(steps.scale)
    mean, std = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (steps.mean, steps.std))
    for _ in range(steps.normalised):
        tensor = (tensor - mean) / std
    if steps.order == "swapped":
        tensor = tensor[::-1]
    if steps.layout == "reshaped":
        return np.ascontiguousarray(tensor.transpose(1, 2, 0)).reshape(tensor.shape)
    is_turned = steps.layout == "turned" and tensor.shape[1] == tensor.shape[2]
    return np.asarray(tensor.transpose(0, 2, 1) if is_turned else tensor, np.float32)
