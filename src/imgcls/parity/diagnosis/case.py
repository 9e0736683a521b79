"""One reference, one export and a sample of both, with what every search for a reason needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.messages import one_line
from imgcls.models import inference
from imgcls.parity.diagnosis import alignment, replay, rounding, trace, tracers
from imgcls.parity.diagnosis import logits as of_logits
from imgcls.parity.diagnosis.alignment import Match
from imgcls.parity.diagnosis.trace import Operation, Tracer
from imgcls.parity.diagnosis.trace_torch import Edit, TorchTracer
from imgcls.parity.sample import Sample

if TYPE_CHECKING:
    from imgcls.models.model import Model

# docs/decisions.md#explained-enough
ENOUGH = 0.9
"""The share of a distance that is explained well enough to look no further."""

WORTH_NAMING = 0.5
"""The share from which something that was tried is a reason."""

# docs/decisions.md#rounding-of-exports
EXACT, COARSE = 1e-4, 1e-2
"""The distance of logits, in standard deviations, that rounding explains at least: of float32, and of int8."""

NOISE, MARGIN = 1e-6, 30.0
WALKED = 4  # docs/decisions.md#which-layer


@dataclass
class Case:
    """What is held against each other. ``tracer``: what shows the export's steps, None where nothing does."""

    reference: Model
    export: Model
    sample: Sample

    unseen: str | None = None
    """Why the export's steps cannot be seen, once that was tried."""

    @cached_property
    def tracer(self) -> Tracer | None:
        """See :mod:`imgcls.parity.diagnosis.tracers`."""
        try:
            tracer = tracers.of(self.export)
        except Exception as error:  # noqa: BLE001 - of the libraries that read the file
            self.unseen = one_line(error)[:200]
            return None
        if tracer is None:
            self.unseen = f"{self.export.spec.architecture.source} shows none"
        return tracer

    @property
    def precision(self) -> str:
        """The narrowest type of the export's weights."""
        return self.tracer.precision if self.tracer else self.export.info.precision

    @cached_property
    def images(self) -> int:
        """On how many images inputs are tried: one batch of the export."""
        return min(len(self.sample.batch), inference.batch_size(self.export.info))

    @cached_property
    def walked(self) -> int:
        """On how many images steps are seen: as many as the export takes at once, and not too many to keep."""
        return self.tracer.batch_size or min(WALKED, self.images) if self.tracer else 0

    def is_rounding(self, logits: NDArray[np.floating]) -> bool:
        """Whether rounding explains how far logits of the whole sample are from the reference's."""
        if logits.shape != self.sample.reference.shape:
            return False
        apart = of_logits.relative(logits, self.sample.reference)
        return apart <= EXACT or apart <= self.tolerance

    @cached_property
    def tolerance(self) -> float:
        """How far from the reference's logits, in standard deviations, rounding explains others."""
        least = COARSE if self.precision == "int8" else EXACT
        return max(least, MARGIN * self._moved_by_noise, self._moved_by_type)

    @property
    def _moved_by_type(self) -> float:
        """How far the type of the file's weights moves the reference's logits; 0 where it is not a narrow one."""
        edit = rounding.edit(self.precision)
        if edit is None:
            return 0.0
        exact = self.sample.reference[: self.images]
        apart = of_logits.relative(replay.logits(self.reference, self.sample.batch[: self.images], edit), exact)
        return rounding.FACTOR * apart if np.isfinite(apart) else 0.0

    @property
    def _moved_by_noise(self) -> float:
        """How far a relative change of the input by a millionth moves the reference's logits."""
        batch = self.sample.batch[: self.images]
        noise = 1 + NOISE * torch.randn(batch.shape, generator=torch.Generator().manual_seed(0))
        exact = self.sample.reference[: self.images]
        return of_logits.relative(replay.logits(self.reference, batch * noise), exact)

    def explained(self, logits: NDArray[np.floating]) -> float:
        """The share of the distance that is gone with these logits of the first images for the export's."""
        exact = self.sample.reference[: len(logits)]
        before = of_logits.relative(self.sample.export[: len(logits)], exact)
        return of_logits.explained(before, of_logits.relative(logits, exact))

    def shown(self, edit: Edit) -> float:
        """The share of the distance that is gone where the reference computes some steps as the export may."""
        edited = replay.logits(self.reference, self.walked_batch, edit)[: len(self.sample.batch)]
        exact, own = (logits[: len(edited)] for logits in (self.sample.reference, self.sample.export))
        before = of_logits.relative(own, exact)
        return of_logits.explained(before, of_logits.relative(own, edited))

    def lost(self, without: NDArray[np.floating]) -> int | None:
        """How many of the sample's images more are predicted wrong than by these logits of the first of them."""
        sample = self.sample
        if not any(sample.accepted) or sample.export.shape[1] != sample.reference.shape[1]:
            return None
        rest = sample.reference[len(without) :]
        return of_logits.top1_lost(sample.export, np.concatenate([without, rest]), sample.accepted)

    @cached_property
    def steps(self) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
        """Those of the reference and of the export, each for its own batch of the same images."""
        if self.tracer is None:
            return (), ()
        exported = _filled(self.sample.export_batch, self.walked)
        reference = TorchTracer(self.reference.classifier.module)
        try:
            steps = self.tracer.operations(exported.numpy())
        except Exception as error:  # noqa: BLE001 - of the library that runs the file
            self.unseen = one_line(error)[:200]
            return (), ()
        return reference.operations(self.walked_batch.numpy()), steps

    @cached_property
    def matches(self) -> tuple[Match, ...]:
        """Every step of the reference with the export's counterpart."""
        reference, export = self.steps
        return alignment.matches(reference, export, self._rounding_of(reference))

    def _rounding_of(self, steps: Sequence[Operation]) -> dict[Any, float]:
        """How far the type of the file's weights moves the output of each of the reference's steps."""
        edit = rounding.edit(self.precision)
        if edit is None or not steps:
            return {}
        rounded = TorchTracer(self.reference.classifier.module).operations(self.walked_batch.numpy(), edit)
        apart = {step.key: trace.error(own.values, step.values) for step, own in zip(steps, rounded, strict=True)}
        return {key: rounding.FACTOR * error for key, error in apart.items() if np.isfinite(error)}

    @property
    def walked_batch(self) -> torch.Tensor:
        """The reference's batch whose steps are seen."""
        return _filled(self.sample.batch, self.walked)


def _filled(batch: torch.Tensor, size: int) -> torch.Tensor:
    """So many images, the first one again where there are fewer."""
    images = batch[:size]
    lacking = size - len(images)
    return torch.cat([images, images[:1].expand(lacking, -1, -1, -1)]) if lacking else images
