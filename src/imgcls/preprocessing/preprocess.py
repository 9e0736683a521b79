"""The one way from a file's bytes to a network's input: decode, crop, normalise.

Scoring, golden records, latencies and training all go this way; bytes come in, ``prepare`` decodes them once and
crops them for every network, and ``batch`` makes a tensor of the crops of several images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.errors import ModelError
from imgcls.preprocessing import decode, transforms
from imgcls.preprocessing.own_input import OwnPreprocessing
from imgcls.records.config import Decode, InputSpec

if TYPE_CHECKING:
    import torch


Crop = npt.NDArray[np.uint8] | npt.NDArray[np.float32] | ModelError
"""An image as it is kept until there are enough for a batch: pixels, uint8 (h, w, channels), to be normalised; what a
network's own preprocessing made, float32 (channels, h, w); or why that failed."""


class Preprocessing(NamedTuple):
    """The way from an image's bytes to a network's input. ``own``: the network's own preprocessing, if it has one."""

    input: InputSpec
    decode: Decode
    own: OwnPreprocessing | None = None

    def crop(self, image: Image.Image) -> Crop:
        """An RGB image for this network. Raises ConfigError for a resize that does not suit the crop mode."""
        if self.own is None:
            return transforms.crop(self.input, image)
        try:
            return self.own(image)
        except ModelError as error:  # of this network, and others go on
            return error


class Prepared(NamedTuple):
    """One image before it is normalised.

    ``decoded``: all its pixels, None where every network takes fast ones; ``crops``: by preprocessing; ``remarks``: the
    rules that its pixels were converted by, see :mod:`imgcls.preprocessing.pixels`.
    """

    decoded: Image.Image | None
    crops: Mapping[Preprocessing, Crop]
    remarks: tuple[str, ...]


def prepare(
    data: bytes, preprocessings: Sequence[Preprocessing], exif: Literal["ignore", "apply"] = "ignore"
) -> Prepared:
    """Decode a file's bytes, once for all exact preprocessings, and crop for each; without any, decode only.

    Raises what :func:`imgcls.preprocessing.decode.decode` raises, and ConfigError for a resize that does not suit the
    crop mode.
    """
    exact = [preprocessing for preprocessing in preprocessings if preprocessing.decode == "exact"]
    fast = [preprocessing for preprocessing in preprocessings if preprocessing.decode == "fast"]
    decoded, crops, remarks = None, dict[Preprocessing, Crop](), list[str]()
    if exact or not fast:
        decoded = decode.decode(data, exif, remarks)
        crops = {preprocessing: preprocessing.crop(decoded) for preprocessing in exact}
    if fast:
        reduced = decode.decode_fast(data, exif, [preprocessing.input for preprocessing in fast], remarks)
        for preprocessing, image in zip(fast, reduced, strict=True):
            crops[preprocessing] = transforms.crop_fast(preprocessing.input, image)
    return Prepared(decoded, crops, tuple(dict.fromkeys(remarks)))


def batch(spec: InputSpec, crops: Sequence[Crop], device: str = "cpu") -> torch.Tensor:
    """The crops of n images as the network takes them: float32 (n, channels, h, w), see :func:`transforms.normalize`.

    Raises ModelError where a network's own preprocessing failed.
    """
    import torch

    arrays: list[npt.NDArray[Any]] = []
    for crop in crops:
        if isinstance(crop, ModelError):
            raise crop
        arrays.append(crop)
    stacked = np.stack(arrays)
    if spec.function is None:
        return transforms.normalize(spec, stacked, device)
    return torch.from_numpy(stacked) if device == "cpu" else torch.from_numpy(stacked).pin_memory().to(device)
