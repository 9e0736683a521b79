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

from imgcls.errors import ModelError, Undecodable
from imgcls.preprocessing import transforms
from imgcls.preprocessing.decode import Decoding
from imgcls.preprocessing.geometry import Reduced
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

    @property
    def rule(self) -> str:
        """By what it decides which files have pixels, and what is said of them: the same for equal rules."""
        to = self.input
        return "exact" if self.decode == "exact" else f"fast to {to.resize}, {to.crop_mode}, {to.interpolation}"

    def of(self, decoding: Decoding) -> tuple[Crop, Reduced]:
        """The crop of a file for this network, and the pixels that it was made of. Raises what :func:`prepare` does."""
        if self.decode == "fast":
            reduced = decoding.fast(self.input)
            return transforms.crop_fast(self.input, reduced), reduced
        exact = decoding.exact()
        return self.crop(exact.image, exact.size[0]), exact

    def crop(self, image: Image.Image, height: int | None = None) -> Crop:
        """An RGB image for this network; ``height``: that of the whole image, see :func:`transforms.crop`.

        Raises ConfigError for a resize that does not suit the crop mode.
        """
        if self.own is None:
            return transforms.crop(self.input, image, height)
        try:
            return self.own(image)
        except ModelError as error:  # of this network, and others go on
            return error


class Prepared(NamedTuple):
    """One image before it is normalised.

    ``decoded``: all its pixels, where they were requested; ``crops``: by preprocessing; ``undecodable``:
    why it has none for the others; ``remarks``: the rules that its pixels were converted by, by preprocessing that has
    any, see :mod:`imgcls.preprocessing.pixels`.
    """

    decoded: Image.Image | None
    crops: Mapping[Preprocessing, Crop]
    undecodable: Mapping[Preprocessing, Undecodable]
    remarks: Mapping[Preprocessing, tuple[str, ...]]


def prepare(
    data: bytes,
    preprocessings: Sequence[Preprocessing],
    exif: Literal["ignore", "apply"] = "ignore",
    *,
    whole: bool = False,
) -> Prepared:
    """Decode a file's bytes, once for all that decode alike, and crop for each; without any, decode only.

    ``whole``: keep all pixels, too, exactly; otherwise only the rows that the crops are made of may be decoded.

    What it is for one of them does not depend on the others. Raises what :func:`imgcls.preprocessing.decode.decode`
    raises where it has pixels for none, or not all that were requested, and ConfigError for a resize that does not
    suit the crop mode.
    """
    decoding = Decoding(data, exif, () if whole else _shown(preprocessings))
    crops: dict[Preprocessing, Crop] = {}
    refused: dict[Preprocessing, Undecodable] = {}
    remarks: dict[Preprocessing, tuple[str, ...]] = {}
    decoded = decoding.exact().image if whole or not preprocessings else None
    for preprocessing in preprocessings:
        try:
            crops[preprocessing], of = preprocessing.of(decoding)
        except Undecodable as error:
            refused[preprocessing] = error
            continue
        if of.remarks:
            remarks[preprocessing] = tuple(dict.fromkeys(of.remarks))
    if refused and not crops:
        raise next(iter(refused.values()))
    return Prepared(decoded, crops, refused, remarks)


def _shown(preprocessings: Sequence[Preprocessing]) -> Sequence[InputSpec]:
    """What an image is cropped for, where it is known of all of them and all take exact pixels."""
    is_known = all(each.own is None and each.decode == "exact" for each in preprocessings)
    return [each.input for each in preprocessings] if is_known else ()


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
    if spec.function is None:
        return transforms.normalize(spec, arrays, device)
    return torch.from_numpy(np.stack(arrays)) if device == "cpu" else transforms.sent(arrays, device)
