"""The same bytes under two labels, for which no prediction could be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from imgcls import messages
from imgcls.data import same_bytes, suffixes
from imgcls.data.same_bytes import Repeated
from imgcls.errors import ConfigError
from imgcls.records.config import Duplicates
from imgcls.records.data import ImageRef, Images, Listing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def resolve(listing: Listing, policy: Duplicates) -> Listing:
    """The listing in which all images of the same bytes have one label.

    ``drop`` leaves out every image of such bytes; ``keep_first`` those whose label is not the label of the first path.
    What is left out counts as ignored, and a note names it. Raises :class:`ConfigError` for ``error``, with all pairs.
    """
    repeats = same_bytes.repeated(listing.images)
    is_other = repeats.is_other_label
    if not is_other.any():
        return listing
    if policy == "error":
        pairs = _pairs(listing.images, repeats)
        raise ConfigError(f'{_error(pairs)}, or set duplicates = "drop" or "keep_first" in the dataset')
    return _without(listing, repeats.positions[is_other if policy == "keep_first" else _doubtful(repeats)], policy)


def require_one_label(listing: Listing) -> None:
    """Raise :class:`ConfigError`, with all pairs, where the same bytes are listed under two labels."""
    repeats = same_bytes.repeated(listing.images)
    if repeats.is_other_label.any():
        raise ConfigError(_error(_pairs(listing.images, repeats)))


def _pairs(images: Images, repeats: Repeated) -> list[tuple[ImageRef, ImageRef]]:
    """The first image of its bytes and each later one that has another label."""
    firsts, others = (of[repeats.is_other_label].tolist() for of in (repeats.firsts, repeats.positions))
    return list(zip(images.at(firsts), images.at(others), strict=True))


def _doubtful(repeats: Repeated) -> NDArray[np.bool_]:
    """Bool (m,): whether the bytes of an image have several labels."""
    import numpy as np

    return np.isin(repeats.firsts, repeats.firsts[repeats.is_other_label])


def _error(pairs: Sequence[tuple[ImageRef, ImageRef]]) -> str:
    shown = [f"{a.path} is {a.label!r} and {b.path} is {b.label!r}" for a, b in pairs]
    return f"the same bytes have two labels: {messages.sentences(shown)}; remove the files that are wrong"


def _without(listing: Listing, positions: NDArray[np.int64], policy: Duplicates) -> Listing:
    """The listing without the images at these positions."""
    left_out = list(listing.images.at(positions.tolist()))
    paths = [image.path for image in left_out]
    ignored = Counter(listing.ignored_suffixes)
    ignored.update(suffixes.by_suffix(map(PurePosixPath, paths)))
    count = f"{len(paths)} image{'s' if len(paths) > 1 else ''}"
    note = (
        f'duplicates = "{policy}" leaves out {count}, because the same bytes are listed under another label: '
        f"{messages.named(sorted(paths))}"
    )
    images = Images(_except(listing.images, positions))
    emptied = {str(image.label) for image in left_out} - set(map(str, images.labels))
    return replace(
        listing,
        images=images,
        ignored=listing.ignored + len(paths),
        ignored_suffixes=dict(ignored),
        empty_classes=(*listing.empty_classes, *sorted(emptied)),
        notes=(*listing.notes, note),
    )


def _except(images: Images, positions: NDArray[np.int64]) -> Iterator[ImageRef]:
    import numpy as np

    stays = np.ones(len(images), np.uint8)
    stays[positions] = 0
    return compress(images, stays.tobytes())
