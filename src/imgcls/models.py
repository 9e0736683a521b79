"""From a :class:`ModelSpec` to a network that is ready to answer."""

import contextlib
import hashlib
import inspect
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module, metadata, resources
from pathlib import Path
from typing import Any

from imgcls import digest, machine, published, random_weights, reference, resolve, runtimes, weights
from imgcls.errors import ConfigError, ImgclsError, ModelError, one_line
from imgcls.records import Facts, LabelList, ModelSpec
from imgcls.runtimes import Classifier, Request

PUBLISHED_VARIANT: Mapping[str, Mapping[str, Any]] = {
    "googlenet": {"transform_input": True, "aux_logits": False, "init_weights": False},
    "inception_v3": {"transform_input": True, "aux_logits": False, "init_weights": False},
}
"""Arguments that torchvision sets itself when it builds these two with published weights."""

LIBRARIES = frozenset({"torch", "torchvision", "timm"})
"""Whose source is told by their versions."""

PACKAGE = Path(__file__).parent

ANSWERING = ("pixels.py", "preprocess.py", "scoring.py", "asking.py", "pipeline.py", "runtimes/*.py")
"""Our own source that an answer comes about in: after a change of it, no older answer is served."""

AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded network. ``identity`` is what tells its predictions from every other network's."""

    spec: ModelSpec
    classifier: Classifier
    labels: LabelList
    facts: Facts
    identity: Mapping[str, Any]
    load_seconds: float

    def prediction_key(self, decoding: str) -> str:
        """Hash of everything that a stored answer depends on, the picture's bytes aside."""
        return digest.of_json({**self.identity, "decoding": decoding})


class Shelf:
    """Loaded models: each is loaded when first asked for, and kept until it is released.

    ``artefacts``: a folder for what runtimes leave when they compile, so that the next process need not.
    """

    def __init__(self, specs: Mapping[str, ModelSpec], device: str, artefacts: Path | None = None) -> None:
        self.specs, self.device, self.artefacts = specs, device, artefacts
        self._held: dict[str, Model | ImgclsError] = {}

    def get(self, name: str) -> Model:
        """The loaded model. Raises what :func:`load` raises, the same again for every later call.

        Whatever else goes wrong with a model is a ModelError, because other models go on.
        """
        if name not in self._held:
            try:
                self._held[name] = _loaded(self.specs[name], self.device, self.artefacts)
            except ImgclsError as error:
                self._held[name] = error
        held = self._held[name]
        if isinstance(held, ImgclsError):
            raise held
        return held

    def release(self, name: str) -> None:
        """Let go of a model's memory; it is loaded again if it is asked for again."""
        self._held.pop(name, None)
        if self.device != "cpu":
            import torch

            torch.cuda.empty_cache()  # what torch keeps of a GPU's memory no other process can have


def _loaded(spec: ModelSpec, device: str, artefacts: Path | None) -> Model:
    try:
        return load(spec, device, artefacts)
    except ImgclsError:
        raise
    except Exception as error:  # the libraries' networks check little of what they are given
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"[models.{spec.name}] {spec.arch} cannot be loaded: {reason}") from error


def load(spec: ModelSpec, device: str, artefacts: Path | None = None) -> Model:
    """Build the network, fill it with its weights and make it ready on ``device``.

    A runtime that compiles does so at first use, and keeps what it compiled below ``artefacts``.

    Raises ConfigError for names and options that do not exist, WeightsMissing, DeviceMissing, and
    ModelError where the weights do not fit or the network does not answer like a classifier.
    """
    import torch

    runtimes.check_device(device)
    started = time.perf_counter()
    input_spec, labels = resolve.input_spec(spec), resolve.label_list(spec)
    with torch.random.fork_rng(devices=[]):
        module, file_sha256 = filled(spec)
    state_sha256 = weights.state_sha256(module.state_dict())
    parameters = sum(p.numel() for p in module.parameters())
    weights.to_channels_last(module)
    facts = Facts(
        runtime=runtimes.of(spec),
        precision=spec.precision,
        device=device,
        input=input_spec,
        weights_file_sha256=file_sha256,
        state_sha256=state_sha256,
        parameters=parameters,
        crop_pct=resolve.crop_pct(spec, input_spec),
        weight_bytes=sum(_bytes(tensor, spec.precision) for tensor in module.state_dict().values()),
        decode=spec.decode,
    )
    identity = _identity(spec, facts, _own_sources(spec, module))
    classifier = _classifier(spec, facts, identity, lambda: module, artefacts, askers=1)
    return Model(spec, classifier, labels, facts, identity, time.perf_counter() - started)


def _bytes(tensor: Any, precision: str) -> int:
    """The memory of a tensor of a network in this precision; counts of batches and the like stay as they are."""
    import torch

    size = getattr(torch, precision).itemsize if tensor.is_floating_point() else tensor.element_size()
    return int(tensor.numel() * size)


def exact(model: Model) -> Model:
    """The same network in float32, as PyTorch runs it. Raises what :func:`load` raises."""
    if model.facts.precision == "float32":
        return model if model.facts.runtime in runtimes.PLAIN else under(model, "eager")
    return load(replace(model.spec, precision="float32", runtime="eager"), model.facts.device)


