"""With which runtime a model is scored on a data set, and what its levers of speed cost in answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import agreement, asking, digest, machine, models, pipeline, pixels, preprocess, runtimes
from imgcls.errors import ImgclsError
from imgcls.models import Model
from imgcls.pipeline import Recipe
from imgcls.records import Choice, DatasetSpec, Drift, ImageRef, Lever

ENOUGH = 512 * 224 * 224
"""Pixels in all the inputs of a data set from which converting a network pays."""

TRIED = 8
"""Pictures on which a runtime must agree with eager."""

SAMPLE = 64
"""Pictures on which the answers are counted that precision and decoding change."""

REDUCED = 4
"""A reduced precision may be so many times as far from float32 as eager's own."""


def wanted(model: Model, listed: int) -> str:
    """The runtime that is asked for, or, where that is left to us, what suits so many pictures."""
    spec, facts = model.spec, model.facts
    if spec.runtime != "auto" or spec.arch.startswith("reference:"):
        return runtimes.of(spec)
    height, width = facts.input.crop
    pays = listed * height * width >= ENOUGH
    return "openvino" if pays and facts.device == "cpu" and runtimes.installed("openvino") else "eager"


def needs_trial(model: Model, runtime: str) -> bool:
    """Whether there is anything to try: a runtime that compiles, or a lever that changes answers."""
    return runtime not in runtimes.PLAIN or model.spec.decode == "fast" or model.facts.precision != "float32"


def key(model: Model, dataset: DatasetSpec, decoding: str) -> str:
    """What a remembered choice is about."""
    versions = {name: version for runtime in runtimes.LIBRARIES for name, version in runtimes.version(runtime).items()}
    asked = {
        "dataset": [dataset.name, str(dataset.path)],
        "decoding": decoding,
        "asked": model.spec.runtime,
        "cpu": machine.vectors(),
        "gpu": machine.gpu(model.facts.device),
        **versions,
    }
    return digest.of_json({**model.identity, **asked})


class Tried(NamedTuple):
    """What a trial came to; ``lasting``: it would come to the same again."""

    choice: Choice
    model: Model
    lasting: bool


def tried(
    model: Model,
    runtime: str,
    listed: int,
    files: Sequence[ImageRef],
    exif: Literal["ignore", "apply"],
    artefacts: Path | None,
) -> Tried:
    """Hold a runtime against eager on a few of these files, and count what the levers change on more.

    Raises ImgclsError where the model cannot be asked; where a runtime was asked for by name, also where that is not
    to be had.
    """
    trial = _Trial(model, files, exif)
    why, lasting = None, bool(trial.crops)
    if runtime not in runtimes.PLAIN:
        try:
            candidate = models.under(model, runtime, artefacts)
            pipeline.warm_up(candidate.classifier, candidate.facts)  # else it would be compiled for few pictures, too
            why = trial.disagreement(candidate)
        except ImgclsError as error:
            if model.spec.runtime != "auto":
                raise
            why, lasting = str(error), False
        model = candidate if why is None else models.under(model, "eager")
    reason = why and f"scored with eager, not {runtime}: {why}"
    return Tried(Choice(model.facts.runtime, listed, reason, trial.drifts(model)), model, lasting)


class _Trial:
    """A few pictures of a data set, and what the network says of them in float32 on eager."""

    def __init__(self, model: Model, files: Sequence[ImageRef], exif: Literal["ignore", "apply"]) -> None:
        self.exact = models.exact(model)
        self.recipe = Recipe(model.facts.input, model.spec.decode)
        recipes = list(dict.fromkeys([self.recipe, Recipe(model.facts.input, "exact")]))
        has_levers = model.spec.decode == "fast" or model.facts.precision != "float32"
        self.crops = list(_prepared(files, recipes, exif, SAMPLE if has_levers else TRIED))

    def disagreement(self, candidate: Model) -> str | None:
        """In what a runtime's answers differ from eager's; reduced precision differs in any case, but not by more."""
        if not self.crops:
            return None
        batch = self._batch("exact")[:TRIED]
        plain = self._logits(self.exact, batch)
        if not np.isfinite(plain).all():
            return "its own logits are not finite"
        sensitivity = asking.measured(self.exact.classifier, self.exact.facts, batch)[1]
        return self._no_measure(plain, batch, sensitivity) or self._apart(candidate, plain, batch, sensitivity)

    def _no_measure(self, plain: NDArray[np.float32], batch: torch.Tensor, sensitivity: float) -> str | None:
        """Why eager's own answers are nothing to hold others against."""
        limit = agreement.allowed(sensitivity)
        if limit > agreement.MOST:
            return f"its own logits move by {sensitivity:.2g} standard deviations when its input moves by a millionth"
        alone = np.concatenate([self._logits(self.exact, batch[:1]), plain[1:]])
        depends = agreement.too_far(plain, alone, limit)
        return "what it says of a picture depends on the pictures beside it" if depends else None

    def _apart(
        self, candidate: Model, plain: NDArray[np.float32], batch: torch.Tensor, sensitivity: float
    ) -> str | None:
        other, limit = self._logits(candidate, batch), agreement.allowed(sensitivity)
        if candidate.facts.precision == "float32":
            return agreement.disagreement(plain, other, limit)
        own = agreement.distance(plain, self._logits(models.under(candidate, "eager"), batch))
        if own == float("inf"):
            return f"eager's own logits are not finite in {candidate.facts.precision}"
        return agreement.too_far(plain, other, max(limit, REDUCED * own))

    def drifts(self, model: Model) -> dict[Lever, Drift]:
        """What the model's precision and its decoding change, each alone."""
        if not self.crops:
            return {}
        own = self._batch(self.recipe.decode)
        pairs: dict[Lever, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        if model.facts.precision != "float32":
            pairs["precision"] = self._logits(self.exact, own), self._logits(model, own)
        if self.recipe.decode == "fast":
            pairs["decode"] = self._logits(model, self._batch("exact")), self._logits(model, own)
        return {lever: agreement.drift(*pair) for lever, pair in pairs.items() if np.isfinite(pair).all()}

    def _batch(self, decode: Literal["exact", "fast"]) -> torch.Tensor:
        recipe = self.recipe._replace(decode=decode)
        return preprocess.normalize(recipe.input, np.stack([crop[recipe] for crop in self.crops]))

    def _logits(self, model: Model, batch: torch.Tensor) -> NDArray[np.float32]:
        return asking.logits(model.classifier, model.facts, batch)


def _prepared(
    files: Sequence[ImageRef], recipes: Sequence[Recipe], exif: Literal["ignore", "apply"], count: int
) -> Any:
    """The crops of so many pictures, spread evenly over the files, or of as many as there are that decode."""
    found = 0
    with pixels.quiet_pillow():
        for image in spread(files, count):
            prepared = pipeline.prepared_or_rejected(image, recipes, exif)
            if not isinstance(prepared, pipeline.Rejected):
                found += 1
                yield prepared
            if found == count:
                return


def spread(files: Sequence[ImageRef], count: int) -> list[ImageRef]:
    """All files, those first that are spread evenly over them, ``count`` at a time."""
    strides = max(1, len(files) // count)
    return [file for start in range(strides) for file in files[start::strides]]
