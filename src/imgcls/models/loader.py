"""From a :class:`ModelSpec` to a network that is ready to run."""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from imgcls import hashing
from imgcls.errors import ConfigError, ImgclsError, ModelError
from imgcls.messages import one_line
from imgcls.models import identity as identities
from imgcls.models import inputs
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.base import Classifier, Request
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry, statement
from imgcls.models.sources.base import Filled
from imgcls.models.weights import fit, random_init, tensors
from imgcls.records.config import InputSpec, ModelSpec, Precision, RandomWeights, WeightsFile
from imgcls.records.data import LabelList
from imgcls.records.description import ModelDescription
from imgcls.records.evaluation import ModelInfo
from imgcls.system import machine


def load(spec: ModelSpec, device: str, artefacts: Path | None = None) -> Model:
    """Build the network, fill it with its weights and make it ready on ``device``.

    A runtime that compiles does so at first use, and stores what it compiled below ``artefacts``.

    Raises ConfigError for names and options that do not exist, WeightsMissing, DeviceMissing, and
    ModelError where the weights do not fit or the network is not a classifier.
    """
    import torch

    machine.limit_torch()
    runtimes.check_device(device)
    runtimes.check_runtime(runtimes.requested(spec), spec.name, device)
    started = time.perf_counter()
    known, _ = inputs.stated(spec), registry.label_list(spec)  # what is wrong with them costs no loading
    with torch.random.fork_rng(devices=[]):
        module, file_sha256, spec, notes, saved = filled(spec)
    images, labels = inputs.of(spec, module, known), registry.label_list(spec, saved)
    info = _info(spec, module, images.spec, labels, device, file_sha256, notes)
    identity = identities.identity_of(spec, info, sources.of(spec).own_sources(spec, module))
    classifier = _classifier(spec, info, identity, lambda: module, artefacts, workers=1)
    seconds = time.perf_counter() - started
    outputs = _stated_outputs(spec, module)
    return Model(spec, lambda: classifier, labels, info, identity, seconds, own=images.own, outputs=outputs)


def described(spec: ModelSpec, description: ModelDescription, load: Callable[[], Model]) -> Model:
    """A model of which everything is known but the network, which ``load`` returns when it is needed."""
    options = {key: spec.options.get(key, value) for key, value in description.options.items()}
    whole, classifier = replace(spec, options=options), cache(lambda: load().classifier)
    return Model(
        whole, classifier, description.labels, description.info, description.identity, 0.0,
        is_loaded=False, outputs=description.outputs,
    )  # fmt: skip


def from_module(
    module: Any, name: str, input_settings: Mapping[str, Any], labels: str | Path | Sequence[str] | None, device: str
) -> Model:
    """A network of the caller, as it is in this process: eager, in float32. It is put into evaluation mode.

    ``input_settings``: the keys of an :class:`InputSpec`; ``labels``: a list of ``[models.NAME]``, a file, or the names
    themselves. Raises ConfigError, LabelError, DeviceMissing, and ModelError where it is not a classifier.
    """
    import torch

    runtimes.check_device(device)
    if not isinstance(module, torch.nn.Module):
        raise ConfigError(f"a {type(module).__name__} is not a model: give a name, a ModelSpec or a torch.nn.Module")
    started = time.perf_counter()
    architecture = f"python:{type(module).__module__}:{type(module).__qualname__}"
    spec = ModelSpec(name, architecture, runtime="eager", input=input_settings)
    if labels is None or isinstance(labels, str | Path):
        spec = replace(spec, labels=labels)
        classes = registry.label_list(spec)
    else:
        classes = LabelList(f"the labels of {name}", tuple(labels))
    images = inputs.of(spec, module, inputs.stated(spec))
    info = _info(spec, module, images.spec, classes, device)
    identity = identities.identity_of(spec, info, {})
    classifier = _classifier(spec, info, identity, lambda: module, None, workers=1)
    seconds = time.perf_counter() - started
    return Model(spec, lambda: classifier, classes, info, identity, seconds, is_module=True, own=images.own)


def _info(
    spec: ModelSpec,
    module: Any,
    input_spec: InputSpec,
    labels: LabelList,
    device: str,
    file_sha256: str | None = None,
    notes: tuple[str, ...] = (),
) -> ModelInfo:
    from imgcls.models import binary

    source = sources.of(spec)
    weights = source.weights(spec, module)
    if not source.as_written:
        tensors.refuse_complex(spec.name, module)
        tensors.to_channels_last(module)
    return ModelInfo(
        runtime=runtimes.requested(spec),
        precision=spec.loaded_precision,
        device=device,
        input=input_spec,
        weights_file_sha256=file_sha256,
        state_sha256=weights.state_sha256,
        parameters=weights.parameters,
        crop_pct=registry.crop_pct(spec, input_spec),
        weight_bytes=weights.bytes,
        decode=spec.decode,
        input_sources=registry.input_sources(spec, input_spec),
        untrained=isinstance(spec.weights_source, RandomWeights),
        notes=(
            *source.notes(spec),
            *runtimes.notes(runtimes.requested(spec), device),
            *notes,
            *registry.input_notes(input_spec),
            *binary.notes(spec, module, input_spec, labels),
        ),
    )


def as_float32(model: Model) -> Model:
    """The same network in float32, as PyTorch runs it. Raises what :func:`load` raises."""
    if model.info.precision == "float32":
        return model if model.info.runtime in runtimes.UNCOMPILED else with_runtime(model, "eager")
    return load(replace(model.spec, precision="float32", runtime="eager"), model.info.device)


