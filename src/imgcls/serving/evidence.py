"""What was served, image by image, and how far steps are from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

from imgcls.evaluation import metrics
from imgcls.models import inference
from imgcls.models.model import Model
from imgcls.serving.images import CheckImage
from imgcls.serving.pipeline import Pipeline
from imgcls.serving.resizing import Values
from imgcls.serving.steps import Steps

Probabilities = npt.NDArray[np.float64]

ROUNDED = 1.02  # docs/decisions.md#when-a-preprocessing-is-the-same
"""Levels of 8 bits that rounding in another order explains."""

OUTLIERS = 0.001  # docs/decisions.md#when-a-preprocessing-is-the-same
"""The share of values that may be farther apart than that."""

REPORTED = 0.001  # docs/decisions.md#when-a-service-is-the-same
"""What a service's rounding of its probabilities explains."""

ScoreScale = Literal["probabilities", "percent", "logits"]


class Served(NamedTuple):
    """The classes that a service returned for an image, by number, and their scores, where it returns any."""

    classes: tuple[int, ...]
    scores: tuple[float, ...] | None

    @property
    def best(self) -> int:
        """The class that it predicts."""
        return self.classes[int(np.argmax(self.scores)) if self.scores else 0]


class Network:
    """Tensors and predictions of a network for any steps, each computed once."""

    def __init__(self, model: Model, images: Sequence[CheckImage]) -> None:
        self.model, self.images = model, images
        self.pipeline = Pipeline()
        self._logits: dict[tuple[Steps, int], npt.NDArray[np.float32]] = {}

    def tensor(self, steps: Steps, image: int) -> Values:
        """The network's input of an image, (channels, h, w)."""
        return self.pipeline.tensor(self.images[image], steps)

    def logits(self, steps: Steps, images: Sequence[int]) -> npt.NDArray[np.float32]:
        """Of these images, (n, classes)."""
        cut = _without_output(steps)
        if missing := [image for image in images if (cut, image) not in self._logits]:
            batch = np.stack([self.tensor(cut, image) for image in missing])
            for image, row in zip(missing, self.run(batch), strict=True):
                self._logits[cut, image] = row
        return np.stack([self._logits[cut, image] for image in images])

    def run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The logits (n, classes) of a batch (n, channels, h, w)."""
        size = inference.batch_size(self.model.info)
        batches = (np.ascontiguousarray(batch[start : start + size]) for start in range(0, len(batch), size))
        return np.concatenate([self.model.classifier.logits(torch.from_numpy(part)) for part in batches])

    def probabilities(self, steps: Steps, images: Sequence[int]) -> Probabilities:
        """What a service with these steps would return, (n, classes)."""
        logits = self.logits(steps, images)
        values = special.expit(logits.astype(np.float64)) if steps.output == "sigmoid" else metrics.softmax(logits)
        if steps.output == "softmax twice":
            values = metrics.softmax(values)
        return np.roll(values, steps.label_shift, axis=1)


def _without_output(steps: Steps) -> Steps:
    """The steps up to the logits."""
    return replace(steps, output="softmax", label_shift=0)


class FunctionEvidence:
    """The tensors of a function, by the number of the image."""

    def __init__(self, network: Network, steps: Steps, tensors: Mapping[int, Values]) -> None:
        self.network, self.tensors = network, tensors
        self._std = {image: float(network.tensor(steps, image).std()) or 1.0 for image in tensors}
        self._level = {image: _level(steps, network.tensor(steps, image)) for image in tensors}
        self._known: dict[tuple[Steps, int], float] = {}

    def residual(self, steps: Steps, images: Sequence[int]) -> float:
        """The mean over the images of :meth:`distance`."""
        return float(np.mean([self.distance(steps, image) for image in images]))

    def distance(self, steps: Steps, image: int) -> float:
        """The mean absolute difference in standard deviations of the reference's tensor."""
        if (steps, image) not in self._known:
            apart = np.abs(self.tensors[image] - self.network.tensor(steps, image)).mean()
            self._known[steps, image] = float(apart) / self._std[image]
        return self._known[steps, image]

    def is_same(self, steps: Steps, images: Sequence[int]) -> bool:
        """Whether of each image all values but a few are within one level of 8 bits."""
        return all(self._is_same(steps, image) for image in images)

    def _is_same(self, steps: Steps, image: int) -> bool:
        if self.distance(steps, image) == 0:
            return True
        levels = np.abs(self.tensors[image] - self.network.tensor(steps, image)) / self._level[image]
        return bool(np.mean(levels > ROUNDED) <= OUTLIERS)


