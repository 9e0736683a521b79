"""What counts once: an image, however often its bytes are listed, or a group of images that are not independent."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from imgcls import messages

if TYPE_CHECKING:
    from imgcls.records.evaluation import Scores
    from imgcls.records.report import Result

ImageKey = tuple[str, str | None]
"""An image: sha256 of its bytes, and label."""


def merged(memberships: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each image by the hash of its bytes; groups that share an image are one, by its first name.

    ``memberships``: (sha256, group). Images that belong to none are not in the result.
    """
    pairs = list(dict.fromkeys(memberships))
    if len(group_of := dict(pairs)) == len(pairs):
        return group_of  # no image is in two groups
    from scipy.cluster.hierarchy import DisjointSet

    together = DisjointSet([*((None, group) for _, group in pairs), *((sha256, None) for sha256, _ in pairs)])
    for sha256, group in pairs:
        together.merge((sha256, None), (None, group))
    names: dict[Hashable, str] = {}
    for group in sorted({group for _, group in pairs}):
        names.setdefault(together[None, group], group)
    return {sha256: names[together[sha256, None]] for sha256, _ in pairs}


def drawn(images: Sequence[ImageKey], groups: Mapping[str, str], *, by_label: bool = False) -> list[int]:
    """The places of the images that count, one of each unit, in order; with ``by_label`` one of each unit and label.

    The unit of an image is its group, by the hash of its bytes, or else these bytes. Which image of a group counts is
    drawn by a hash of its bytes, so that it is known before any prediction, is the same for every model, and is no
    other when files are copied or renamed (docs/decisions.md#what-counts-once).
    """
    places: dict[Hashable, int] = {}
    for place, image in enumerate(images):
        sha256, label = image
        group = groups.get(sha256)
        unit = (sha256 if group is None else None, group, label if by_label else None)
        best = images[places.setdefault(unit, place)]
        if image != best and draw(image) < draw(best):
            places[unit] = place
    return sorted(places.values())


def draw(image: ImageKey) -> bytes:
    """What decides which image of a unit counts: the smallest of these hashes does."""
    sha256, label = image
    return hashlib.sha256(f"{sha256} {label}".encode("utf-8", "surrogatepass")).digest()


# In words.


def total(counts: Scores | Result) -> str:
    """How many units there are: ``1000``, ``50 distinct of 1000`` or ``37 groups of 412``."""
    units = counts.counted.scored
    if units == counts.scored:
        return str(units)
    return f"{f'{units} distinct' if units == counts.distinct else messages.counted(units, 'group')} of {counts.scored}"


def kind(counts: Scores | Result) -> str:
    """What a unit is called: ``image``, ``distinct image`` or ``group``."""
    units = counts.counted.scored
    return "image" if units == counts.scored else "distinct image" if units == counts.distinct else "group"


def total_compared(images: int, of_images: int | None) -> str:
    """How many units were compared: ``1000``, or ``37 groups of 412`` where one image of each group counts."""
    return str(images) if of_images is None else f"{messages.counted(images, 'group')} of {of_images}"