def under(model: Model, runtime: str, artefacts: Path | None = None) -> Model:
    """The same network under another runtime, for as many askers as there are cores.

    Raises MachineError where that is not to be had here.
    """

    def module() -> Any:
        held = model if model.facts.precision == "float32" else exact(model)  # a reduced one has lost its float32
        return held.classifier.module

    facts = replace(model.facts, runtime=runtime)
    identity = _identity(model.spec, facts, model.identity["own_sources"])
    classifier = _classifier(model.spec, facts, identity, module, artefacts, machine.cores())
    return replace(model, classifier=classifier, facts=facts, identity=identity)


def _classifier(
    spec: ModelSpec,
    facts: Facts,
    identity: Mapping[str, Any],
    module: Callable[[], Any],
    artefacts: Path | None,
    askers: int,
) -> Classifier:
    strict = spec.arch.startswith("python:") and spec.runtime == "auto"
    folder = artefacts / digest.of_json({**identity, "strict": strict}) if artefacts else None
    request = Request(
        name=spec.name,
        module=module,
        precision=facts.precision,
        device=facts.device,
        size=facts.input.crop,
        cores=machine.cores(),
        askers=askers,
        artefacts=folder,
        strict=strict,
    )
    return runtimes.classifier(facts.runtime, request)


def _identity(spec: ModelSpec, facts: Facts, own_sources: Mapping[str, str]) -> dict[str, Any]:
    import torch

    from imgcls.runtimes.eager import FLAGS

    kind = spec.arch.partition(":")[0]
    libraries = {"python": ("torchvision", "timm"), "reference": ("torchvision", "numpy")}.get(kind, (kind,))
    return {
        "imgcls_sha256": _source_sha256(*ANSWERING, *(["reference/*.py"] if kind == "reference" else [])),
        "arch": spec.arch,
        "options": spec.options,
        "state_sha256": facts.state_sha256,
        "input": asdict(facts.input),
        "decode": spec.decode,
        "runtime": facts.runtime,
        "precision": facts.precision,
        "device": torch.device(facts.device).type,
        "flags": FLAGS,
        "torch": torch.__version__,
        **{library: metadata.version(library) for library in libraries},
        **runtimes.version(facts.runtime),
        **({"cpu": machine.vectors()} if spec.decode == "fast" or facts.precision != "float32" else {}),
        **({"gpu": machine.gpu(facts.device)} if facts.device != "cpu" and facts.precision != "float32" else {}),
        "own_sources": own_sources,
    }


def _own_sources(spec: ModelSpec, module: Any) -> dict[str, str]:
    """Of a ``python:`` network the files of its factory and of its layers' classes, by their modules' names."""
    if not spec.arch.startswith("python:"):
        return {}
    place, _, name = spec.arch.removeprefix("python:").partition(":")
    factory = inspect.unwrap(getattr(sys.modules[place], name))
    classes = {base for layer in module.modules() for base in type(layer).__mro__}
    names = {place, *(getattr(written, "__module__", None) or place for written in (factory, *classes))}
    return dict(_sources(name for name in names if name.partition(".")[0] not in LIBRARIES))


