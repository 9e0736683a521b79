"""What the inspection of a dataset found, in few words."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from imgcls import messages
from imgcls.data import listing as listings
from imgcls.inspection import check
from imgcls.messages import counted
from imgcls.preprocessing import formats
from imgcls.records.inspection import Finding, Inspection, Kind
from imgcls.scaffold import suffixless
from imgcls.scaffold.images import TestImages

MOST_INSPECTED: Final = 3000  # docs/decisions.md#a-first-look
"""Of how many images each is decoded and compared with all others."""

_SHOWN = 3  # docs/decisions.md#names-in-a-message

_PHRASES: Final[tuple[tuple[Kind, str], ...]] = (
    ("exact_in_label", "exact duplicate"),
    ("exact_across_labels", "exact duplicate under two labels"),
    ("near_in_label", "near duplicate"),
    ("near_across_labels", "near duplicate under two labels"),
    ("blank", "blank image"),
    ("tiny", "tiny image"),
)


def inspected(images: TestImages, say: Callable[[str], None]) -> Inspection | None:
    """What the images are like, next to each other and to those to train on; None where they are too many to look at.

    Where only those to train on are too many, a note has the command that compares them.
    """
    own = len(images.listing.images)
    if own > MOST_INSPECTED:
        return None
    others = listings.find_flat("training", images.training, sha256=listings.unhashed) if images.training else None
    is_compared = others is None or own + len(others.images) <= MOST_INSPECTED
    result = check.inspect(
        images.listing, others if is_compared else None, lambda what, done, total: say(f"{what}: {done} of {total}")
    )
    if is_compared:
        return result
    note = f"the images of {images.training} are too many to compare with here: {_check(images)} does"
    return replace(result, notes=(*result.notes, note))


def _check(images: TestImages) -> str:
    """The command that looks at the images, and at those to train on."""
    against = f" --against {shlex.quote(str(images.training))}" if images.training else ""
    return f"imgcls data check {shlex.quote(str(images.path if images.manifest is None else images.folder))}{against}"


def lines(images: TestImages, inspection: Inspection | None) -> Iterator[str]:
    """What is in the folder: classes, images, formats; then what is worth a look."""
    listing = images.listing
    by_suffix = Counter(PurePath(image.path).suffix.lower().lstrip(".") for image in listing.images)
    suffixes = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in by_suffix.most_common())
    of_formats = f" ({suffixes})" if suffixes else ""
    yield f"{counted(len(images.folders), 'class')}, {counted(len(listing.images), 'image')}{of_formats}"
    ignored = [f"{count} {suffix or 'without suffix'}" for suffix, count in listing.ignored_suffixes.items()]
    if ignored:
        yield f"ignored, because their names are not those of images: {messages.named(ignored)}"
    if "" in listing.ignored_suffixes and (without := suffixless.sentence(images.folder)):
        yield without
    if listing.empty_classes:
        yield f"without an image: {messages.named(listing.empty_classes, _SHOWN)}"
    yield from _of_inspection(images, inspection)


def _of_inspection(images: TestImages, inspection: Inspection | None) -> Iterator[str]:
    if inspection is None:
        yield f"near duplicates are not looked for among more than {MOST_INSPECTED:,} images: {_check(images)} does"
        return
    counts = [counted(inspection.count(kind), words) for kind, words in _PHRASES if inspection.count(kind)]
    yield ", ".join(counts) or "no exact duplicates, no near duplicates"
    yield from _about_training(images, inspection)
    if rejected := inspection.of_kind("rejected"):
        yield _rejected(images, rejected)


def _about_training(images: TestImages, inspection: Inspection) -> Iterator[str]:
    """Which of the images are also among those to train on, and the command that lists them."""
    if also := inspection.count("exact_against", "near_against"):
        verb = "is" if also == 1 else "are"
        yield f"{counted(also, 'image')} {verb} in {images.training}, too, or {verb} like one there: {_check(images)}"
    yield from (note for note in inspection.notes if note not in images.listing.notes)


def _rejected(images: TestImages, rejected: tuple[Finding, ...]) -> str:
    """Why a gate will fail, and what to do: no rejected image is allowed by default."""
    paths = [finding.images[0].path for finding in rejected]
    shown = messages.named(
        [f"{path} ({finding.detail})" for path, finding in zip(paths, rejected, strict=True)], _SHOWN
    )
    heif = "; pip install 'imgcls[heif]' reads HEIC" if has_heif(images) and formats.heif() is None else ""
    return f"{counted(len(rejected), 'image')} that cannot be scored, which fails the gate: {shown}{heif}"


def has_heif(images: TestImages) -> bool:
    """Whether there are images that need the extra ``heif``."""
    return any(PurePath(image.path).suffix.lower() in formats.HEIF for image in images.listing.images)
