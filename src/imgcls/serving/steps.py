"""The steps from an image's bytes to a prediction, and what each may do instead of what the network is tested with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from imgcls.models.model import Model
from imgcls.preprocessing.own_input import OwnPreprocessing
from imgcls.records.config import InputSpec

Decoder = Literal["whole", "draft", "repeated chroma"]
"""``draft``: a JPEG at a fraction of its size. ``repeated chroma``: subsampled colour without interpolation."""

Filter = Literal[
    "nearest",
    "bilinear",
    "bicubic",
    "lanczos",
    "bilinear without antialias",
    "bicubic without antialias",
    "area",
    "nearest from the corner",
]
"""Pillow's, then those of OpenCV and of tensors without antialias."""

Rounding = Literal["nearest", "none", "down"]
"""What a resize makes of its results: the nearest byte, the exact value, or the byte below."""

Fit = Literal[
    "stated", "squash", "letterbox", "shorter side", "thumbnail", "thumbnail of the crop", "square first",
    "centre first",
]  # fmt: skip
"""``stated``: as the network's input states it. The others: how a whole image is brought to the size of the crop."""

Start = Literal["rounded", "down", "one more"]
"""Where a crop begins, in whole pixels."""


@dataclass(frozen=True, slots=True)
class Steps:
    """One way from bytes to a network's input and from its logits to a prediction; by default as the network's own.

    ``input`` is the network's; ``resize``, ``filter``, ``mean`` and ``std`` are what is done. ``scale``: what bytes are
    divided by. ``normalised``: how many times. ``order``: ``BGR`` before normalising, or ``swapped`` after it.
    ``layout``: ``reshaped`` where (h, w, channels) was read as (channels, h, w), ``turned`` where h and w were swapped.
    ``label_shift``: what is added to the number of each class.
    """

    input: InputSpec
    exif: Literal["ignore", "apply"]
    resize: int | tuple[int, int]
    filter: Filter
    mean: tuple[float, ...]
    std: tuple[float, ...]
    own: OwnPreprocessing | None = None
    decoder: Decoder = "whole"
    colour: Literal["as stored", "managed"] = "as stored"
    alpha: Literal["dropped", "on white", "on black"] = "dropped"
    depth: Literal["scaled", "clipped"] = "scaled"
    rounding: Rounding = "nearest"
    fit: Fit = "stated"
    long_side: Literal["down", "rounded"] = "down"
    start: Start = "rounded"
    order: Literal["RGB", "BGR", "swapped"] = "RGB"
    scale: float = 255.0
    normalised: int = 1
    layout: Literal["as it is", "reshaped", "turned"] = "as it is"
    output: Literal["softmax", "softmax twice", "sigmoid"] = "softmax"
    label_shift: int = 0

    @property
    def decoding(self) -> tuple[object, ...]:
        """All that the decoded image depends on."""
        size = self.resize if self.decoder == "draft" else None
        return self.exif, self.decoder, self.colour, self.alpha, self.depth, size

    @property
    def framing(self) -> tuple[object, ...]:
        """All that the pixels of the crop depend on."""
        return self.decoding, self.resize, self.filter, self.rounding, self.fit, self.long_side, self.start


def reference(model: Model, exif: Literal["ignore", "apply"]) -> Steps:
    """The steps that a network is tested with."""
    stated = model.input
    resize = stated.resize if isinstance(stated.resize, int) else (stated.resize[0], stated.resize[1])
    crop = (stated.crop[0], stated.crop[1])
    spec = replace(stated, resize=resize, crop=crop, mean=tuple(stated.mean), std=tuple(stated.std))  # never lists
    return Steps(spec, exif, resize, spec.interpolation, spec.mean, spec.std, model.own)