def with_runtime(model: Model, runtime: str, artefacts: Path | None = None) -> Model:
    """The same network with another runtime, for as many workers as it may have threads.

    Raises MachineError where that runtime is not available here; of a model that is not loaded, when it is loaded.
    """

    def module() -> Any:
        source = model if model.info.precision == "float32" else as_float32(model)  # a reduced one has lost its float32
        return source.classifier.module

    info = replace(model.info, runtime=runtime)
    identity = identities.identity_of(model.spec, info, model.identity["own_sources"])
    classifier = cache(lambda: _classifier(model.spec, info, identity, module, artefacts, workers=machine.threads()))
    if model.is_loaded:
        classifier()
    return replace(model, load=classifier, info=info, identity=identity)


def scored_again(exact: Model, precision: Precision, dataset: str, artefacts: Path | None = None) -> Model:
    """The same network in a reduced precision, of which some predictions are then made by ``exact``, in float32.

    Its identity states that: these are not the predictions of the network in either precision. Which they are depends
    on the labels and the bound of a ``dataset``, which is named in it, too.
    """

    def module() -> Any:
        whole = exact.classifier.module
        return copy.deepcopy(whole) if exact.info.runtime in runtimes.UNCOMPILED else whole  # the others cast nothing

    @cache
    def classifier() -> Classifier:
        shared = exact.identity  # what is compiled is the network in float32, of which both are made
        try:
            return _classifier(exact.spec, info, shared, module, artefacts, workers=machine.threads())
        except ImgclsError:
            raise
        except Exception as error:  # a network may hold what cannot be copied or cast
            reason = f"{type(error).__name__}: {one_line(error)}"
            raise ModelError(f"[models.{exact.spec.name}] the network cannot be copied and cast: {reason}") from error

    info = replace(exact.info, precision=precision)
    identity = identities.identity_of(exact.spec, info, exact.identity["own_sources"])
    screening = {"scored_again": exact.info.precision, "dataset": dataset}
    return replace(exact, load=classifier, info=info, identity={**identity, **screening})


def _classifier(
    spec: ModelSpec,
    info: ModelInfo,
    identity: Mapping[str, Any],
    module: Callable[[], Any],
    artefacts: Path | None,
    *,
    workers: int,
) -> Classifier:
    strict = runtimes.is_automatic(spec) and not sources.of(spec).traceable
    folder = artefacts / hashing.of_json({**identity, "strict": strict}) if artefacts else None
    request = Request(
        name=spec.name,
        module=module,
        precision=info.precision,
        device=info.device,
        size=info.input.crop,
        channels=info.input.channels,
        output=spec.output,
        cores=machine.threads(),
        workers=workers,
        artefacts=folder,
        strict=strict,
    )
    return runtimes.build(info.runtime, request)


def _stated_outputs(spec: ModelSpec, module: Any) -> int | None:
    """The number of logits where the last layer of a network states it, as it was published but for the number.

    A single logit becomes two, see :mod:`imgcls.models.outputs`. None where only running the network shows it.
    """
    is_plain = sources.of(spec).traceable and spec.output is None and spec.options.keys() <= {"num_classes"}
    state, names = module.state_dict() if is_plain else {}, fit.head_layers(module) if is_plain else ()
    counts = {len(state[key]) if (key := f"{name}.weight") in state else 0 for name in names}
    return max(2, *counts) if len(counts) == 1 and 0 not in counts else None


def output_count(model: Model) -> int:
    """The number of logits of the network, from one forward pass of a blank image where its layers do not state it."""
    if model.outputs is not None:
        return model.outputs
    import torch

    return int(model.classifier.logits(torch.zeros(1, *model.info.input.shape)).shape[1])


def filled(spec: ModelSpec) -> Filled:
    """The network with its weights, with the options that the configuration or its weights file states.

    Raises ConfigError for names and options that do not exist, WeightsMissing, and ModelError where weights do not fit.
    """
    spec = replace(spec, options=statement.options(spec))
    if file := statement.weights_file(spec):
        whole = sources.filled(spec, file)
        return whole._replace(notes=(*_like_a_tag(spec), *_of_folder(spec, file), *whole.notes))
    weights = spec.weights_source
    if isinstance(weights, RandomWeights):
        module = sources.build(spec)
        random_init.fill(module, weights.seed)
        return Filled(module, None, spec)
    module, file_sha256 = sources.of(spec).load_published(spec)
    return Filled(module, file_sha256, spec)


def _of_folder(spec: ModelSpec, file: Path) -> tuple[str, ...]:
    """A note which file of the folder that ``weights`` names is loaded."""
    weights = spec.weights_source
    if not isinstance(weights, WeightsFile) or weights.path == file:
        return ()
    return (f"weights: of the folder {weights.path}, {file.name} is loaded",)


def _like_a_tag(spec: ModelSpec) -> tuple[str, ...]:
    """A note where a file or folder has the name of published weights, which ``weights`` could also mean."""
    weights = spec.weights_source
    if not isinstance(weights, WeightsFile) or weights.path.suffix or not statement.is_published(spec.architecture):
        return ()
    tag = weights.path.name
    try:
        sources.of(spec).input_spec(replace(spec, weights=tag))
    except ConfigError:  # no weights are published under this name
        return ()
    return (f"weights: {weights.path} exists and is loaded, and not the published weights {tag}",)
