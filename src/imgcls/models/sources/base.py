"""What a source of networks is, and what all of them share."""

import re
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from imgcls import extensions, messages
from imgcls.data import class_lists
from imgcls.errors import ConfigError, ImgclsError, ModelError
from imgcls.messages import one_line
from imgcls.models.weights import files, fit, hashes, lazy_tensor, lock, mismatch, reader, tensors, unwrap
from imgcls.models.weights.unwrap import StateDict
from imgcls.records.config import BuiltinWeights, InputSpec, ModelSpec, PublishedWeights
from imgcls.records.data import LabelList


class Weights(NamedTuple):
    """The tensors of a network: their sha256, the number of parameters, and their size in bytes as they are run."""

    state_sha256: str
    parameters: int
    bytes: int


class Licence(NamedTuple):
    """The licence of weights, and who states it."""

    name: str
    stated_by: str


class Source(Protocol):
    """A publisher of networks; its module has one such object, named ``SOURCE``.

    Its specs are those whose ``architecture.source`` is its own name. The defaults are those of a source that
    publishes networks without weights.
    """

    libraries: tuple[str, ...] = ()
    """The packages whose versions predictions of its networks depend on."""

    own_files: tuple[str, ...] = ()
    """Patterns of files of imgcls that predictions of its networks depend on, in addition to those of all networks."""

    traceable: bool = False
    """Whether its networks are known to compute the same whatever the images are, so that they can be recorded."""

    as_written: bool = False
    """Whether its networks run as a file has them, neither cast nor laid out anew in memory."""

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """The modules that building the network imports, for measurements of what comes on top of them."""
        return self.libraries

    @abstractmethod
    def build(self, spec: ModelSpec) -> Any:
        """The published variant of the architecture as a ``torch.nn.Module``, with whatever values it starts with.

        Raises ConfigError for names and options that do not exist, ModelError where the source's own code fails.
        TypeError, ValueError, AssertionError and RuntimeError are taken for wrong options.
        """

    def published_file(self, spec: ModelSpec) -> Path | None:  # noqa: ARG002 - a default
        """The file of the published weights, fetched where it is not here; None where the source itself has none.

        Raises what :meth:`load_published` raises.
        """
        return None

    def licence(self, spec: ModelSpec) -> Licence | None:  # noqa: ARG002 - a default
        """The licence of the published weights as the source's library states it; None where it states none."""
        return None

    @abstractmethod
    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """The network with its published weights, and the sha256 of their file.

        Raises ConfigError for weights that do not exist, WeightsMissing, and ModelError where weights do not fit.
        """

    def ignored_weights(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """Prefixes of tensors that a file of weights may have and the network need not have."""
        return ()

    def as_named(self, module: Any, tensors: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - a default
        """The tensors of a file by the names that the network has for them, where its files have others."""
        return tensors

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:  # noqa: ARG002 - a default
        """The published preprocessing; None where there is none."""
        return None

    def input_sources(self, spec: ModelSpec) -> Mapping[str, str]:  # noqa: ARG002 - a default
        """Where parts of the input come from that do not all come from one place, by the part's name."""
        return {}

    def crop_pct(self, spec: ModelSpec) -> float | None:  # noqa: ARG002 - a default
        """The ratio of crop to resized image as the source itself states it; None where it states none."""
        return None

    def label_list(self, spec: ModelSpec) -> LabelList | None:  # noqa: ARG002 - a default
        """The names of the network's outputs; None where nothing states them."""
        return None

    def channels(self, spec: ModelSpec) -> int | None:  # noqa: ARG002 - a default
        """The number of channels of the network's input; None where only the built network shows it."""
        return None

    def notes(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """What a user should know of how the name of the network was read, a sentence each."""
        return ()

    def require_classifier(self, spec: ModelSpec) -> None:  # noqa: ARG002 - a default
        """Raise ConfigError, with what to do, for what is published as something else: a feature extractor."""
        return

    def weights(self, spec: ModelSpec, module: Any) -> Weights:
        """What the tensors of the network are, exactly."""
        state = module.state_dict()
        parameters = sum(parameter.numel() for parameter in module.parameters())
        size = sum(_bytes(tensor, spec.loaded_precision) for tensor in state.values())
        return Weights(tensors.state_sha256(state), parameters, size)

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:  # noqa: ARG002 - a default
        """The sha256 of each file of code that the network is written in and that no library's version covers."""
        return {}


def _bytes(tensor: Any, precision: str) -> int:
    """The bytes of a network's tensor in this precision; integers such as counts of batches stay as they are."""
    import torch

    size = getattr(torch, precision).itemsize if tensor.is_floating_point() else tensor.element_size()
    return int(tensor.numel() * size)


def of(spec: ModelSpec) -> Source:
    """The source that a spec names. Raises ConfigError where there is none of that name."""
    row = extensions.source(spec.architecture.source)
    if row is None:
        raise ConfigError(f"[models.{spec.name}] arch: {spec.arch!r} is not one of {', '.join(extensions.usages())}")
    source: Source = import_module(row.module).SOURCE
    return source


def build(spec: ModelSpec) -> Any:
    """The published variant of the architecture, with whatever values it starts with.

    Raises ConfigError for names and options that do not exist, ModelError where a factory fails.
    """
    try:
        return of(spec).build(spec)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise build_error(spec, error) from error


class Filled(NamedTuple):
    """A network with its weights; ``spec``: with the options that it was built with; ``notes``: what was done for that.

    ``file_sha256``: of the file of weights, where there is one. ``labels``: the classes that a training script saved
    in it.
    """

    module: Any
    file_sha256: str | None
    spec: ModelSpec
    notes: tuple[str, ...] = ()
    labels: LabelList | None = None


def from_file(spec: ModelSpec, file: Path) -> tuple[Any, str | None]:
    """The network with the state dict of a file, tensor for tensor, and the file's sha256; see :func:`filled`."""
    whole = filled(spec, file)
    return whole.module, whole.file_sha256


def filled(spec: ModelSpec, path: Path) -> Filled:
    """The network with the state dict of a file, or of the file in a folder.

    Where only the head has another number of outputs than the architecture by default, it is built with that number.
    Raises what :func:`build` raises, WeightsMissing, and ModelError where the file is not the pinned one or does not
    fit.
    """
    file = files.located(path)
    file_sha256 = checked_sha256(spec, file)
    content = reader.content(file)  # before the network is built: while it is checked, a file is mapped into memory
    module = build(spec)
    read = unwrap.state_dict(content, file, spec.checkpoint, module.state_dict())
    read = read._replace(tensors=dict(of(spec).as_named(module, read.tensors)))
    spec, module, assignment = _matched(spec, file, module, read)
    if why := fit.of_another_kind(assignment, read, module.state_dict()):
        raise _misfit(spec, file, why)
    _load(spec, file, module, {name: read.tensors[at] for name, at in assignment.names.items()})
    labels, unusable = _labels(file, read.classes, module)
    notes = (*read.notes, *assignment.notes, *fit.remarks(assignment, read, module.state_dict()), *unusable)
    return Filled(module, file_sha256, spec, tuple(f"{file.name}: {note}" for note in notes), labels)


def _matched(spec: ModelSpec, file: Path, module: Any, read: StateDict) -> tuple[ModelSpec, Any, fit.Assignment]:
    """The network with a place for every tensor of a file.

    Raises ModelError, with the difference and what of the file was taken.
    """
    given, own, heads = fit.shapes(read.tensors), fit.shapes(module.state_dict()), fit.head_layers(module)
    assignment = _assigned(spec, file, given, own)
    outputs = fit.head_outputs(assignment, given, own, heads)
    if outputs is not None and "num_classes" not in spec.options:
        spec, module = _with_classes(spec, file, outputs)
        own = fit.shapes(module.state_dict())
        assignment = _assigned(spec, file, given, own)
        note = f"the head has {messages.counted(outputs, 'output')}: num_classes = {outputs}"
        assignment = assignment._replace(notes=(*assignment.notes, note))
    if assignment.is_whole:
        return spec, module, assignment
    ignored, ordered = of(spec).ignored_weights(spec), _in_order(file, given, own)
    why = mismatch.difference(assignment, given, own, spec.rename, ignored, ordered)
    raise _misfit(spec, file, "; ".join([f"{why}{_head(spec, assignment, outputs, heads)}", *read.notes]))


def _assigned(spec: ModelSpec, file: Path, given: fit.Shapes, own: fit.Shapes) -> fit.Assignment:
    if spec.match == "name":
        return fit.by_name(given, own, spec.rename, of(spec).ignored_weights(spec))
    assignment = _in_order(file, given, own)
    if isinstance(assignment, str):
        raise _misfit(spec, file, f'match = "order" needs the same shapes in the same order, and {assignment}')
    return assignment


def _in_order(file: Path, given: fit.Shapes, own: fit.Shapes) -> fit.Assignment | str:
    """The tensors matched by order, or why not: safetensors has them in that of their names."""
    return "safetensors keeps no order" if files.is_safetensors(file) else fit.by_order(given, own)


def _with_classes(spec: ModelSpec, file: Path, outputs: int) -> tuple[ModelSpec, Any]:
    """The spec for a head of so many outputs, and its network. Raises ModelError where it does not take the number."""
    spec = replace(spec, options={**spec.options, "num_classes": outputs})
    try:
        return spec, build(spec)
    except ImgclsError as error:
        raise ModelError(
            f"[models.{spec.name}] the head in {file} has {messages.counted(outputs, 'output')}, "
            f"and {spec.arch} does not take num_classes = {outputs} ({one_line(error)}); "
            "give the option that it takes in `options`"
        ) from error


def _head(spec: ModelSpec, assignment: fit.Assignment, outputs: int | None, heads: Collection[str]) -> str:
    """The end of a message about a head that the options determine, or that is not in the file."""
    stated = spec.options.get("num_classes")
    if outputs is not None and outputs != stated:
        counted = messages.counted(outputs, "output")
        return f"; the head in the file has {counted}, and options state num_classes = {stated}: leave it out"
    lacks_head = assignment.missing and {name.rpartition(".")[0] for name in assignment.missing} <= set(heads)
    if lacks_head and not assignment.unexpected:
        return "; the file has no head: train one with imgcls train --weights"
    return ""


def _labels(file: Path, names: Sequence[str] | None, module: Any) -> tuple[LabelList | None, tuple[str, ...]]:
    """The classes that a training script saved, if there are as many as the head has outputs, and else a note."""
    head = module.state_dict().get(f"{fit.head_layers(module)[0]}.weight")
    if not names or head is None:
        return None, ()
    if len(head) != len(names):
        outputs = messages.counted(len(head), "output")
        return None, (f"the {len(names)} classes that it states are not used: the head has {outputs}",)
    return class_lists.saved(file, names), ()


def _load(spec: ModelSpec, file: Path, module: Any, state: Mapping[str, Any]) -> None:
    """Counts of batches that the file lacks keep their first value. Raises ModelError."""
    try:
        module.load_state_dict({**module.state_dict(), **state}, strict=True)
    except RuntimeError as error:
        lazy_tensor.require_unchanged(state.values())
        raise _misfit(spec, file, first_lines(error)) from error


def _misfit(spec: ModelSpec, file: Path, why: str) -> ModelError:
    return ModelError(f"[models.{spec.name}] {file} does not fit {spec.arch} with options {dict(spec.options)}: {why}")


def published_tag(spec: ModelSpec) -> str | None:
    """The tag of published weights that ``weights`` names; None where it names something else."""
    weights = spec.weights_source
    return weights.tag if isinstance(weights, PublishedWeights) else None


def build_error(spec: ModelSpec, error: Exception) -> ConfigError:
    """What a source's library raised about a name or an option, and what to do."""
    options = dict(spec.options)
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if unexpected and unexpected[1] in options:
        step = f"remove {unexpected[1]} from [models.{spec.name}] options"
    elif options:
        step = f"correct [models.{spec.name}] options, or leave them out"
    else:
        step = f"correct [models.{spec.name}] arch, or give in options what it requires"
    return ConfigError(
        f"[models.{spec.name}] {spec.arch} cannot be built with {options}: {first_lines(error, 1)}; {step}"
    )


def checked_sha256(spec: ModelSpec, file: Path) -> str:
    """The file's sha256. Raises ModelError where the configuration pins another, ConfigError where a lock has none."""
    if spec.sha256:
        files.check_pin(file, spec.sha256)
    sha256 = spec.sha256 or hashes.file_sha256(file)
    if not isinstance(spec.weights_source, BuiltinWeights):
        lock.require_listed(file, sha256, spec.access)
    return sha256


def first_lines(error: Exception, lines: int = 4, width: int = 300) -> str:
    """The first lines of an error's text as one line."""
    return "; ".join(line.strip()[:width] for line in str(error).splitlines()[:lines])
