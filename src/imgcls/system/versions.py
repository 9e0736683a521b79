"""Which versions of which libraries are installed: the one list of those that a prediction depends on."""

import platform
import re
import sys
from contextlib import suppress
from importlib import import_module, metadata, util
from pathlib import Path

from imgcls import extensions

LIBRARIES = ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy")

READERS = ("safetensors", "huggingface-hub")
"""Libraries that find and read files of weights, and change no prediction."""

RUNTIME_LIBRARIES = {name: row.library for name, row in extensions.RUNTIMES.items() if row.library}
"""Runtimes with a library of their own, whose version is part of every prediction's key."""


def libraries() -> dict[str, str]:
    """The version of Python and of every library of :data:`LIBRARIES`."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


def torch() -> str:
    """torch's own name of its version, such as ``2.14.1+cu130``, read from its file where nobody has imported it."""
    if "torch" not in sys.modules and (package := util.find_spec("torch")) and package.origin:
        with suppress(OSError):
            source = Path(package.origin).with_name("version.py").read_text("utf-8")
            if stated := re.search(r"^__version__ = '([^'\\]+)'$", source, re.MULTILINE):
                return stated[1]
    return str(import_module("torch").__version__)


def readers() -> dict[str, str]:
    """The version of every library of :data:`READERS`."""
    return {name: metadata.version(name) for name in READERS}


def environment() -> dict[str, str]:
    """:func:`libraries`, the platform, and the libraries of runtimes that are installed."""
    own = {name: version for runtime in RUNTIME_LIBRARIES for name, version in of_runtime(runtime).items()}
    return {"platform": platform.platform(), **libraries(), **own}


def has_library(runtime: str) -> bool:
    """Whether the library that a runtime needs is installed; true for runtimes that need none."""
    row = extensions.runtime(runtime)
    return row is None or row.library is None or bool(of_runtime(runtime))


def of_runtime(runtime: str) -> dict[str, str]:
    """The library of a runtime and its version; empty where it has none of its own, or that is not installed."""
    row = extensions.runtime(runtime)
    for package in (row.library, *row.variants) if row and row.library else ():
        with suppress(metadata.PackageNotFoundError):
            return {package: metadata.version(package)}
    return {}
