"""Which configuration is in reach, and which models names mean."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imgcls.config import datasets, discovery, lock, specs
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError
from imgcls.messages import nearest
from imgcls.records.config import DatasetSpec, ModelSpec, Settings
from imgcls.records.weights import WeightsAccess, WeightsLock
from imgcls.session.options import RunOptions


def settings(files: Sequence[Path]) -> Settings:
    """The configuration of these files, or the one in reach. Raises ConfigError."""
    files = files or [file for file in [discovery.find(Path.cwd())] if file]
    if not files:
        raise ConfigError(
            f"there is no {discovery.FILE} or [tool.imgcls] from {Path.cwd()} upwards: "
            "write one with `imgcls init --data DIR`, or name one with --config FILE"
        )
    return configuration.load(files)


def on_images(models: Iterable[ModelSpec], data: str, labels: str) -> Settings:
    """These models on a folder or a manifest, without gates; ``labels``: how folders are named. Raises ConfigError."""
    dataset = datasets.dataset("command line", data, labels)
    by_name = {model.name: replace(model, datasets=None) for model in models}
    return Settings(Path(data), {dataset.name: dataset}, by_name, {})


def requested_dataset(files: Sequence[Path], data: str) -> DatasetSpec:
    """A folder or a manifest, or else a dataset of the configuration in reach. Raises ConfigError."""
    if not Path(data).exists() and (files or discovery.find(Path.cwd())):
        configured = settings(files).datasets
        if data in configured:
            return configured[data]
    return datasets.dataset("command line", data, "auto")


def requested_models(
    files: Sequence[Path], names: Sequence[str] | None, *, offline: bool = False, quiet: bool = False
) -> list[ModelSpec]:
    """The configured models of these names; a name that is not configured is an architecture. Raises ConfigError.

    ``offline``: their weights are never fetched. ``quiet``: downloads show no progress.
    """
    known = settings(files).models if files or discovery.find(Path.cwd()) or names is None else {}
    locked = lock.of_folder(folder(files))
    models = known.values() if names is None else [_requested_model(name, known, locked) for name in names]
    requested = [replace(spec, access=replace(spec.access, offline=offline, quiet=quiet)) for spec in models]
    from imgcls.models.weights import early

    early.connect(requested)
    return requested


def runnable_models(options: RunOptions, names: Sequence[str] | None) -> list[ModelSpec]:
    """The same as the options allow them. Raises WeightsMissing where nothing of them can be loaded here."""
    requested = requested_models(options.config, names, offline=options.offline, quiet=options.verbosity < 0)
    from imgcls.models.weights import early

    early.require(requested)
    return requested


def folder(files: Sequence[Path]) -> Path:
    """The folder of the configuration that is in reach, which a lock belongs to; else the working folder."""
    file = files[0] if files else discovery.find(Path.cwd())
    return file.parent if file else Path()


def _requested_model(name: str, known: Mapping[str, ModelSpec], locked: WeightsLock | None) -> ModelSpec:
    if name in known:
        return known[name]
    try:
        return replace(_published(name), access=WeightsAccess(name, locked))
    except ConfigError as error:
        if known:
            raise ConfigError(f"no model '{name}' in the configuration{nearest(name, known)}; {error}") from error
        raise


def _published(name: str) -> ModelSpec:
    """An architecture with its published weights: ``torchvision:NAME``, ``timm:NAME``, or a bare name of either."""
    from imgcls.models.sources import registry

    if name.lower().endswith(specs.WEIGHT_SUFFIXES):
        raise ConfigError(
            f"'{name}' is called like a file of weights, and a model of a file stands in {discovery.FILE}: "
            f"`imgcls init --data DIR --models {shlex.quote(name)}` writes one"
        )
    return ModelSpec(name, registry.architecture(name))
