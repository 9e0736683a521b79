"""Which configuration is in reach, and which models names mean."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from imgcls.config import discovery
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError
from imgcls.messages import nearest
from imgcls.records.config import ModelSpec, Settings


def settings(files: Sequence[Path]) -> Settings:
    """The configuration of these files, or the one in reach. Raises ConfigError."""
    files = files or [file for file in [discovery.find(Path.cwd())] if file]
    if not files:
        raise ConfigError(
            f"there is no {discovery.FILE} or [tool.imgcls] from {Path.cwd()} upwards: "
            "write one, or name one with --config FILE"
        )
    return configuration.load(files)


def requested_models(files: Sequence[Path], names: Sequence[str] | None) -> list[ModelSpec]:
    """The configured models of these names; a name that is not configured is an architecture. Raises ConfigError."""
    known = settings(files).models if files or discovery.find(Path.cwd()) or names is None else {}
    return list(known.values()) if names is None else [_requested_model(name, known) for name in names]


def _requested_model(name: str, known: Mapping[str, ModelSpec]) -> ModelSpec:
    if name in known:
        return known[name]
    try:
        return _published(name)
    except ConfigError as error:
        if known:
            raise ConfigError(f"no model '{name}' in the configuration{nearest(name, known)}; {error}") from error
        raise


def _published(name: str) -> ModelSpec:
    """An architecture with its published weights: ``torchvision:NAME``, ``timm:NAME``, or a bare name of either."""
    from imgcls.models.sources import registry

    return ModelSpec(name, registry.architecture(name))
