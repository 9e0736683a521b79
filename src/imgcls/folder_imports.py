"""Imports of a user's own code from the folder of the configuration that names it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path


@contextmanager
def first_from(folder: Path, module: str) -> Iterator[None]:
    """Until the context ends, a module that is in ``folder`` is imported from there, not one of its name elsewhere.

    The working folder, which a specification without a configuration has, is left to Python's import path.
    """
    package = module.partition(".")[0]
    place = str(folder.absolute())
    spec = None if folder == Path() else PathFinder.find_spec(package, [place])
    if spec is None:
        yield
        return
    if spec.origin:
        _forget_other(package, spec.origin)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


def _forget_other(package: str, origin: str) -> None:
    """Drop a module of this name, with all in it, that was imported from another file."""
    loaded = getattr(sys.modules.get(package), "__file__", None)
    if loaded and Path(loaded).resolve() != Path(origin).resolve():
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
