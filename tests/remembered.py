"""What is the same in every test of a process, and is found out once in it: what is installed, our source, bounds."""

import site
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from imgcls.models import identity
from imgcls.stats import noninferiority

SITE = frozenset(site.getsitepackages())
"""Where nothing is installed while tests run; everything that a test installs is in its own folder."""

OWN_PACKAGE = identity.PACKAGE

found, _version, _source_sha256 = metadata.distributions, metadata.version, identity.source_sha256


@contextmanager
def remembered() -> Iterator[None]:
    """Within, these functions return what they have returned before for the same arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "distributions", distributions)
        patch.setattr(metadata, "version", version)
        patch.setattr(identity, "source_sha256", source_sha256)
        patch.setattr(noninferiority, "difference_bounds", cache(noninferiority.difference_bounds))
        yield


class Installed(metadata.PathDistribution):
    """A distribution whose files are read once."""

    @cached_property
    def metadata(self) -> Any:
        """Its name, its version and what else its METADATA has."""
        return super().metadata

    @cached_property
    def entry_points(self) -> Any:
        """Its entry points."""
        return super().entry_points

    @cached_property
    def files(self) -> Any:
        """What was installed with it."""
        return super().files


def distributions(**context: Any) -> Iterable[metadata.Distribution]:
    """All distributions on the import path, in its order."""
    if context:
        return found(**context)
    return chain.from_iterable(_installed(folder) if folder in SITE else found(path=[folder]) for folder in sys.path)


@cache
def _installed(folder: str) -> tuple[Installed, ...]:
    return tuple(Installed(path) for path in Path(folder).iterdir() if path.suffix in {".dist-info", ".egg-info"})


def version(name: str) -> str:
    """The version of a distribution; PackageNotFoundError is not remembered."""
    return _installed_version(name) or _version(name)


@cache
def _installed_version(name: str) -> str | None:
    return next((distribution.version for distribution in found(name=name, path=[*SITE])), None)


def source_sha256(*patterns: str) -> str:
    """That of our own package; a copy of it, which a test edits, is read anew."""
    return _own_sha256(*patterns) if identity.PACKAGE is OWN_PACKAGE else _source_sha256(*patterns)


_own_sha256 = cache(_source_sha256)
