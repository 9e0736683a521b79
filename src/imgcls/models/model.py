"""A network with all that is known of it, loaded or to be loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgcls import hashing
from imgcls.models.runtimes.base import Classifier
from imgcls.preprocessing import preprocess
from imgcls.preprocessing.own_input import OwnPreprocessing
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo

if TYPE_CHECKING:
    import torch
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Model:
    """A network. ``identity``: what distinguishes its predictions from those of every other network.

    ``load``: its classifier, which is built at the first call; ``is_loaded``: the network is in memory already.
    ``labels``: its classes; no names where nothing states them, or where they are the folders of a dataset.
    ``own``: its own preprocessing, where it has one. ``is_module``: the caller built it in this process, so that no
    other process can load it. ``outputs``: the number of its logits, where its layers state it.
    """

    spec: ModelSpec
    load: Callable[[], Classifier]
    labels: LabelList
    info: ModelInfo
    identity: Mapping[str, Any]
    load_seconds: float
    is_module: bool = False
    own: OwnPreprocessing | None = None
    is_loaded: bool = True
    outputs: int | None = None

    @property
    def classifier(self) -> Classifier:
        """What computes its logits. Raises what loading it raises."""
        return self.load()

    @property
    def has_speed_options(self) -> bool:
        """Whether something is configured that makes scoring faster and may change predictions."""
        return self.spec.decode == "fast" or self.info.precision != "float32"

    @property
    def input(self) -> InputSpec:
        """How images become its input."""
        return self.info.input

    def transform(self, image: Image.Image) -> torch.Tensor:
        """The network's input of one image, float32 (channels, h, w): resized, cropped and normalised."""
        return preprocess.batch(self.input, [self.preprocessing.crop(image.convert("RGB"))])[0]

    @property
    def preprocessing(self) -> Preprocessing:
        """The way from an image's bytes to its input, with the decoding that the configuration names."""
        return Preprocessing(self.input, self.spec.decode, self.own)

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """The logits (n, classes) of a float32 batch (n, channels, h, w), in host memory. Raises ModelError."""
        import torch

        from imgcls.models import inference

        return torch.from_numpy(inference.logits(self.classifier, self.info, batch))

    def key_parts(self, decoding: str) -> Mapping[str, Any]:
        """Everything that a stored prediction depends on but the image's bytes, by name."""
        return {**self.identity, "decoding": decoding}

    def prediction_key(self, decoding: str) -> str:
        """The hash of :meth:`key_parts`."""
        return hashing.of_json(self.key_parts(decoding))
