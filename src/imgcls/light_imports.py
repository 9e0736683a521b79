"""Imports torchvision and timm without torch's compiler, which they hardly need and which takes as long as they do."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

COMPILER, UTILITIES = "torch._dynamo", "torch._dynamo.utils"

_LOCK = threading.RLock()


def torchvision(name: str = "torchvision") -> Any:
    """Torchvision, or a module of it (docs/decisions.md#torchvision-without-the-compiler)."""
    if "torchvision" in sys.modules or COMPILER in sys.modules:
        return import_module(name)
    import torch  # noqa: F401 - while it is imported itself, its compiler is what it expects

    with _LOCK, _later():
        import_module("torchvision")
    return import_module(name)


def timm(name: str = "timm") -> Any:
    """Timm, or a module of it (docs/decisions.md#timm-without-the-compiler)."""
    if "timm" in sys.modules or COMPILER in sys.modules:
        return import_module(name)
    torchvision()
    with _LOCK, _disabling_later():
        import_module("timm")
    return import_module(name)


# A module instead of the compiler.


@contextmanager
def _later() -> Iterator[None]:
    """While it is open, an import of the compiler is put off until something of it is used."""
    stand_ins = {name: _StandIn(name) for name in (COMPILER, UTILITIES)}
    vars(stand_ins[COMPILER])["__path__"] = []  # it is a package
    vars(stand_ins[UTILITIES])["is_compile_supported"] = _is_compile_supported
    for name, stand_in in stand_ins.items():
        sys.modules.setdefault(name, stand_in)  # another thread may have begun to import it
    try:
        yield
    finally:
        _remove()


def _remove() -> None:
    for name in (COMPILER, UTILITIES):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


class _StandIn(ModuleType):
    """A module that is imported when something of it is used, whoever holds this one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _remove()
        return getattr(import_module(self.__name__), name)


def _is_compile_supported(device_type: str) -> bool:
    """What torchvision imports by name: the compiler's own answer."""
    return bool(import_module(UTILITIES).is_compile_supported(device_type))


# Functions that are disabled for the compiler before it is imported.


@contextmanager
def _disabling_later() -> Iterator[None]:
    """While it is open, a function that is to be disabled for the compiler is that as soon as there is a compiler."""
    import torch

    compiling: Any = torch.compiler  # its functions have no types
    own, deferred = compiling.disable, _Deferred()

    @functools.wraps(own)
    def disable(fn: Any = None, *args: Any, **settings: Any) -> Any:
        if not isinstance(fn, FunctionType) or compiling.disable is own:
            return own(fn, *args, **settings)
        return deferred.function(fn, lambda: own(fn, *args, **settings))

    compiling.disable = disable
    sys.meta_path.insert(0, deferred)
    try:
        yield
    finally:
        compiling.disable = own
        if COMPILER in sys.modules:  # while functions were added
            deferred.settle(import_module(COMPILER))


class _Deferred:
    """Functions that are replaced by other ones when the compiler is imported: before, nothing is compiled.

    As a finder of modules it finds the compiler where it is.
    """

    def __init__(self) -> None:
        self._settle: list[Callable[[Any], None]] = []

    def function(self, original: FunctionType, disabled: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """A function that calls the original one, and from then on the disabled one, which it looks like."""
        current: Callable[..., Any] = original

        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            return current(*args, **kwargs)

        def settle(compiler: Any) -> None:
            nonlocal current
            current = disabled()
            functools.update_wrapper(compiler.decorators.skip(function), current)

        self._settle.append(settle)
        return function

    def settle(self, compiler: ModuleType) -> None:
        """Disable every function, once."""
        while self._settle:
            self._settle.pop()(compiler)
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The compiler's, whose functions are disabled when it has been executed; None of any other module."""
        spec = PathFinder.find_spec(name, path, target) if name == COMPILER else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del vars(spec.loader)["exec_module"]
            execute(module)
            self.settle(module)

        vars(spec.loader)["exec_module"] = exec_module
        return spec
