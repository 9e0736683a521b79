"""The one way from a file's bytes to a network's input: decode, crop, normalise.

Scoring, golden records, latencies and training all go this way; bytes come in, ``prepare`` decodes them once and
crops them for every network, and ``batch`` makes a tensor of the crops of several images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from PIL import Image

from imgcls.preprocessing import decode, transforms
from imgcls.preprocessing.geometry import Pixels
from imgcls.records.config import Decode, InputSpec

if TYPE_CHECKING:
    import torch


class Preprocessing(NamedTuple):
    """The way from an image's bytes to a network's input."""

    input: InputSpec
    decode: Decode


class Prepared(NamedTuple):
    """One image before it is normalised.

    ``decoded``: all its pixels, None where every network takes fast ones; ``crops``: uint8 (h, w, 3) by preprocessing.
    """

    decoded: Image.Image | None
    crops: Mapping[Preprocessing, Pixels]


def prepare(
    data: bytes, preprocessings: Sequence[Preprocessing], exif: Literal["ignore", "apply"] = "ignore"
) -> Prepared:
    """Decode a file's bytes, once for all exact preprocessings, and crop for each; without any, decode only.

    Raises what :func:`imgcls.preprocessing.decode.decode` raises, and ConfigError for a resize that does not suit the
    crop mode.
    """
    exact = [preprocessing for preprocessing in preprocessings if preprocessing.decode == "exact"]
    fast = [preprocessing for preprocessing in preprocessings if preprocessing.decode == "fast"]
    decoded, crops = None, dict[Preprocessing, Pixels]()
    if exact or not fast:
        decoded = decode.decode(data, exif)
        crops = {preprocessing: transforms.crop(preprocessing.input, decoded) for preprocessing in exact}
    if fast:
        reduced = decode.decode_fast(data, exif, [preprocessing.input for preprocessing in fast])
        for preprocessing, image in zip(fast, reduced, strict=True):
            crops[preprocessing] = transforms.crop_fast(preprocessing.input, image)
    return Prepared(decoded, crops)


def batch(spec: InputSpec, crops: Sequence[Pixels], device: str = "cpu") -> torch.Tensor:
    """The crops of n images as the network takes them: float32 (n, 3, h, w), as :func:`transforms.normalize` has it."""
    return transforms.normalize(spec, np.stack(crops), device)
