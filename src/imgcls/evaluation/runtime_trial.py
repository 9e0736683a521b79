"""Compares a runtime with eager on a few images before it is used, and counts what faster scoring changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.errors import ImgclsError, ModelError, OutOfMemory, ran_out_of_memory
from imgcls.evaluation import agreement, inputs, metrics, pipeline, screening, two_precisions
from imgcls.evaluation.distinct import DistinctImages
from imgcls.models import inference, loader
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.preprocessing import decode, preprocess
from imgcls.preprocessing.preprocess import Crop, Preprocessing
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef
from imgcls.records.evaluation import Output
from imgcls.records.runtime import PredictionChange, RuntimeChoice, Screen, SpeedOption
from imgcls.system import devices

TRIAL_IMAGES = 8  # docs/decisions.md#images-of-a-trial
"""Images on which a runtime must agree with eager."""

DRIFT_IMAGES = 64  # docs/decisions.md#images-of-a-sample
"""Images on which the predictions are counted that precision and decoding change."""

REDUCED_PRECISION_FACTOR = 4  # docs/decisions.md#reduced-precision
"""A runtime in reduced precision may be this many times as far from float32 as eager's own outputs in it."""


class TrialResult(NamedTuple):
    """The outcome of a trial; ``repeatable``: another trial would have the same."""

    choice: RuntimeChoice
    model: Model
    repeatable: bool


class ScreenResult(NamedTuple):
    """The screen of ``precision = "auto"``, or why there is none; ``repeatable``: another sample would say the same."""

    screen: Screen | None
    why: str | None
    repeatable: bool


def run(
    model: Model,
    runtime: str,
    listed: int,
    images: DistinctImages,
    dataset: DatasetSpec,
    artefacts: Path | None,
) -> TrialResult:
    """Compare a runtime with eager on a few images of a dataset, and count what the model's options change on more.

    Raises ImgclsError where the model fails; where a runtime was requested by name, also where that is not available.
    """
    trial = _Trial(model, images, dataset)
    why, repeatable = None, bool(trial.crops)
    if runtime not in runtimes.UNCOMPILED:
        try:
            candidate = loader.with_runtime(model, runtime, artefacts)
            why = trial.disagreement(candidate)
        except ImgclsError as error:
            if model.spec.runtime != "auto":
                raise
            why, repeatable = str(error), False
        model = candidate if why is None else loader.with_runtime(model, "eager")
    reason = why and f"scored with eager, not {runtime}: {why}"
    return TrialResult(RuntimeChoice(model.info.runtime, listed, reason, trial.drifts(model)), model, repeatable)


def screened(
    exact: Model,
    images: DistinctImages,
    dataset: DatasetSpec,
    accepted: Mapping[str, Collection[int]],
    artefacts: Path | None,
) -> ScreenResult:
    """The screen of ``precision = "auto"``, measured on a few images of a dataset.

    Raises ImgclsError where the model fails in float32.
    """
    precision = two_precisions.reduced(exact.info)
    with decode.quiet_pillow(dataset.max_megapixels):
        crops = list(islice(_crops(images.spread(DRIFT_IMAGES), [exact.preprocessing], dataset.exif), DRIFT_IMAGES))
    if not crops or precision is None:
        return ScreenResult(None, 'precision = "auto" is float32 here: no image of a sample decodes', repeatable=False)
    batch = preprocess.batch(exact.input, [crop[exact.preprocessing] for _, crop in crops])
    sample = [image for image, _ in crops]
    try:
        reduced = _outputs(loader.scored_again(exact, precision, dataset.name, artefacts), batch, sample)
    except ImgclsError as error:
        is_lasting = isinstance(error, ModelError) and not isinstance(error, OutOfMemory)
        return ScreenResult(
            None,
            f'precision = "auto" is float32 here: in {precision} {error}',
            repeatable=is_lasting and not ran_out_of_memory(error),
        )
    right = [() if image.label is None else accepted.get(image.label, ()) for image in sample]
    screen = screening.measured(precision, reduced, _outputs(exact, batch, sample), right)
    why = two_precisions.objection(exact.info, screen)
    return ScreenResult(None if why else screen, why, repeatable=True)


def _outputs(model: Model, batch: torch.Tensor, images: Sequence[ImageRef]) -> list[Output]:
    return metrics.outputs(_logits(model, batch), np.zeros((len(images), 0), np.float32), images)


