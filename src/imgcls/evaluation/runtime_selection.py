"""Chooses the runtime that scores a model on a dataset, by a rule that times nothing, and remembers the choice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgcls import hashing
from imgcls.errors import ConfigError, ImgclsError, MachineError
from imgcls.evaluation import plans, two_precisions
from imgcls.evaluation.distinct import DistinctImages
from imgcls.models import loader
from imgcls.models.identity import source_sha256
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.records.config import DatasetSpec
from imgcls.records.runtime import RuntimeChoice
from imgcls.store.database import Store
from imgcls.system import machine
from imgcls.system import versions as library_versions

CONVERSION_PAYS_PIXELS = 512 * 224 * 224  # docs/decisions.md#auto-counts-listed-pixels
"""Pixels in all the inputs of a dataset from which converting a network pays."""

# docs/decisions.md#choices-and-their-images
SOURCES = tuple(
    f"evaluation/{name}.py"
    for name in ("agreement", "distinct", "runtime_selection", "runtime_trial", "screening", "two_precisions")
)
"""Our own source that makes a choice: after a change of it, every choice is made anew."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a model is to be scored on.

    ``decoding``: the decoder, and what it does with Exif; ``listed``: the number of images, ``images``: those of
    different bytes, ``rejected``: those (by position) known to give this model no pixels; ``artefacts``: a folder
    for what compiling leaves. ``planned``: what a plan chose. ``is_whole``: whether ``images`` are all of the dataset,
    and not those of one shard, on which a trial may come to something else. ``accepted``: the classes that are right
    for each label.
    """

    dataset: DatasetSpec
    decoding: str
    listed: int
    images: DistinctImages
    rejected: Collection[int]
    artefacts: Path | None
    planned: RuntimeChoice | None = None
    is_whole: bool = True
    accepted: Mapping[str, Collection[int]] = field(default_factory=dict)


def choose(model: Model, task: Task, store: Store) -> tuple[RuntimeChoice, Model]:
    """The runtime and the model in it: as planned, as chosen before for these images, or by rule and trial.

    Raises ImgclsError.
    """
    about = key(model, task.dataset, task.decoding)
    if task.planned:
        _require_precision(model, task.planned)
        store.put_choice(about, task.planned)
        return task.planned, _as_planned(model, task.planned, task, store)
    known = store.choice(about) if task.is_whole else None
    if known and task.listed <= known.listed:
        if not task.images.has_others(known.smallest):
            return _as_remembered(model, known, task, store)
        task = replace(task, listed=known.listed)  # by number it is the set that it was; what was measured is of others
    choice, model, repeatable = _tried(model, requested_runtime(model, task.listed), task)
    if repeatable and task.is_whole:
        choice = replace(choice, smallest=task.images.smallest())
        store.put_choice(about, choice)
    return choice, model


def _as_remembered(model: Model, known: RuntimeChoice, task: Task, store: Store) -> tuple[RuntimeChoice, Model]:
    """The model as it was scored before, or in eager where that does not work any more. Raises ImgclsError."""
    ready = with_runtime(model, known.runtime, task.artefacts)
    unusable = _unusable(ready, known, task, store)
    if unusable is None:
        return known, ready
    choice, model, _ = _tried(model, "eager", task)
    return _for_reasons(choice, f"scored with eager, not {known.runtime}: {unusable}", choice.why), model


def _require_precision(model: Model, planned: RuntimeChoice) -> None:
    """Raise ConfigError where a plan has two precisions, and the configuration one."""
    if planned.screen and model.spec.precision != "auto":
        raise ConfigError(
            f'[models.{model.spec.name}] precision is "{model.spec.precision}", and the plan has "auto", which scores '
            f"most images in {planned.screen.precision}: write the plan again with {plans.WAY}"
        )


def _as_planned(model: Model, planned: RuntimeChoice, task: Task, store: Store) -> Model:
    """The model in the runtime of a plan. Raises MachineError where it does not work here."""
    ready = with_runtime(model, planned.runtime, task.artefacts)
    if error := _unusable(ready, planned, task, store):
        raise MachineError(f"the plan names {planned.runtime}, which does not work here: {error}")
    return ready


def requested_runtime(model: Model, listed: int) -> str:
    """The configured runtime, or, where that is ``auto``, what suits this number of images."""
    spec, info = model.spec, model.info
    if not runtimes.is_automatic(spec):
        return runtimes.requested(spec)
    height, width = info.input.crop
    pays = listed * height * width >= CONVERSION_PAYS_PIXELS
    return "openvino" if pays and info.device == "cpu" and library_versions.has_library("openvino") else "eager"


def key(model: Model, dataset: DatasetSpec, decoding: str) -> str:
    """A hash of everything that a choice depends on."""
    versions = {
        name: version
        for runtime in library_versions.RUNTIME_LIBRARIES
        for name, version in library_versions.of_runtime(runtime).items()
    }
    circumstances = {
        "choosing_sha256": source_sha256(*SOURCES),
        "dataset": [dataset.name, str(dataset.path)],
        "decoding": decoding,
        "requested": [model.spec.runtime, model.spec.precision],
        "cpu": machine.vectors(),
        "gpu": machine.gpu(model.info.device),
        **versions,
    }
    return hashing.of_json({**model.identity, **circumstances})


def _tried(model: Model, runtime: str, task: Task) -> tuple[RuntimeChoice, Model, bool]:
    """The model in a runtime, after a trial where there is anything to try, see :mod:`.runtime_trial`.

    Raises ImgclsError.
    """
    if runtime in runtimes.UNCOMPILED and not model.has_speed_options:
        choice, repeatable = RuntimeChoice(runtime, task.listed), True
        model = with_runtime(model, runtime, task.artefacts)
    else:
        from imgcls.evaluation import runtime_trial  # which imports torch

        choice, model, repeatable = runtime_trial.run(
            model, runtime, task.listed, task.images, task.dataset, task.artefacts
        )
    if model.spec.precision == "auto":
        choice, is_screening_repeatable = _screened(choice, model, task)
        repeatable = repeatable and is_screening_repeatable
    return choice, model, repeatable


def _screened(choice: RuntimeChoice, model: Model, task: Task) -> tuple[RuntimeChoice, bool]:
    """The choice with a screen, or why everything is scored in float32, and whether it would be so again.

    Raises ImgclsError.
    """
    if why := two_precisions.obstacle(model, task.listed, has_labels=bool(task.accepted)):
        return _for_reasons(choice, choice.why, why), True
    from imgcls.evaluation import runtime_trial

    screen, why, repeatable = runtime_trial.screened(model, task.images, task.dataset, task.accepted, task.artefacts)
    return replace(_for_reasons(choice, choice.why, why), screen=screen), repeatable


def _for_reasons(choice: RuntimeChoice, *reasons: str | None) -> RuntimeChoice:
    return replace(choice, why="; ".join(reason for reason in reasons if reason) or None)


def scored_first(exact: Model, choice: RuntimeChoice, dataset: str, artefacts: Path | None) -> Model:
    """The model that scores every image of a dataset: this one, unless a reduced precision comes first."""
    return loader.scored_again(exact, choice.screen.precision, dataset, artefacts) if choice.screen else exact


def with_runtime(model: Model, runtime: str, artefacts: Path | None) -> Model:
    """The model as a pass runs it: in the pool, a model that is compiled is for one worker."""
    is_ready = model.info.runtime == runtime and runtime in runtimes.UNCOMPILED - runtimes.SHARED
    return model if is_ready else loader.with_runtime(model, runtime, artefacts)


def _unusable(exact: Model, choice: RuntimeChoice, task: Task, store: Store) -> ImgclsError | None:
    """Why a remembered runtime does not work any more, where the choice is ours and predictions are missing."""
    model = scored_first(exact, choice, task.dataset.name, task.artefacts)
    is_ours = model.spec.runtime == "auto" and model.info.runtime not in runtimes.UNCOMPILED
    if is_ours and task.images.missing(store, model.prediction_key(task.decoding), task.rejected).any():
        from imgcls.evaluation import pipeline  # which imports torch

        try:
            pipeline.warm_up(model.classifier, model.info)
        except ImgclsError as error:
            return error
    return None
