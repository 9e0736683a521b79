"""What images and labels are: class lists, listed files, rejections; all frozen."""

from __future__ import annotations

import os
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from imgcls.errors import ConfigError
from imgcls.records.blocks import Blocks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


_HASHED = 32
"""Digits of a hash that are kept in memory."""

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


_Row = tuple[str, Any, bytes, str | None, dict[str, str] | None, str | None]


class Images(Sequence[ImageRef]):
    """The images of a dataset in order. Read-only; 16 bytes of memory for each, and a block of them at a time.

    ``labels``: the number of images by label; ``grouped``: of those that belong to a group. The ``sha256`` of each has
    64 digits.
    """

    def __init__(self, images: Iterable[ImageRef] = ()) -> None:
        """Consume an iterator, whose images need not fit into memory. Raises MachineError where the disk is full."""
        self._hashes, self.grouped = array("Q"), 0
        labels = Counter[str | None]()
        self._rows = Blocks(map(_row, self._counted(images, labels)))
        if sys.byteorder == "little":
            self._hashes.byteswap()
        self.labels: Mapping[str | None, int] = dict(labels)

    @classmethod
    def of(cls, images: Sequence[ImageRef]) -> Images:
        """A sequence of images as one of these."""
        return images if isinstance(images, Images) else cls(images)

    def _counted(self, images: Iterable[ImageRef], labels: Counter[str | None]) -> Iterator[ImageRef]:
        for image in images:
            labels[image.label] += 1
            self.grouped += image.group is not None
            self._hashes.frombytes(bytes.fromhex(image.sha256[:_HASHED]))
            yield image

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """Uint64 (n, 2): the first 16 bytes of the sha256 of each image's bytes, so that they sort as the hashes do."""
        import numpy as np

        hashes = np.frombuffer(self._hashes, dtype=np.uint64).reshape(-1, 2)
        hashes.flags.writeable = False
        return hashes

    def at(self, positions: Iterable[int]) -> Iterator[ImageRef]:
        """The images at these positions; each block is read once where the positions are sorted."""
        return map(_image, self._rows.at(positions))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ImageRef]:
        return map(_image, self._rows)

    @overload
    def __getitem__(self, index: int) -> ImageRef: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ImageRef, ...]: ...
    def __getitem__(self, index: int | slice) -> ImageRef | tuple[ImageRef, ...]:
        if isinstance(index, slice):
            return tuple(self.at(range(len(self))[index]))
        return next(self.at([range(len(self))[index]]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compared by content, of which there may be much

    def __repr__(self) -> str:
        return f"Images({list(self[:3])}{f' and {len(self) - 3} more' if len(self) > 3 else ''})"


def _row(image: ImageRef) -> _Row:
    return (
        image.path,
        packed_place(image.place),
        bytes.fromhex(image.sha256),
        image.label,
        dict(image.columns) or None,
        image.group,
    )


def _image(row: _Row) -> ImageRef:
    path, stored, sha256, label, columns, group = row
    return ImageRef(path, place_of(stored), sha256.hex(), label, columns or {}, group)


def packed_place(place: Place) -> Any:
    """A place as plain values, for :func:`place_of`."""
    return os.fspath(place) if isinstance(place, Path) else (place.form, place.container, place.name, place.at)


def place_of(packed: Any) -> Place:
    """The place that :func:`packed_place` packed."""
    return Path(packed) if isinstance(packed, str) else Member(*packed)


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

    ``images``: any sequence of them is taken. ``ignored_suffixes``: the number of ignored paths by suffix, lower case.
    ``empty_classes``: class folders without an image. ``notes``: what was guessed or left out on the way, a sentence
    each. ``elsewhere``: of one shard of a dataset, the number of images of the other shards by label; ``all_paths``:
    the number of the paths of all shards but ignored ones, and a digest of them.
    """

    images: Images
    rejections: tuple[Rejection, ...]
    ignored: int
    ignored_suffixes: Mapping[str, int] = field(default_factory=dict)
    empty_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    all_paths: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", Images.of(self.images))
