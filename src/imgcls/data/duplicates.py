"""The same bytes under two labels, for which no prediction could be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from imgcls import messages
from imgcls.data import suffixes
from imgcls.errors import ConfigError
from imgcls.records.config import Duplicates
from imgcls.records.data import ImageRef, Listing


def resolve(listing: Listing, policy: Duplicates) -> Listing:
    """The listing in which all images of the same bytes have one label.

    ``drop`` leaves out every image of such bytes; ``keep_first`` those whose label is not the label of the first path.
    What is left out counts as ignored, and a note names it. Raises :class:`ConfigError` for ``error``, with all pairs.
    """
    pairs = _pairs(listing)
    if not pairs:
        return listing
    if policy == "error":
        raise ConfigError(f'{_error(pairs)}, or set duplicates = "drop" or "keep_first" in the dataset')
    others = [other for _, other in pairs]
    doubtful = {image.sha256 for image in others}
    left_out = others if policy == "keep_first" else [image for image in listing.images if image.sha256 in doubtful]
    return _without(listing, left_out, policy)


def require_one_label(listing: Listing) -> None:
    """Raise :class:`ConfigError`, with all pairs, where the same bytes are listed under two labels."""
    if pairs := _pairs(listing):
        raise ConfigError(_error(pairs))


def _pairs(listing: Listing) -> list[tuple[ImageRef, ImageRef]]:
    """The first image of its bytes and each later one that has another label."""
    first_of: dict[str, ImageRef] = {}
    for image in listing.images:
        first_of.setdefault(image.sha256, image)
    firsts = ((first_of[image.sha256], image) for image in listing.images)
    return [(first, image) for first, image in firsts if first.label != image.label]


def _error(pairs: Sequence[tuple[ImageRef, ImageRef]]) -> str:
    shown = [f"{a.path} is {a.label!r} and {b.path} is {b.label!r}" for a, b in pairs]
    return f"the same bytes have two labels: {messages.sentences(shown)}; remove the files that are wrong"


def _without(listing: Listing, left_out: Sequence[ImageRef], policy: Duplicates) -> Listing:
    paths = {image.path for image in left_out}
    ignored = Counter(listing.ignored_suffixes)
    ignored.update(suffixes.by_suffix(map(PurePosixPath, paths)))
    count = f"{len(paths)} image{'s' if len(paths) > 1 else ''}"
    note = (
        f'duplicates = "{policy}" leaves out {count}, because the same bytes are listed under another label: '
        f"{messages.named(sorted(paths))}"
    )
    images = tuple(image for image in listing.images if image.path not in paths)
    emptied = {str(image.label) for image in left_out} - {str(image.label) for image in images}
    return replace(
        listing,
        images=images,
        ignored=listing.ignored + len(paths),
        ignored_suffixes=dict(ignored),
        empty_classes=(*listing.empty_classes, *sorted(emptied)),
        notes=(*listing.notes, note),
    )
