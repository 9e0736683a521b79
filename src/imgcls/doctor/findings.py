"""What a check has to say, and what it looks at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from packaging.utils import canonicalize_name

Level = Literal["ok", "note", "warning", "broken"]
"""``note``: worth knowing; ``warning``: something will be slower, fail elsewhere or mislead; ``broken``: it fails."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line about the machine. ``remedy``: the command or the setting that mends it, empty where nothing is to do.

    ``check``: the name of the check that found it.
    """

    level: Level
    text: str
    remedy: str = ""
    check: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What a child process tried. ``error``: the exception in one line, None where it worked."""

    name: str
    error: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


Steps = Mapping[str, Step]
"""By name, those that were tried before the child process ended."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What checks look at. ``packages``: the versions of what is installed, by normalised name.

    ``folder``: where the command was started. ``libraries``: torch and what is built on it, as a child process imports
    them.
    """

    environ: Mapping[str, str]
    folder: Path
    packages: Mapping[str, str]
    libraries: Future[Steps]


Check = Callable[[Evidence], Iterable[Finding]]


def collect(libraries: Future[Steps]) -> Evidence:
    """The evidence of this process."""
    return Evidence(os.environ, Path.cwd(), installed(), libraries)


def home() -> Path:
    """The user's folder; ``~`` itself where the system knows none, as in containers with a number for a user."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises there


def installed() -> dict[str, str]:
    """The version of every installed package, by its name in small letters with hyphens.

    Of two of one name the one that is imported; what an interrupted installation left is passed over.
    """
    versions: dict[str, str] = {}
    for package in metadata.distributions():
        with suppress(Exception):
            versions.setdefault(canonicalize_name(package.metadata["Name"]), package.version)
    return versions
