"""The images by which int8 chooses the ranges of activations: which they are, and what a network gets of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imgcls import messages
from imgcls.config.recipe import ExportRecipe
from imgcls.data import dataset, digits, listing, manifest_table
from imgcls.data.places import forms
from imgcls.errors import ConfigError, Undecodable
from imgcls.messages import named, path_text, spelled
from imgcls.models.model import Model
from imgcls.preprocessing import preprocess
from imgcls.records.config import BUILTIN_DIGITS, DatasetSpec, InputSpec
from imgcls.records.data import ImageRef, Listing

SEED = 0  # docs/decisions.md#calibration-images

Batch = npt.NDArray[np.float32]


class Chosen(NamedTuple):
    """The images of a calibration, distinct, in the order of their paths.

    ``folder``: that they are in; ``listed``: the number of distinct images there.
    """

    folder: Path
    images: tuple[ImageRef, ...]
    listed: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The folders or labels that the images have, sorted; none where they lie next to each other."""
        return tuple(sorted({label for image in self.images if (label := self._class_of(image))}))

    def _class_of(self, image: ImageRef) -> str | None:
        if image.label is not None:
            return image.label
        place = image.file.absolute().relative_to(self.folder.absolute()).parent
        return path_text(place) if place.parts else None


def chosen(recipe: ExportRecipe) -> Chosen:
    """The images of a recipe: up to as many as it states, spread evenly over all, by a fixed seed.

    Raises ConfigError where there is no image.
    """
    if recipe.calibration is None:
        raise ConfigError("an int8 file needs images to calibrate it: name their folder or manifest")
    path = digits.folder("train") if recipe.calibration == BUILTIN_DIGITS else Path(recipe.calibration)
    found = _listed(path)
    by_sha256: dict[str, ImageRef] = {}
    for image in found.images:
        by_sha256.setdefault(image.sha256, image)
    distinct = list(by_sha256.values())
    if not distinct:
        no_images = f"; {messages.counted(len(found.rejections), 'file')} there cannot be read as an image"
        why = no_images if found.rejections else ""
        raise ConfigError(f"calibration: {path} holds no images{why}: name a folder or a manifest of images")
    return Chosen(path, tuple(spread(distinct, recipe.images)), len(distinct))


def _listed(path: Path) -> Listing:
    is_manifest = path.suffix.lower() in manifest_table.SUFFIXES and path.is_file()
    if is_manifest or forms.form_of(str(path)):
        return dataset.list_images(DatasetSpec("calibration", path, duplicates="keep_first"))
    if not path.is_dir():
        raise ConfigError(f"calibration: {path} is neither a folder nor a manifest of images: correct its path")
    return listing.find_unlabelled("calibration", [path])


def spread(images: Sequence[ImageRef], count: int) -> Iterator[ImageRef]:
    """Up to ``count`` of the images: one from each of as many equal stretches of them, by the fixed seed."""
    rng, count = random.Random(SEED), min(count, len(images))  # noqa: S311 - no secret
    for stretch in range(count):
        start, end = (number * len(images) // count for number in (stretch, stretch + 1))
        yield images[rng.randrange(start, end)]


class Batches:
    """What a network gets of the images, one at a time, as often as they are iterated: float32 (1, channels, h, w).

    ``images``: those that could be decoded.
    """

    def __init__(self, spec: InputSpec, crops: Sequence[tuple[ImageRef, Any]]) -> None:
        self.spec, self._crops = spec, crops
        self.images = tuple(image for image, _ in crops)

    def __len__(self) -> int:
        return len(self._crops)

    def __iter__(self) -> Iterator[Batch]:
        for _, crop in self._crops:
            yield preprocess.batch(self.spec, [crop]).numpy()


class Decoded(NamedTuple):
    """Batches, and a note on the images that have no pixels, where there are any."""

    batches: Batches
    notes: tuple[str, ...]


def decoded(images: Chosen, model: Model) -> Decoded:
    """The images as the model itself takes them. Raises ConfigError where none can be decoded, ModelError."""
    crops, failed = list[tuple[ImageRef, Any]](), list[str]()
    for image in images.images:
        try:
            crops.append((image, _crop(image, model)))
        except Undecodable as error:
            failed.append(f"{spelled(image.path)} ({error})")
    if not crops:
        raise ConfigError(f"calibration: none of the images can be decoded: {named(failed, 3)}")
    left_out = f"{len(failed)} of {len(images.images)} calibration images cannot be decoded and were left out: "
    return Decoded(Batches(model.input, crops), (left_out + named(failed, 3),) if failed else ())


def _crop(image: ImageRef, model: Model) -> Any:
    way = model.preprocessing
    return preprocess.prepare(listing.read(image), [way]).crops[way]