def _sources(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names of those modules that come from files, and the hashes of these, in archives too."""
    for name in modules:
        module: Any = sys.modules.get(name)
        if getattr(module, "__file__", None) and hasattr(module.__loader__, "get_data"):
            yield name, hashlib.sha256(module.__loader__.get_data(module.__file__)).hexdigest()


def _source_sha256(*patterns: str) -> str:
    """Of the files of this package that are named so."""
    files = [file for pattern in patterns for file in sorted(PACKAGE.glob(pattern))]
    return digest.of_json({file.relative_to(PACKAGE).as_posix(): digest.file_sha256(file) for file in files})


def outputs(model: Model) -> int:
    """How many classes the network answers with, from one forward pass of an empty picture."""
    import torch

    height, width = model.facts.input.crop
    return int(model.classifier.logits(torch.zeros(1, 3, height, width)).shape[1])


def filled(spec: ModelSpec) -> tuple[Any, str | None]:
    """The module with its weights, and the sha256 of the file they came from.

    Raises ConfigError for names and options that do not exist, WeightsMissing, and ModelError where weights do not fit.
    """
    kind = spec.arch.partition(":")[0]
    source = spec.weights
    if isinstance(source, str) and source.startswith("random:"):
        module = build(spec)
        random_weights.fill(module, int(source.removeprefix("random:")))
        return module, None
    if isinstance(source, str) and source.startswith("builtin:"):
        source = builtin(spec, source.removeprefix("builtin:"))
    if isinstance(source, Path):
        return _from_file(spec, source)
    if kind == "python":
        if source is not None:
            raise ConfigError(f"[models.{spec.name}] weights: a python: factory publishes no '{source}'; give a file")
        return build(spec), None
    return _with_published_weights(spec, kind)


def build(spec: ModelSpec) -> Any:
    """The published variant of the architecture, with whatever values it starts with.

    Raises ConfigError for names and options that do not exist, ModelError where a factory fails.
    """
    kind, _, name = spec.arch.partition(":")
    if kind == "python":
        with contextlib.chdir(Path.cwd()):  # wherever a factory goes, the paths of others stay what they are
            return _from_factory(spec, name)
    try:
        if kind == "timm":
            import timm

            return timm.create_model(_timm_name(spec), pretrained=False, **spec.options)
        if kind == "reference":
            from imgcls import twin

            return twin.build(reference.variant(name, **_classes_alone(spec)))
        from torchvision import models

        return models.get_model(name, weights=None, **{**PUBLISHED_VARIANT.get(name, {}), **spec.options})
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise _unbuildable(spec, error) from error


def _classes_alone(spec: ModelSpec) -> dict[str, int]:
    """The one option that the reference has. Raises ConfigError for others."""
    if other := spec.options.keys() - {"num_classes"}:
        raise ConfigError(f"[models.{spec.name}] options: {spec.arch} has num_classes alone, not {', '.join(other)}")
    return {"classes": spec.options["num_classes"]} if spec.options else {}


def _unbuildable(spec: ModelSpec, error: Exception) -> ConfigError:
    options = dict(spec.options)
    return ConfigError(f"[models.{spec.name}] {spec.arch} cannot be built with {options}: {_first_lines(error, 1)}")


def _timm_name(spec: ModelSpec) -> str:
    name, tag = spec.arch.removeprefix("timm:"), resolve.published_tag(spec)
    return f"{name.partition('.')[0]}.{tag}" if tag else name


def _from_factory(spec: ModelSpec, name: str) -> Any:
    import torch

    module_name, _, factory_name = name.partition(":")
    try:
        factory = getattr(import_module(module_name), factory_name)
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise ConfigError(f"[models.{spec.name}] arch: {spec.arch} cannot be imported: {one_line(error)}") from error
    try:
        module = factory(**spec.options)
    except (Exception, SystemExit) as error:  # a factory may raise anything, and other models go on
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"[models.{spec.name}] {spec.arch} failed: {reason}") from error
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"[models.{spec.name}] {spec.arch} returned a {type(module).__name__}, no torch.nn.Module")
    return module


def builtin(spec: ModelSpec, name: str) -> Path:
    """The file of weights that come with this package. Raises ConfigError."""
    folder = resources.files("imgcls") / "builtin"
    known = sorted(f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))
    if name not in known:
        raise ConfigError(f"[models.{spec.name}] weights: no built-in weights '{name}'; known: {', '.join(known)}")
    return Path(str(folder / f"{name}.safetensors"))


def _from_file(spec: ModelSpec, file: Path) -> tuple[Any, str]:
    """The network with the state dict of a file, tensor for tensor."""
    read = weights.read(file)
    file_sha256 = _pinned(spec, file)
    module = build(spec)
    own = module.state_dict().keys()
    unwanted = AUXILIARY_HEADS if spec.arch.partition(":")[2] in PUBLISHED_VARIANT else ()
    state = {name: tensor for name, tensor in read.items() if name in own or not name.startswith(unwanted)}
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"[models.{spec.name}] {file} does not fit {spec.arch} with options {dict(spec.options)}: "
            f"{_first_lines(error)}"
        ) from error
    return module, file_sha256


def _pinned(spec: ModelSpec, file: Path) -> str:
    """The file's sha256, which must be the one that the configuration pins."""
    if spec.sha256:
        weights.check_pin(file, spec.sha256)
    return spec.sha256 or digest.file_sha256(file)


def _with_published_weights(spec: ModelSpec, kind: str) -> tuple[Any, str]:
    """The network with its published weights, read by our own reader."""
    name = spec.arch.partition(":")[2]
    if kind in {"torchvision", "reference"}:
        entry = resolve.torchvision_weights(name, resolve.published_tag(spec))
        return _from_file(spec, published.from_url(entry.url))
    config = resolve.timm_config(name, resolve.published_tag(spec)).to_dict()
    if spec.options.get("num_classes", config["num_classes"]) != config["num_classes"]:
        raise ConfigError(
            f"[models.{spec.name}] the published weights of {name} have {config['num_classes']} classes, "
            f"and options ask for {spec.options['num_classes']}: a head is never replaced by random values"
        )
    return _fitted_by_timm(spec, published.from_timm(config))


def _fitted_by_timm(spec: ModelSpec, file: Path) -> tuple[Any, str]:
    """The network with a published state dict, fitted to it as timm's own loader does."""
    import timm

    state = weights.read(file)
    file_sha256 = _pinned(spec, file)
    try:
        module = timm.create_model(
            _timm_name(spec), pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **spec.options
        )
    except TypeError as error:
        raise _unbuildable(spec, error) from error
    except (ValueError, AssertionError, RuntimeError, KeyError) as error:
        raise ModelError(f"[models.{spec.name}] {file} does not fit {spec.arch}: {_first_lines(error)}") from error
    module.pretrained_cfg.pop("state_dict", None)
    return module, file_sha256


def _first_lines(error: Exception, lines: int = 4, width: int = 300) -> str:
    return "; ".join(line.strip()[:width] for line in str(error).splitlines()[:lines])
