"""A picture as it is learnt from: another crop of it in every epoch, by its bytes, the epoch and the seed alone."""

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

from imgcls.errors import ConfigError
from imgcls.recipe import Recipe
from imgcls.records import InputSpec

_LOWEST, _HIGHEST = 3 / 4, 4 / 3  # width by height
_ATTEMPTS = 10
_NOTATION = re.compile(r"rand(-(m\d+|n\d+|p\d*\.?\d+|mstd\d*\.?\d+|mmax\d+|inc[01]|t(weights|3a|3aw)))*")
_GLOBAL = threading.Lock()  # timm's RandAugment draws from the generators of the whole process

Box = tuple[int, int, int, int]


class Augmentation(NamedTuple):
    """What happens to pictures on their way into a training. ``randaugment``: timm's, or ``None``."""

    spec: InputSpec
    recipe: Recipe
    randaugment: Callable[[Image.Image], Image.Image] | None

    def apply(self, picture: Image.Image, sha256: str, epoch: int) -> npt.NDArray[np.uint8]:
        """Random resized crop, flip, RandAugment: an RGB picture of any size to uint8 (h, w, 3) of ``spec.crop``.

        ``sha256``: of the picture's file. Threads may call it at once and in any order.
        """
        drawn = np.random.default_rng([self.recipe.seed, epoch, int(sha256, 16)])
        box = crop_box(picture.size, self.recipe.scale, drawn)
        height, width = self.spec.crop
        resampling = Image.Resampling[self.spec.interpolation.upper()]
        shown = picture.resize((width, height), resampling, box)
        if self.recipe.flip and drawn.random() < 0.5:
            shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.randaugment:
            with _seeded(int(drawn.integers(1 << 32))):
                shown = self.randaugment(shown)
        return np.asarray(shown)


def build(spec: InputSpec, recipe: Recipe) -> Augmentation:
    """The augmentation of a recipe. Raises :class:`ConfigError` where ``recipe.randaugment`` is not timm's notation."""
    return Augmentation(spec, recipe, _randaugment(spec, recipe.randaugment) if recipe.randaugment else None)


def crop_box(size: tuple[int, int], scale: tuple[float, float], drawn: np.random.Generator) -> Box:
    """A random part (left, top, right, bottom) of a picture of ``size`` (w, h).

    Its area is evenly drawn from ``scale`` of the picture's, its proportions from 3:4 to 4:3, evenly on a logarithmic
    scale; after ten that do not fit, the largest middle part with proportions in that range. Source: C. Szegedy et al.,
    "Going Deeper with Convolutions", 2015, section 6.
    """
    width, height = size
    for _ in range(_ATTEMPTS):
        area = width * height * drawn.uniform(*scale)
        ratio = math.exp(drawn.uniform(math.log(_LOWEST), math.log(_HIGHEST)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(drawn.integers(width - w + 1)), int(drawn.integers(height - h + 1))
            return left, top, left + w, top + h
    w, h = min(width, max(1, round(height * _HIGHEST))), min(height, max(1, round(width / _LOWEST)))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def _randaugment(spec: InputSpec, notation: str) -> Callable[[Image.Image], Image.Image]:
    """Timm's own, with what its training transform gives it: moves of up to 45 % of the shorter side, the mean colour.

    Source: E. D. Cubuk et al., "RandAugment", 2020.
    """
    from timm.data.auto_augment import rand_augment_transform

    if not _NOTATION.fullmatch(notation):  # timm itself leaves aside what it does not understand
        raise ConfigError(f"{notation!r} is not timm's notation of RandAugment; write it like rand-m9-mstd0.5")
    colour = tuple(min(255, round(255 * value)) for value in spec.mean)
    settings: dict[str, Any] = {"translate_const": int(min(spec.crop) * 0.45), "img_mean": colour}
    transform = rand_augment_transform(notation, settings)
    for operation in transform.ops:
        if operation.name.startswith("Posterize"):
            operation.aug_fn = _posterized
    known: Callable[[Image.Image], Image.Image] = transform
    return known


def _posterized(picture: Image.Image, bits: int, **_: object) -> Image.Image:
    """At least one bit: timm's rule also asks for none, which newer versions of Pillow refuse."""
    return ImageOps.posterize(picture, max(1, bits)) if bits < 8 else picture


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Meanwhile the generators of the process start from a seed; nobody else draws from them in between."""
    with _GLOBAL:
        before = random.getstate(), np.random.get_state()  # noqa: NPY002 - these are what timm draws from
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - as above
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002 - as above
