"""A perceptual hash of an image, and an index of hashes that is searched for one that looks the same.

Two images look the same where one is the other resized, compressed, converted, cropped or rotated a little, made
brighter or grey, with a mark in a corner, or mirrored: docs/data.md has how many of each are found.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgcls.inspection import features
from imgcls.inspection.features import ALIKE_COARSE, ALIKE_FINE, COARSE_SIZE, SIDE

Likeness = Literal["near", "mirrored"]

LEAST_CONTRAST: Final = 2.0  # docs/decisions.md#near-duplicates
"""The standard deviation, in levels of 255, below which an image is plain."""

_ROOM = 1024
"""Hashes that an index has room for at first."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageHash:
    """What an image looks like. ``thumbnail``: its luminance, (24, 24), uint8.

    ``contrast``: the standard deviation of such a thumbnail in colour, the largest of its channels, in levels of 255.
    """

    thumbnail: NDArray[np.uint8]
    contrast: float

    @property
    def is_plain(self) -> bool:
        """Whether the image has nothing to be compared, as one colour or fine noise; it looks like no other."""
        return self.contrast < LEAST_CONTRAST


class Match(NamedTuple):
    """The name under which a hash was added that looks the same, and how it does."""

    name: Hashable
    likeness: Likeness


def image_hash(image: Image.Image) -> ImageHash:
    """The perceptual hash of a decoded image of any size and mode."""
    colours = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    contrast = float(np.asarray(colours, dtype=np.float32).std(axis=(0, 1)).max())
    return ImageHash(np.asarray(colours.convert("L")), contrast)


class NearIndex:
    """Hashes that are added one by one, each under a name, and searched for one that looks the same.

    ``index.match(hash)`` before ``index.add(name, hash)`` keeps a growing set free of near duplicates. The time of a
    match is in proportion to the number of hashes added.
    """

    def __init__(self) -> None:
        self._names: list[Hashable] = []
        self._thumbnails = np.empty((_ROOM, SIDE, SIDE), dtype=np.uint8)
        self._coarse = np.empty((_ROOM, COARSE_SIZE), dtype=np.float32)

    def add(self, name: Hashable, of: ImageHash) -> None:
        """Remember a hash; a plain one looks like nothing, and is left out."""
        if of.is_plain:
            return
        place = len(self._names)
        if place == len(self._coarse):
            self._thumbnails = np.concatenate([self._thumbnails, np.empty_like(self._thumbnails)])
            self._coarse = np.concatenate([self._coarse, np.empty_like(self._coarse)])
        self._thumbnails[place] = of.thumbnail
        self._coarse[place] = features.coarse(of.thumbnail[None])[0]
        self._names.append(name)

    def match(self, of: ImageHash) -> Match | None:
        """The hash added that looks most like this one, where one looks the same; None otherwise."""
        if of.is_plain:
            return None
        upright, mirrored = self._best(of.thumbnail), self._best(of.thumbnail[:, ::-1])
        alike, place = max(upright, mirrored)
        if alike < ALIKE_FINE:
            return None
        return Match(self._names[place], "near" if upright >= mirrored else "mirrored")

    def _best(self, thumbnail: NDArray[np.uint8]) -> tuple[float, int]:
        """How much the hash looks like a thumbnail that does so most, and its place; 0.0 where none may."""
        coarse = self._coarse[: len(self._names)] @ features.coarse(thumbnail[None])[0]
        places = np.flatnonzero(coarse >= ALIKE_COARSE)
        if not len(places):
            return 0.0, 0
        [alike] = features.cosines(features.fine(thumbnail[None]), features.fine(self._thumbnails[places]))
        best = int(alike.argmax())
        return float(alike[best]), int(places[best])
