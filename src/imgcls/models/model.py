"""A loaded network with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgcls import hashing
from imgcls.models.runtimes.base import Classifier
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo

if TYPE_CHECKING:
    import torch
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded network. ``identity``: what distinguishes its predictions from those of every other network.

    ``is_module``: the caller built it in this process, so that no other process can load it.
    """

    spec: ModelSpec
    classifier: Classifier
    labels: LabelList
    info: ModelInfo
    identity: Mapping[str, Any]
    load_seconds: float
    is_module: bool = False

    @property
    def input(self) -> InputSpec:
        """How images become its input."""
        return self.info.input

    def transform(self, image: Image.Image) -> torch.Tensor:
        """The network's input of one image, float32 (3, h, w): resized, cropped and normalised."""
        import numpy as np

        from imgcls.preprocessing import transforms

        crop = transforms.crop(self.input, image.convert("RGB"))
        return transforms.normalize(self.input, crop[np.newaxis])[0]

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """The logits (n, classes) of a float32 batch (n, 3, h, w), in host memory. Raises ModelError."""
        import torch

        from imgcls.models import inference

        return torch.from_numpy(inference.logits(self.classifier, self.info, batch))

    def prediction_key(self, decoding: str) -> str:
        """The hash of everything that a stored prediction depends on but the image's bytes."""
        return hashing.of_json({**self.identity, "decoding": decoding})
