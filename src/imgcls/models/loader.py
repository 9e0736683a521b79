"""From a :class:`ModelSpec` to a network that is ready to run."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from imgcls import hashing
from imgcls.errors import ConfigError
from imgcls.models import identity as identities
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.base import Classifier, Request
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry
from imgcls.models.weights import random_init, tensors
from imgcls.records.config import BuiltinWeights, InputSpec, ModelSpec, RandomWeights, WeightsFile
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo
from imgcls.system import machine


def load(spec: ModelSpec, device: str, artefacts: Path | None = None) -> Model:
    """Build the network, fill it with its weights and make it ready on ``device``.

    A runtime that compiles does so at first use, and stores what it compiled below ``artefacts``.

    Raises ConfigError for names and options that do not exist, WeightsMissing, DeviceMissing, and
    ModelError where the weights do not fit or the network is not a classifier.
    """
    import torch

    runtimes.check_device(device)
    started = time.perf_counter()
    input_spec, labels = registry.input_spec(spec), registry.label_list(spec)
    with torch.random.fork_rng(devices=[]):
        module, file_sha256 = filled(spec)
    info = _info(spec, module, input_spec, device, file_sha256)
    identity = identities.identity_of(spec, info, sources.of(spec).own_sources(spec, module))
    classifier = _classifier(spec, info, identity, lambda: module, artefacts, workers=1)
    return Model(spec, classifier, labels, info, identity, time.perf_counter() - started)


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
    info = _info(spec, module, registry.input_spec(spec), device, None)
    identity = identities.identity_of(spec, info, {})
    classifier = _classifier(spec, info, identity, lambda: module, None, workers=1)
    return Model(spec, classifier, classes, info, identity, time.perf_counter() - started, is_module=True)


def _info(spec: ModelSpec, module: Any, input_spec: InputSpec, device: str, file_sha256: str | None) -> ModelInfo:
    state_sha256 = tensors.state_sha256(module.state_dict())
    parameters = sum(p.numel() for p in module.parameters())
    tensors.to_channels_last(module)
    return ModelInfo(
        runtime=runtimes.requested(spec),
        precision=spec.precision,
        device=device,
        input=input_spec,
        weights_file_sha256=file_sha256,
        state_sha256=state_sha256,
        parameters=parameters,
        crop_pct=registry.crop_pct(spec, input_spec),
        weight_bytes=sum(_bytes(tensor, spec.precision) for tensor in module.state_dict().values()),
        decode=spec.decode,
    )


def _bytes(tensor: Any, precision: str) -> int:
    """The bytes of a network's tensor in this precision; integers such as counts of batches stay as they are."""
    import torch

    size = getattr(torch, precision).itemsize if tensor.is_floating_point() else tensor.element_size()
    return int(tensor.numel() * size)


def as_float32(model: Model) -> Model:
    """The same network in float32, as PyTorch runs it. Raises what :func:`load` raises."""
    if model.info.precision == "float32":
        return model if model.info.runtime in runtimes.UNCOMPILED else with_runtime(model, "eager")
    return load(replace(model.spec, precision="float32", runtime="eager"), model.info.device)


def with_runtime(model: Model, runtime: str, artefacts: Path | None = None) -> Model:
    """The same network with another runtime, for as many workers as there are cores.

    Raises MachineError where that runtime is not available here.
    """

    def module() -> Any:
        source = model if model.info.precision == "float32" else as_float32(model)  # a reduced one has lost its float32
        return source.classifier.module

    info = replace(model.info, runtime=runtime)
    identity = identities.identity_of(model.spec, info, model.identity["own_sources"])
    classifier = _classifier(model.spec, info, identity, module, artefacts, workers=machine.cores())
    return replace(model, classifier=classifier, info=info, identity=identity)


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
        cores=machine.cores(),
        workers=workers,
        artefacts=folder,
        strict=strict,
    )
    return runtimes.build(info.runtime, request)


def output_count(model: Model) -> int:
    """The number of classes of the network, from one forward pass of a blank image."""
    import torch

    height, width = model.info.input.crop
    return int(model.classifier.logits(torch.zeros(1, 3, height, width)).shape[1])


def filled(spec: ModelSpec) -> tuple[Any, str | None]:
    """The module with its weights, and the sha256 of the file they came from.

    Raises ConfigError for names and options that do not exist, WeightsMissing, and ModelError where weights do not fit.
    """
    if file := weights_file(spec):
        return sources.from_file(spec, file)
    weights = spec.weights_source
    if isinstance(weights, RandomWeights):
        module = sources.build(spec)
        random_init.fill(module, weights.seed)
        return module, None
    return sources.of(spec).load_published(spec)


def weights_file(spec: ModelSpec) -> Path | None:
    """The file of weights that ``weights`` names, the user's own or one of this package; None where it names none.

    Raises ConfigError where this package has none of that name.
    """
    weights = spec.weights_source
    if isinstance(weights, WeightsFile):
        return weights.path
    if not isinstance(weights, BuiltinWeights):
        return None
    folder = resources.files("imgcls") / "builtin"
    known = sorted(f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))
    if weights.name not in known:
        raise ConfigError(
            f"[models.{spec.name}] weights: no built-in weights '{weights.name}'; known: {', '.join(known)}"
        )
    return Path(str(folder / f"{weights.name}.safetensors"))
