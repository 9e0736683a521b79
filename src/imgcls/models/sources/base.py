"""What a source of networks is, and what all of them share."""

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from imgcls import extensions, hashing
from imgcls.errors import ConfigError, ModelError
from imgcls.models.weights import reader
from imgcls.records.config import InputSpec, ModelSpec, PublishedWeights
from imgcls.records.data import LabelList


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

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """The modules that building the network imports, for measurements of what comes on top of them."""
        return self.libraries

    @abstractmethod
    def build(self, spec: ModelSpec) -> Any:
        """The published variant of the architecture as a ``torch.nn.Module``, with whatever values it starts with.

        Raises ConfigError for names and options that do not exist, ModelError where the source's own code fails.
        TypeError, ValueError, AssertionError and RuntimeError are taken for wrong options.
        """

    @abstractmethod
    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """The network with its published weights, and the sha256 of their file.

        Raises ConfigError for weights that do not exist, WeightsMissing, and ModelError where weights do not fit.
        """

    def ignored_weights(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - a default
        """Prefixes of tensors that a file of weights may have and the network need not have."""
        return ()

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:  # noqa: ARG002 - a default
        """The published preprocessing; None where there is none."""
        return None

    def crop_pct(self, spec: ModelSpec) -> float | None:  # noqa: ARG002 - a default
        """The ratio of crop to resized image as the source itself states it; None where it states none."""
        return None

    def label_list(self, spec: ModelSpec) -> LabelList | None:  # noqa: ARG002 - a default
        """The names of the network's outputs; None where nothing states them."""
        return None

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:  # noqa: ARG002 - a default
        """The sha256 of each file of code that the network is written in and that no library's version covers."""
        return {}


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


def from_file(spec: ModelSpec, file: Path) -> tuple[Any, str]:
    """The network with the state dict of a file, tensor for tensor, and the file's sha256.

    Raises what :func:`build` raises, WeightsMissing, and ModelError where the file is not the pinned one or does not
    fit.
    """
    tensors = reader.read(file)
    file_sha256 = checked_sha256(spec, file)
    module = build(spec)
    own, ignored = module.state_dict().keys(), of(spec).ignored_weights(spec)
    state = {name: tensor for name, tensor in tensors.items() if name in own or not name.startswith(ignored)}
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"[models.{spec.name}] {file} does not fit {spec.arch} with options {dict(spec.options)}: "
            f"{first_lines(error)}"
        ) from error
    return module, file_sha256


def published_tag(spec: ModelSpec) -> str | None:
    """The tag of published weights that ``weights`` names; None where it names something else."""
    weights = spec.weights_source
    return weights.tag if isinstance(weights, PublishedWeights) else None


def build_error(spec: ModelSpec, error: Exception) -> ConfigError:
    """What a source's library raised about a name or an option."""
    options = dict(spec.options)
    return ConfigError(f"[models.{spec.name}] {spec.arch} cannot be built with {options}: {first_lines(error, 1)}")


def checked_sha256(spec: ModelSpec, file: Path) -> str:
    """The file's sha256. Raises ModelError where the configuration pins another."""
    if spec.sha256:
        reader.check_pin(file, spec.sha256)
    return spec.sha256 or hashing.file_sha256(file)


def first_lines(error: Exception, lines: int = 4, width: int = 300) -> str:
    """The first lines of an error's text as one line."""
    return "; ".join(line.strip()[:width] for line in str(error).splitlines()[:lines])
