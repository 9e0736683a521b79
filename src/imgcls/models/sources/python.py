"""A user's own networks: what a factory in an importable module returns."""

import contextlib
import inspect
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from imgcls import folder_imports
from imgcls.errors import ConfigError
from imgcls.messages import one_line
from imgcls.models.sources import base, own_code
from imgcls.models.sources.base import Source
from imgcls.records.config import ModelSpec


class PythonSource(Source):
    """``python:package.module:factory``."""

    libraries = ("torchvision", "timm")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:
        return (_factory(spec)[0],)

    def build(self, spec: ModelSpec) -> Any:
        # wherever a factory goes, the paths of others stay what they are
        with contextlib.chdir(Path.cwd()), folder_imports.first_from(spec.folder, _factory(spec)[0]):
            return _from_factory(spec)

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """What the factory returns, as it is."""
        if spec.weights is not None:
            raise ConfigError(
                f"[models.{spec.name}] weights: a python: factory publishes no '{spec.weights}'; give a file"
            )
        return base.build(spec), None

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:
        """The files of the factory, of the classes of all layers and of its preprocessing, by their modules' names."""
        module_name, factory_name = _factory(spec)
        factory = inspect.unwrap(getattr(sys.modules[module_name], factory_name))
        return own_code.files(module, sys.modules[module_name], factory)


SOURCE = PythonSource()


def _factory(spec: ModelSpec) -> tuple[str, str]:
    """The names of the module and of the factory in it."""
    module_name, _, factory_name = spec.architecture.name.partition(":")
    return module_name, factory_name


def _from_factory(spec: ModelSpec) -> Any:
    module_name, factory_name = _factory(spec)
    try:
        factory = getattr(import_module(module_name), factory_name)
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise ConfigError(f"[models.{spec.name}] arch: {spec.arch} cannot be imported: {one_line(error)}") from error
    return own_code.called(spec, factory, spec.options)