def _level(steps: Steps, tensor: Values) -> Values:
    """What one level of 8 bits is in the network's input, (channels, 1, 1)."""
    if steps.own is None:
        return (np.float32(1 / 255) / np.array(steps.std, np.float32)).reshape(-1, 1, 1)
    return np.full((len(tensor), 1, 1), np.ptp(tensor) / 255, np.float32)


class ServiceEvidence:
    """The predictions of a service, by the number of the image."""

    def __init__(self, network: Network, steps: Steps, served: Mapping[int, Served]) -> None:
        self.network, self.served = network, served
        self.scale: ScoreScale = "probabilities"
        self.scale = min(_scales(served), key=lambda scale: self._residual_of(scale, steps))
        self._tolerance = self._sensitivities(steps)

    def residual(self, steps: Steps, images: Sequence[int]) -> float:
        """The mean over the images of all differences of the probabilities that were served."""
        rows = self.network.probabilities(steps, images)
        return float(np.mean([self._apart(row, image).sum() for row, image in zip(rows, images, strict=True)]))

    def distance(self, steps: Steps, image: int) -> float:
        """The largest difference of a probability that was served."""
        return float(self._apart(self.network.probabilities(steps, [image])[0], image).max())

    def is_same(self, steps: Steps, images: Sequence[int]) -> bool:
        """Whether rounding of bytes explains each probability, and the class that is predicted is among the best."""
        rows = self.network.probabilities(steps, images)
        return all(self._is_same(row, image) for row, image in zip(rows, images, strict=True))

    def _is_same(self, row: Probabilities, image: int) -> bool:
        tolerance, served = self._tolerance[image], self.served[image]
        is_best = row.max() - row[served.best] <= 2 * tolerance
        return bool(is_best and (served.scores is None or self._apart(row, image).max() <= tolerance))

    def _apart(self, row: Probabilities, image: int) -> Probabilities:
        served = self.served[image]
        classes = np.array(served.classes)
        if served.scores is None:  # what is lost by each place in the order
            values, expected = np.sort(row)[::-1][: len(classes)], row[classes]
        elif self.scale == "logits":
            values, expected = metrics.softmax(np.array(served.scores)), row[classes] / row[classes].sum()
        else:
            values, expected = np.array(served.scores) / (100 if self.scale == "percent" else 1), row[classes]
        return np.asarray(np.abs(values - expected), np.float64)

    def _residual_of(self, scale: ScoreScale, steps: Steps) -> float:
        self.scale = scale
        return self.residual(steps, list(self.served))

    def _sensitivities(self, steps: Steps) -> dict[int, float]:
        """How far a probability moves where each byte may be one level off, by image."""
        images = list(self.served)
        moved = metrics.softmax(self.network.run(np.stack([self._noisy(steps, image) for image in images])))
        apart = np.abs(moved - self.network.probabilities(steps, images)).max(axis=1)
        return {image: max(REPORTED, float(value)) for image, value in zip(images, apart, strict=True)}

    def _noisy(self, steps: Steps, image: int) -> Values:
        tensor = self.network.tensor(steps, image)
        noise = np.random.default_rng(image).integers(-1, 2, tensor.shape).astype(np.float32)
        return np.asarray(tensor + noise * _level(steps, tensor), np.float32)


def _scales(served: Mapping[int, Served]) -> list[ScoreScale]:
    """What the scores may be, by the range that they are in."""
    rows = [row.scores for row in served.values() if row.scores]
    low, high = (min(map(min, rows)), max(map(max, rows))) if rows else (0.0, 1.0)
    if low >= 0 and high <= 1 + REPORTED:
        return ["probabilities"]
    if low >= 0 and max(map(sum, rows)) <= 100 * (1 + REPORTED):
        return ["percent", "logits"]
    return ["logits"]