class _Trial:
    """A few images of a dataset, and the network in float32 on eager."""

    def __init__(self, model: Model, images: DistinctImages, dataset: DatasetSpec) -> None:
        self.exact = loader.as_float32(model)
        self.preprocessing = model.preprocessing
        preprocessings = list(dict.fromkeys([self.preprocessing, self.preprocessing._replace(decode="exact")]))
        size = DRIFT_IMAGES if model.has_speed_options else TRIAL_IMAGES
        with decode.quiet_pillow(dataset.max_megapixels):
            found = islice(_crops(images.spread(size), preprocessings, dataset.exif), size)
            self.crops = [crops for _, crops in found]

    def disagreement(self, candidate: Model) -> str | None:
        """How a runtime's outputs differ from eager's; in reduced precision they may, but not by more than eager's."""
        if not self.crops:
            pipeline.warm_up(candidate.classifier, candidate.info)  # it must at least compile
            return None
        batch = self._batch("exact")[:TRIAL_IMAGES]
        plain = _logits(self.exact, batch)
        if not np.isfinite(plain).all():
            return "its own logits are not finite"
        sensitivity = agreement.sensitivity(self.exact.classifier, self.exact.info, batch)[1]
        why = self._incomparable(plain, batch, sensitivity)
        devices.of(self.exact.info.device).empty_cache()  # docs/decisions.md#freed-memory
        return why or self._distance(candidate, plain, batch, sensitivity)

    def _incomparable(self, plain: NDArray[np.float32], batch: torch.Tensor, sensitivity: float) -> str | None:
        """Why nothing can be compared with eager's own outputs."""
        limit = agreement.allowed(sensitivity)
        if limit > agreement.MAX_TOLERANCE:  # docs/decisions.md#chaotic-networks
            return f"its own logits move by {sensitivity:.2g} standard deviations when its input moves by a millionth"
        first_only = np.concatenate([_logits(self.exact, batch[:1]), plain[1:]])
        depends = agreement.too_far(plain, first_only, limit)
        return "its output for an image depends on the other images of the batch" if depends else None

    def _distance(
        self, candidate: Model, plain: NDArray[np.float32], batch: torch.Tensor, sensitivity: float
    ) -> str | None:
        other, limit = _logits(candidate, batch), agreement.allowed(sensitivity)
        if candidate.info.precision == "float32":
            return agreement.disagreement(plain, other, limit)
        own = agreement.distance(plain, _logits(loader.with_runtime(candidate, "eager"), batch))
        if own == float("inf"):
            return f"eager's own logits are not finite in {candidate.info.precision}"
        return agreement.too_far(plain, other, max(limit, REDUCED_PRECISION_FACTOR * own))

    def drifts(self, model: Model) -> dict[SpeedOption, PredictionChange]:
        """What the model's precision and its decoding change, each by itself."""
        if not self.crops:
            return {}
        own = self._batch(self.preprocessing.decode)
        pairs: dict[SpeedOption, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        if model.info.precision != "float32":
            pairs["precision"] = _logits(self.exact, own), _logits(model, own)
        if self.preprocessing.decode == "fast":
            pairs["decode"] = _logits(model, self._batch("exact")), _logits(model, own)
        return {option: agreement.prediction_change(*pair) for option, pair in pairs.items() if np.isfinite(pair).all()}

    def _batch(self, decode: Literal["exact", "fast"]) -> torch.Tensor:
        preprocessing = self.preprocessing._replace(decode=decode)
        return preprocess.batch(preprocessing.input, [crop[preprocessing] for crop in self.crops])


def _logits(model: Model, batch: torch.Tensor) -> NDArray[np.float32]:
    return inference.logits(model.classifier, model.info, batch)


def _crops(
    images: Iterable[ImageRef], preprocessings: Sequence[Preprocessing], exif: Literal["ignore", "apply"]
) -> Iterator[tuple[ImageRef, Mapping[Preprocessing, Crop]]]:
    """All images that decode, in their order, and their crops."""
    for image in images:
        prepared = inputs.prepared_or_rejected(image, preprocessings, exif)
        if not isinstance(prepared, inputs.Rejected) and not prepared.undecodable:
            yield image, prepared.crops
