"""Looks at every image of a set once, and states what would distort a test and what is worth knowing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

from imgcls import messages
from imgcls.inspection import findings, looks
from imgcls.inspection.looks import Look
from imgcls.preprocessing import decode
from imgcls.records.data import ImageRef, Images, Listing, Rejection
from imgcls.records.evaluation import Progress
from imgcls.records.inspection import Inspection
from imgcls.system import machine

IMAGES, NEAR = "images", "near duplicates"
"""What progress is called while files are read, and while their images are held against each other."""

_NOTHING = Listing(Images(), (), 0)


def _silent(dataset: str, done: int, total: int) -> None:
    """Show no progress."""


def inspect(
    listing: Listing,
    against: Listing | None = None,
    progress: Progress = _silent,
    *,
    exif: Literal["ignore", "apply"] = "ignore",
    max_megapixels: float | None = None,
) -> Inspection:
    """What the images of a listing are like, next to each other and next to those of ``against``.

    Every file is read once, and hashed from that reading: a listing whose files were not hashed
    (``list_images(dataset, listing.unhashed)``) will do. ``exif`` and ``max_megapixels``: of the dataset.
    What cannot be read or decoded is a finding, never an error.
    """
    others = against or _NOTHING
    with decode.quiet_pillow(max_megapixels):
        every = _looks([*listing.images, *others.images], exif, progress)
    own, of_others = _parted(every[: len(listing.images)]), _parted(every[len(listing.images) :])
    labels = Counter(look.image.label for look in own[0] if look.image.label is not None)
    return Inspection(
        images=len(own[0]),
        classes=dict(sorted(labels.items())),
        formats=dict(Counter(look.format for look in own[0]).most_common()),
        findings=findings.of([*listing.rejections, *own[1]], own[0], of_others[0], partial(progress, NEAR)),
        ignored=listing.ignored,
        empty_classes=listing.empty_classes,
        notes=(*listing.notes, *_left_out(len(others.rejections) + len(of_others[1]))),
    )


def _looks(images: Sequence[ImageRef], exif: Literal["ignore", "apply"], progress: Progress) -> list[Look | Rejection]:
    """A look at every image, in their order."""
    every: list[Look | Rejection] = []
    with ThreadPoolExecutor(machine.threads(), "imgcls-inspection") as pool:
        for one in pool.map(partial(looks.look, exif=exif), images):
            every.append(one)
            progress(IMAGES, len(every), len(images))
    return every


def _parted(every: Sequence[Look | Rejection]) -> tuple[list[Look], list[Rejection]]:
    return [one for one in every if isinstance(one, Look)], [one for one in every if isinstance(one, Rejection)]


def _left_out(rejected: int) -> tuple[str, ...]:
    """A sentence on the images of the other set that nothing is held against."""
    if not rejected:
        return ()
    return (f"{messages.counted(rejected, 'image')} of the other set gave no pixels, and nothing is held against them",)
