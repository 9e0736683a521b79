"""Augmentation: another crop of an image in every epoch, which follows from its bytes, the epoch and the seed only."""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from imgcls import light_imports
from imgcls.errors import ConfigError
from imgcls.preprocessing import geometry, transforms
from imgcls.records.config import InputSpec
from imgcls.training.config import TrainingConfig

_LOWEST, _HIGHEST = 3 / 4, 4 / 3  # width by height; docs/decisions.md#random-crops
_ATTEMPTS = 10  # docs/decisions.md#random-crops

_NOTATION = re.compile(r"rand(-(m\d+|n\d+|p\d*\.?\d+|mstd\d*\.?\d+|mmax\d+|inc[01]|t(weights|3a|3aw)))*")

_GENERATORS = threading.Lock()  # timm's RandAugment draws from the generators of the whole process

Box = tuple[int, int, int, int]


class Augmentation(NamedTuple):
    """The random part of preprocessing in training. ``randaugment``: timm's, or ``None``."""

    spec: InputSpec
    config: TrainingConfig
    randaugment: Callable[[Image.Image], Image.Image] | None

    def apply(self, image: Image.Image, sha256: str, epoch: int) -> npt.NDArray[np.uint8]:
        """Random resized crop, flip, RandAugment: an RGB image of any size to uint8 (h, w, channels) of ``spec.crop``.

        ``sha256``: of the image's file. Several threads may call it at once, and in any order.
        """
        generator = np.random.default_rng([self.config.seed, epoch, int(sha256, 16)])
        box = crop_box(image.size, self.config.scale, generator)
        height, width = self.spec.crop
        resampling = Image.Resampling[self.spec.interpolation.upper()]
        result = image.resize((width, height), resampling, box)
        if self.config.flip and generator.random() < 0.5:
            result = result.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.randaugment:
            with _seeded(int(generator.integers(1 << 32))):
                result = self.randaugment(result)
        return geometry.pixels(transforms.coloured(self.spec, result))


def build(spec: InputSpec, config: TrainingConfig) -> Augmentation:
    """The augmentation of a training. Raises ConfigError where ``config.randaugment`` is not timm's notation."""
    return Augmentation(spec, config, _randaugment(spec, config.randaugment) if config.randaugment else None)


def crop_box(size: tuple[int, int], scale: tuple[float, float], generator: np.random.Generator) -> Box:
    """A random part (left, top, right, bottom) of an image of ``size`` (w, h), in pixels.

    Its area is evenly drawn from ``scale`` of the image's, its proportions from 3:4 to 4:3, evenly on a logarithmic
    scale; after ten that do not fit, the largest middle part with proportions in that range. Source: C. Szegedy et al.,
    "Going Deeper with Convolutions", 2015, section 6.
    """
    width, height = size
    for _ in range(_ATTEMPTS):
        area = width * height * generator.uniform(*scale)
        ratio = math.exp(generator.uniform(math.log(_LOWEST), math.log(_HIGHEST)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(generator.integers(width - w + 1)), int(generator.integers(height - h + 1))
            return left, top, left + w, top + h
    w, h = min(width, max(1, round(height * _HIGHEST))), min(height, max(1, round(width / _LOWEST)))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def _randaugment(spec: InputSpec, notation: str) -> Callable[[Image.Image], Image.Image]:
    """Timm's own, with what its training transform gives it: shifts of up to 45 % of the shorter side, the mean colour.

    Source: E. D. Cubuk et al., "RandAugment", 2020.
    """
    if not _NOTATION.fullmatch(notation):  # timm itself ignores what it does not understand
        raise ConfigError(f"{notation!r} is not timm's notation of RandAugment; write it like rand-m9-mstd0.5")
    mean = spec.mean * 3 if spec.is_grey else spec.mean  # what is augmented is RGB
    colour = tuple(min(255, round(255 * value)) for value in mean)
    settings: dict[str, Any] = {"translate_const": int(min(spec.crop) * 0.45), "img_mean": colour}
    transform: Any = light_imports.timm("timm.data.auto_augment").rand_augment_transform(notation, settings)
    for operation in transform.ops:
        if operation.name.startswith("Posterize"):
            operation.aug_fn = _posterized
    typed: Callable[[Image.Image], Image.Image] = transform
    return typed


def _posterized(image: Image.Image, bits: int, **_: object) -> Image.Image:
    """At least one bit is left: timm's rule can also leave none, which newer versions of Pillow refuse."""
    return ImageOps.posterize(image, max(1, bits)) if bits < 8 else image


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Within this context the generators of the process start from a seed, and no other thread draws from them here."""
    with _GENERATORS:
        before = random.getstate(), np.random.get_state()  # noqa: NPY002 - these are what timm draws from
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - as above
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002 - as above
