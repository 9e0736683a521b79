"""What a contract is tried on, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import extensions
from imgcls.contracts import samples
from imgcls.contracts.samples import Sample, Samples
from imgcls.models.model import Model
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.preprocessing import preprocess
from imgcls.records.config import Precision
from imgcls.records.data import ImageRef
from imgcls.records.evaluation import Status

COUNT = 5  # docs/decisions.md#images-of-a-contract
"""The number of images of a batch where a contract does not state another."""


class Finding(NamedTuple):
    """What a contract found; ``message``: with names and figures."""

    status: Status
    message: str


class Skipped(Exception):
    """This model or this machine cannot be tried; the text is the reason."""


class Subject:
    """A model and the images that a contract is tried on."""

    def __init__(
        self, model: Model, images: Sequence[ImageRef], exif: Literal["ignore", "apply"], budget: float | None
    ) -> None:
        self.model, self.images, self.exif, self.budget = model, images, exif, budget

    def samples(self, count: int = COUNT) -> Samples:
        """So many images: of the dataset, and synthetic ones where it has fewer."""
        return samples.of(self.images, count, self.exif, self.model.input.crop)

    def batch(self, items: Sequence[Sample]) -> torch.Tensor:
        """The network's input of these images, float32 (n, channels, h, w). Raises ModelError, Undecodable."""
        preprocessing = self.model.preprocessing
        crops = [preprocess.prepare(item.data, [preprocessing], self.exif).crops[preprocessing] for item in items]
        return preprocess.batch(self.model.input, crops)

    def logits(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """The logits (n, classes) of one batch as it is, neither split nor filled up. Raises ImgclsError."""
        return np.asarray(self.model.classifier.logits(batch), np.float32)

    def network(self) -> torch.nn.Module:
        """The network, where PyTorch computes it. Raises Skipped."""
        row = extensions.source(self.model.spec.architecture.source)
        module: Any = getattr(self.model.classifier, "module", None)
        if (row and row.runtime) or not isinstance(module, torch.nn.Module):
            raise Skipped(
                f"{self.model.spec.arch} is not a network of PyTorch's modules: {self.model.info.runtime} runs it"
            )
        return module

    @cached_property
    def eager(self) -> EagerClassifier:
        """The same network, module by module. Raises Skipped."""
        return EagerClassifier(self.network(), self.precision, self.model.info.device, self.model.spec.output)

    @property
    def precision(self) -> Precision:
        """That of the network's own tensors; a runtime that converts it takes them in float32."""
        return self.model.info.precision if self.model.info.runtime in {"eager", "compile", "cuda-graph"} else "float32"
