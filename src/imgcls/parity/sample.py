"""The images on which a reference and an export are held against each other logit by logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.evaluation import inputs
from imgcls.models import inference
from imgcls.models.model import Model
from imgcls.preprocessing import decode, preprocess
from imgcls.preprocessing.preprocess import Crop, Preprocessing
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef


@dataclass(frozen=True, slots=True)
class Sample:
    """A few images of a dataset, as both preprocessings make them and as both networks predict them.

    ``images``: n of them, distinct. ``accepted``: the classes that are right for each, by index; empty where no folder
    names any. ``batch``: (n, channels, h, w), float32, normalised, on the CPU, as the reference's preprocessing makes
    it; ``export_batch``: as the export's does, the same tensor where both preprocess alike. ``reference`` and
    ``export``: the logits of either on its own batch, (n, classes), float32; probabilities are given as their
    logarithms.
    """

    images: tuple[ImageRef, ...]
    accepted: tuple[frozenset[int], ...]
    batch: torch.Tensor
    export_batch: torch.Tensor
    reference: NDArray[np.float32]
    export: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, places: Sequence[int]) -> Sample:
        """The images at these places, from 0."""
        rows = list(places)
        return Sample(
            tuple(self.images[row] for row in rows),
            tuple(self.accepted[row] for row in rows),
            self.batch[rows],
            self.export_batch[rows],
            self.reference[rows],
            self.export[rows],
        )


def draw(
    reference: Model,
    export: Model,
    images: Sequence[ImageRef],
    dataset: DatasetSpec,
    accepted: Mapping[str, Sequence[int]],
) -> Sample | None:
    """These images of a dataset as both models have them, without those that do not decode; None where none is left.

    ``accepted``: the classes that are right for each folder. Raises ModelError.
    """
    ways = reference.preprocessing, export.preprocessing
    crops = _crops(images, list(dict.fromkeys(ways)), dataset)
    if not crops:
        return None
    batch = _batch(ways[0], crops)
    export_batch = batch if ways[0] == ways[1] else _batch(ways[1], crops)
    drawn = tuple(image for image, _ in crops)
    return Sample(
        drawn,
        tuple(frozenset(accepted.get(image.label or "", ())) for image in drawn),
        batch,
        export_batch,
        inference.logits(reference.classifier, reference.info, batch),
        inference.logits(export.classifier, export.info, export_batch),
    )


_Crops = Sequence[tuple[ImageRef, Mapping[Preprocessing, Crop]]]


def _crops(images: Sequence[ImageRef], ways: Sequence[Preprocessing], dataset: DatasetSpec) -> _Crops:
    """The images that decode for all of these preprocessings, with their crops."""
    with decode.quiet_pillow(dataset.max_megapixels):
        prepared = [(image, inputs.prepared_or_rejected(image, ways, dataset.exif)) for image in images]
    usable = [(image, each.crops) for image, each in prepared if not isinstance(each, inputs.Rejected)]
    return [(image, crops) for image, crops in usable if crops.keys() >= set(ways)]


def _batch(way: Preprocessing, crops: _Crops) -> torch.Tensor:
    return preprocess.batch(way.input, [of_image[way] for _, of_image in crops])
