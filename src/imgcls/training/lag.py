"""Why a validation lags behind its training: running statistics of batch norms that have followed few steps."""

from __future__ import annotations

import math

from imgcls.records.config import ModelSpec, RandomWeights
from imgcls.stats import proportions
from imgcls.training.history import Epoch
from imgcls.training.run_folder import RunFolder

LEFT = 0.01  # docs/decisions.md#statistics-of-few-steps
"""The share of their first values in running statistics from which on these may be why a validation lags."""


def remark(spec: ModelSpec, run: RunFolder, steps_per_epoch: int) -> str | None:
    """What to do where the last epoch's validation lags and batch norms may be why; None otherwise.

    Statistics that begin with those of trained weights are not wrong from the start.
    """
    momentum, last, classes = run.learner.norm_momentum(), run.history[-1], len(run.split.classes)
    if momentum is None or not (spec.weights is None or isinstance(spec.weights_source, RandomWeights)):
        return None
    steps = steps_per_epoch * len(run.history)
    left = (1 - momentum) ** steps
    if left < LEFT or not is_behind(last, len(run.split.validation), classes):
        return None
    enough = math.ceil(math.log(LEFT) / math.log(1 - momentum))
    return (
        f"why validation lags (top1 {100 * last.validation.top1:.1f} %, in training {100 * last.train.top1:.1f} %, by "
        f"chance {100 / classes:.1f} %): batch norms validate with running statistics, of which {100 * left:.0f} % "
        f"are still first values after {steps} steps in all; {enough} steps are enough: --epochs "
        f"{math.ceil(enough / steps_per_epoch)}, or a smaller --batch-size than {run.config.batch_size}"
        f"{', or trained --weights with --freeze-batch-norm' if run.config.array == 'torch' else ''}"
    )


def is_behind(epoch: Epoch, images: int, classes: int) -> bool:
    """Whether top-1 of this number of validation images is below the training's, or not above chance (95 % Wilson)."""
    interval = proportions.wilson(round(epoch.validation.top1 * images), images)
    return interval.high < epoch.train.top1 or interval.low <= 1 / classes
