"""Code that no library's version covers: it is run, and its files are part of every prediction's key."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls.errors import ModelError
from imgcls.messages import one_line
from imgcls.records.config import ModelSpec

if TYPE_CHECKING:
    import torch

LIBRARIES = frozenset({"torch", "torchvision", "timm"})
"""Top-level modules whose code is covered by the versions in a prediction's key."""

PYTHONS = Path(sysconfig.get_path("stdlib")).resolve()
"""The folder of Python's own modules."""

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""What the folders of installed packages are called."""


def called(spec: ModelSpec, factory: Callable[..., Any], options: Mapping[str, Any]) -> torch.nn.Module:
    """The network that a factory returns. Raises ModelError, also where it returns something else."""
    import torch

    try:
        module = factory(**options)
    except (Exception, SystemExit) as error:  # a factory may raise anything, and other models go on
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"[models.{spec.name}] {spec.arch} failed: {reason}") from error
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"[models.{spec.name}] {spec.arch} returned a {type(module).__name__}, not a torch.nn.Module")
    return module


def files(module: torch.nn.Module, *others: Any) -> dict[str, str]:
    """The sha256 of the files of all layers' classes, of its own preprocessing and of these too, by module.

    And of whatever these import of the user's own modules. ``others``: functions, classes and modules.
    """
    classes = {parent for layer in module.modules() for parent in type(layer).__mro__}
    own = getattr(module, "preprocess", None)
    named = (*classes, *others, *_parts(own))
    names = {code.__name__ if inspect.ismodule(code) else getattr(code, "__module__", None) for code in named}
    return dict(_hashes(_with_imports(name for name in names if name)))


def _parts(function: Any) -> Iterator[Any]:
    """A function, or the class of an object that is called, with all that either is made of."""
    if not callable(function):
        return
    if isinstance(function, functools.partial):
        yield from _parts(function.func)
        return
    yield inspect.unwrap(function) if inspect.isroutine(function) else type(function)
    for part in getattr(function, "transforms", ()):  # torchvision's Compose
        yield from _parts(part)


def _with_imports(names: Iterable[str]) -> set[str]:
    """The names of modules, and of the user's modules that the user's ones among them import, directly or not."""
    known = set(names)
    waiting = list(known)
    while waiting:
        name = waiting.pop()
        imported = {other for other in _imports(name) if _is_users(other)} if _is_users(name) else set()
        waiting += imported - known
        known |= imported
    return known


def _is_users(name: str) -> bool:
    """Whether a module is the user's: it is neither Python's, nor installed, nor ours."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file or name.partition(".")[0] in {*LIBRARIES, "imgcls"}:
        return False
    path = Path(file).resolve()
    return INSTALLED.isdisjoint(path.parts) and not path.is_relative_to(PYTHONS)


def _imports(name: str) -> Iterator[str]:
    """The names of what the source of a module imports, and of the packages around that."""
    module: Any = sys.modules[name]
    nodes: Iterable[ast.AST] = ()
    with suppress(SyntaxError, ValueError, OSError, AttributeError):  # compiled code imports what cannot be known
        nodes = ast.walk(ast.parse(module.__loader__.get_data(module.__file__)))
    for node in nodes:
        for path in _imported(node, module.__package__ or name):
            parts = path.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _imported(node: ast.AST, package: str) -> list[str]:
    """What a statement imports: modules, or names in one of which some may be modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        with suppress(ImportError):  # a relative import beyond the package, which was never reached
            module = resolve_name("." * node.level + (node.module or ""), package)
            return [f"{module}.{alias.name}" for alias in node.names]
    return []


def _hashes(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names of those modules that come from files, also in archives, and the sha256 of each file."""
    for name in modules:
        module: Any = sys.modules.get(name)
        is_covered = name.partition(".")[0] in LIBRARIES
        if not is_covered and getattr(module, "__file__", None) and hasattr(module.__loader__, "get_data"):
            yield name, hashlib.sha256(module.__loader__.get_data(module.__file__)).hexdigest()
