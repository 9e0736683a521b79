"""Published weights files: where they come from, which of them a lock lists, and how a model may get them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NOT_STATED = "not stated"
"""The licence of a file whose publisher states none."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as its publisher has it: at a URL, or in a repository of Hugging Face's hub.

    ``name``: the last part of the URL, or the path in the repository. ``revision``: the branch, tag or commit that was
    requested of the repository; None is its main branch. ``sha256_start``: what the publisher states of the hash.
    """

    name: str
    url: str | None = None
    repository: str | None = None
    revision: str | None = None
    sha256_start: str | None = None

    @property
    def origin(self) -> tuple[str | None, str | None, str | None, str]:
        """What distinguishes it from all other published files."""
        return (self.url, self.repository, self.revision, self.name)


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One entry of a lock: ``url``, or ``repository`` and ``commit``, or neither for a file of the user's own.

    ``path``: where it lies in a folder that is carried with the lock, or the user's own file. ``licence_from``: who
    states the licence. ``models``: the names of the models that load it.
    """

    name: str
    sha256: str
    size: int
    url: str | None = None
    repository: str | None = None
    revision: str | None = None
    commit: str | None = None
    path: Path | None = None
    licence: str = NOT_STATED
    licence_from: str | None = None
    models: tuple[str, ...] = ()

    @property
    def origin(self) -> tuple[str | None, str | None, str | None, str]:
        """As of :class:`PublishedFile`."""
        return (self.url, self.repository, self.revision, self.name)

    @property
    def is_published(self) -> bool:
        """Whether it can be fetched."""
        return self.url is not None or self.repository is not None

    @property
    def source(self) -> str:
        """Where it comes from, as one text."""
        if self.repository:
            return f"{self.repository}@{self.commit or self.revision or 'main'}"
        return self.url or "own file"

    def as_published(self) -> PublishedFile:
        """The same file as its publisher has it, at the locked commit."""
        return PublishedFile(self.name, self.url, self.repository, self.commit or self.revision, self.sha256)


@dataclass(frozen=True, slots=True)
class WeightsLock:
    """``imgcls.lock``: the weights that may be loaded. ``file``: where it stands; paths of entries are whole."""

    file: Path
    files: tuple[LockedFile, ...] = ()

    def entry(self, published: PublishedFile) -> LockedFile | None:
        """The entry of a published file; None where it is not listed."""
        return next((entry for entry in self.files if entry.origin == published.origin), None)

    def holds(self, sha256: str) -> bool:
        """Whether a file with this hash is listed."""
        return any(entry.sha256 == sha256 for entry in self.files)


@dataclass(frozen=True, slots=True)
class Gathering:
    """Requests that published files be listed, whether the lock has them or not; ``files``: where each lies.

    ``folder``: where they are put; None leaves them in the caches of their libraries.
    """

    folder: Path | None = None
    files: dict[PublishedFile, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WeightsAccess:
    """How a model gets its weights: only what ``lock`` lists, where there is one, and never fetched where offline.

    ``model``: the name of the model, for the next step in messages. ``quiet``: downloads show no progress.
    """

    model: str = ""
    lock: WeightsLock | None = None
    offline: bool = False
    gathering: Gathering | None = None
    quiet: bool = False
