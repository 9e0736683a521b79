"""A user's own networks: what a factory in an importable module returns."""

import contextlib
import hashlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from imgcls.errors import ConfigError, ModelError
from imgcls.messages import one_line
from imgcls.models.sources import base
from imgcls.models.sources.base import Source
from imgcls.records.config import ModelSpec

LIBRARIES = frozenset({"torch", "torchvision", "timm"})
"""Top-level modules whose code is covered by the versions in a prediction's key."""


class PythonSource(Source):
    """``python:package.module:factory``."""

    libraries = ("torchvision", "timm")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:
        return (_factory(spec)[0],)

    def build(self, spec: ModelSpec) -> Any:
        with contextlib.chdir(Path.cwd()):  # wherever a factory goes, the paths of others stay what they are
            return _from_factory(spec)

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """What the factory returns, as it is."""
        if spec.weights is not None:
            raise ConfigError(
                f"[models.{spec.name}] weights: a python: factory publishes no '{spec.weights}'; give a file"
            )
        return base.build(spec), None

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:
        """The files of the factory and of the classes of all layers, by their modules' names."""
        module_name, factory_name = _factory(spec)
        factory = inspect.unwrap(getattr(sys.modules[module_name], factory_name))
        classes = {parent for layer in module.modules() for parent in type(layer).__mro__}
        names = {module_name, *(getattr(code, "__module__", None) or module_name for code in (factory, *classes))}
        return dict(_hashes(name for name in names if name.partition(".")[0] not in LIBRARIES))


SOURCE = PythonSource()


def _factory(spec: ModelSpec) -> tuple[str, str]:
    """The names of the module and of the factory in it."""
    module_name, _, factory_name = spec.architecture.name.partition(":")
    return module_name, factory_name


def _from_factory(spec: ModelSpec) -> Any:
    import torch

    module_name, factory_name = _factory(spec)
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
        raise ModelError(f"[models.{spec.name}] {spec.arch} returned a {type(module).__name__}, not a torch.nn.Module")
    return module


def _hashes(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names of those modules that come from files, also in archives, and the sha256 of each file."""
    for name in modules:
        module: Any = sys.modules.get(name)
        if getattr(module, "__file__", None) and hasattr(module.__loader__, "get_data"):
            yield name, hashlib.sha256(module.__loader__.get_data(module.__file__)).hexdigest()
