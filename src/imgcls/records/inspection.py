"""What is wrong with the images of a set, or worth knowing, before anything is predicted: findings by kind; frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal[
    "rejected",
    "exact_across_labels",
    "near_across_labels",
    "exact_against",
    "near_against",
    "exact_in_label",
    "near_in_label",
    "blank",
    "tiny",
    "wrong_suffix",
    "turned",
]
"""What a finding is.

- ``rejected``: a file that no prediction is made for, for the reason that scoring has.
- ``exact_…``: images of the same bytes; ``near_…``: images that look the same. ``…_across_labels``: under several
  labels of the set; ``…_in_label``: under one; ``…_against``: in the set and in the one it is held against.
- ``blank``: nearly one colour. ``tiny``: a side of few pixels.
- ``wrong_suffix``: the name states another format than the bytes. ``turned``: the file has an Exif orientation, which
  the dataset does not apply.
"""

DISTORTING: Final[frozenset[Kind]] = frozenset(
    {"rejected", "exact_across_labels", "near_across_labels", "exact_against", "near_against"}
)
"""The kinds by which a test would state something untrue; all others are for information."""


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """One file of a finding: its path in its set, its label, and whether the set is the one that is held against."""

    path: str
    label: str | None
    is_against: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One file, or a group of files that are alike, in the order of their set; ``detail``: what it is, in words."""

    kind: Kind
    images: tuple[ImagePlace, ...]
    detail: str = ""

    @property
    def is_distorting(self) -> bool:
        """Whether a test on these images would state something untrue."""
        return self.kind in DISTORTING


@dataclass(frozen=True, slots=True)
class Inspection:
    """A set of images as it was found.

    ``images``: files that gave pixels. ``classes``: how many of them by label; of images without labels, empty.
    ``formats``: how many by format, as Pillow names it. ``empty_classes``, ``ignored`` and ``notes``: as in
    :class:`imgcls.records.data.Listing`. ``findings``: in the order of :data:`Kind`, then of paths.
    """

    images: int
    classes: Mapping[str, int]
    formats: Mapping[str, int]
    findings: tuple[Finding, ...]
    ignored: int = 0
    empty_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def of_kind(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def count(self, *kinds: Kind) -> int:
        """The number of findings (files, or groups of files that are alike) of these kinds."""
        return sum(finding.kind in kinds for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found that distorts a test."""
        return not any(finding.is_distorting for finding in self.findings)
