"""What looks at files amount to: findings by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import get_args

from imgcls.inspection import near
from imgcls.inspection.looks import Look
from imgcls.records.data import Rejection
from imgcls.records.inspection import Finding, ImagePlace, Kind

ByBytes = Mapping[str, Sequence[Look]]
"""The looks at all files of the same bytes, by their sha256."""

_KINDS: tuple[Kind, ...] = get_args(Kind)


def of(
    rejections: Sequence[Rejection],
    own: Sequence[Look],
    others: Sequence[Look],
    progress: Callable[[int, int], None],
) -> tuple[Finding, ...]:
    """The findings of a set, and of ``others`` that it is held against, by kind and then by path.

    ``progress`` is called while images are held against each other.
    """
    of_own, of_others = _by_bytes(own), _by_bytes(others)
    every = [
        *(Finding("rejected", (ImagePlace(one.path, None),), f"{one.reason}: {one.detail}") for one in rejections),
        *_exact(of_own, of_others),
        *_near(of_own, of_others, progress),
        *_single(own),
    ]
    return tuple(sorted(every, key=lambda one: (_KINDS.index(one.kind), one.images[0].path)))


def _by_bytes(looks: Iterable[Look]) -> ByBytes:
    by_bytes: dict[str, list[Look]] = {}
    for look in looks:
        by_bytes.setdefault(look.sha256, []).append(look)
    return by_bytes


def _places(looks: Iterable[Look], *, is_against: bool = False) -> tuple[ImagePlace, ...]:
    return tuple(ImagePlace(look.image.path, look.image.label, is_against) for look in looks)


def _exact(own: ByBytes, others: ByBytes) -> Iterator[Finding]:
    for sha256, looks in own.items():
        if len(looks) > 1:
            has_one_label = len({look.image.label for look in looks}) == 1
            yield Finding("exact_in_label" if has_one_label else "exact_across_labels", _places(looks))
        if sha256 in others:
            yield Finding("exact_against", _places(looks) + _places(others[sha256], is_against=True))


def _near(own: ByBytes, others: ByBytes, progress: Callable[[int, int], None]) -> Iterator[Finding]:
    """Groups of files of different bytes that look the same; those of the same bytes are in them together."""
    of_own = [looks for looks in own.values() if not looks[0].is_tiny]
    of_others = [looks for sha256, looks in others.items() if sha256 not in own and not looks[0].is_tiny]
    groups = near.near_groups([one[0].hash for one in of_own], [one[0].hash for one in of_others], progress)
    for places, is_mirrored in groups:
        mirrored = ("mirrored" if len(places) == 2 else "some mirrored") if is_mirrored else ""
        alike = [of_own[place] for place in places if place < len(of_own)]
        against = [of_others[place - len(of_own)] for place in places if place >= len(of_own)]
        looks = [look for one in alike for look in one]
        if len(alike) > 1:
            has_one_label = len({look.image.label for look in looks}) == 1
            yield Finding("near_in_label" if has_one_label else "near_across_labels", _places(looks), mirrored)
        if against:
            of_against = _places((look for one in against for look in one), is_against=True)
            yield Finding("near_against", _places(looks) + of_against, mirrored)


def _single(looks: Sequence[Look]) -> Iterator[Finding]:
    """What is to be known of files each by itself."""
    for look in looks:
        place, (height, width) = _places([look]), look.size
        if look.is_blank:
            yield Finding("blank", place)
        if look.is_tiny:
            yield Finding("tiny", place, f"{width} x {height} pixels")
        if stated := look.stated_format:
            yield Finding("wrong_suffix", place, f"{look.format}, and its name states {stated}")
        if look.is_turned:
            yield Finding("turned", place)
