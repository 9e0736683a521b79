"""One epoch: every training image once, then the metrics of the validation split."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from imgcls.errors import ModelError
from imgcls.training.config import TrainingConfig, learning_rate
from imgcls.training.dataloader import Loader
from imgcls.training.history import Epoch, SplitMetrics
from imgcls.training.learner import Learner, Logits, Targets


def run(
    learner: Learner, loader: Loader, config: TrainingConfig, number: int, progress: Callable[[int, int], object]
) -> Epoch:
    """Epoch ``number``, counted from 1. ``progress``: gets the images trained on so far and in all epochs.

    Raises ModelError where the loss is not finite.
    """
    started = time.perf_counter()
    train, rate = _trained(learner, loader, config, number, progress)
    images_per_second = len(loader.split.train) / (time.perf_counter() - started)
    validation = _validated(learner, loader, config, number)
    return Epoch(number, rate, train, validation, images_per_second, time.perf_counter() - started)


def _trained(
    learner: Learner, loader: Loader, config: TrainingConfig, number: int, progress: Callable[[int, int], object]
) -> tuple[SplitMetrics, float]:
    """The metrics of the training split, and the last learning rate."""
    tally, per_epoch, rate = _Tally(len(loader.split.classes)), len(loader.split.train), 0.0
    for step, (images, targets) in enumerate(loader.train_batches(number)):
        rate = learning_rate(config, (number - 1) * loader.steps + step, loader.steps)
        loss, logits = learner.train_step(images, targets, rate)
        _require_finite(loss, f"epoch {number}, batch {step + 1} of {loader.steps}", config)
        tally.add(loss, logits, targets)
        progress((number - 1) * per_epoch + tally.count, config.epochs * per_epoch)
    return tally.metrics(), rate


def _validated(learner: Learner, loader: Loader, config: TrainingConfig, number: int) -> SplitMetrics:
    tally = _Tally(len(loader.split.classes))
    for images, targets in loader.validation_batches():
        logits = learner.predict(images)
        loss = _cross_entropy(logits, targets)
        _require_finite(loss, f"epoch {number}, on the validation images", config)
        tally.add(loss, logits, targets)
    return tally.metrics()


def _require_finite(loss: float, where: str, config: TrainingConfig) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"the loss is {loss} in {where} (seed {config.seed}, learning rate {config.learning_rate}); "
            f"try a lower --lr, {'--clip-norm 1, ' if config.array == 'torch' else ''}another --seed, or an input mean "
            "and std nearer to those of the images"
        )


def _cross_entropy(logits: Logits, targets: Targets) -> float:
    """The mean of ``logsumexp(logits) - logits[target]``, in float64."""
    from scipy.special import logsumexp

    values = logits.astype(np.float64)
    return float(np.mean(logsumexp(values, axis=1) - values[np.arange(len(targets)), targets]))


@dataclass(slots=True)
class _Tally:
    """The sum of the batches of one split. ``losses``: of each batch, times its images."""

    classes: int
    losses: float = 0.0
    predicted: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.targets)

    def add(self, loss: float, logits: Logits, targets: Targets) -> None:
        self.losses += loss * len(targets)
        self.predicted += logits.argmax(axis=1).tolist()
        self.targets += targets.tolist()

    def metrics(self) -> SplitMetrics:
        from sklearn.metrics import f1_score

        macro = f1_score(self.targets, self.predicted, labels=range(self.classes), average="macro", zero_division=0)
        correct = sum(predicted == target for predicted, target in zip(self.predicted, self.targets, strict=True))
        return SplitMetrics(self.losses / self.count, correct / self.count, float(macro))
