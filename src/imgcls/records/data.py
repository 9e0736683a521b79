"""What images and labels are: class lists, listed files, rejections; all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imgcls.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LabelList:
    """The classes of a network in the order of its outputs; ``wnids`` where they are WordNet's."""

    source: str
    names: tuple[str, ...]
    wnids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Which class indices are right for each folder, and how many ids of a map the head lacks.

    ``notes``: what was assumed, a sentence each.
    """

    accepted: Mapping[str, frozenset[int]]
    ids_ignored: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """Where bytes are that are not a file of this machine: ``name`` in a ``container``, a path or a URL.

    ``form``: what reads it, a row of :data:`imgcls.data.places.forms.FORMS`. ``at``: where it is in the container, in
    numbers of that form.
    """

    form: str
    container: str
    name: str
    at: tuple[int, ...] = ()


Place = Path | Member
"""Where the bytes of an image are."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One listed image: ``path`` relative to its dataset, ``place`` of its bytes, ``label`` its folder.

    ``columns``: what a manifest states of it in addition to path and label. ``group``: of images that are not
    independent, as those of one patient.
    """

    path: str
    place: Place
    sha256: str
    label: str | None
    columns: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None

    @property
    def file(self) -> Path:
        """The file whose bytes it is. Raises ConfigError where it is not a file of this machine."""
        if isinstance(self.place, Path):
            return self.place
        raise ConfigError(
            f"{self.path} is not a file of its own, which is needed here: unpack the dataset into a folder per class"
        )


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells, without a look at its bytes, that a file is likely the one that it was; ``path`` is absolute."""

    path: Path
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A path that could not be scored. ``reason`` is one word, ``detail`` a sentence.

    ``models``: those that have no pixels of it; empty where it was not even read, so that none has any.
    """

    dataset: str
    path: str
    reason: str
    detail: str
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a dataset's folder holds: each path is in exactly one of the three.

    ``ignored_suffixes``: the number of ignored paths by suffix, lower case. ``empty_classes``: class folders without
    an image. ``notes``: what was guessed or left out on the way, a sentence each. ``elsewhere``: of one shard of a
    dataset, the number of images of the other shards by label.
    """

    images: tuple[ImageRef, ...]
    rejections: tuple[Rejection, ...]
    ignored: int
    ignored_suffixes: Mapping[str, int] = field(default_factory=dict)
    empty_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
