"""imgcls.inspection.findings: which files are a finding together, of which kind, and in which order."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from imgcls.inspection import findings
from imgcls.inspection.features import Thumbnails
from imgcls.inspection.looks import Look
from imgcls.inspection.perceptual import ImageHash
from imgcls.records.data import ImageRef, Rejection
from imgcls.records.inspection import DISTORTING, Finding, ImagePlace, Kind


def _thumbnail(seed: int) -> Thumbnails:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((24, 24)), 1)
    thumbnail: Thumbnails = np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return thumbnail


def _look(path: str, sha256: str, seed: int, *, mirrored: bool = False, side: int = 300, **others: bool) -> Look:
    """What is at a path; its label is the folder."""
    thumbnail = _thumbnail(seed)[:, :: -1 if mirrored else 1]
    label = path.partition("/")[0] if "/" in path else None
    facts = {"is_blank": False, "is_turned": False, **others}
    image = ImageRef(path, Path(path), "", label)
    return Look(image, sha256, "JPEG", (side, 400), hash=ImageHash(thumbnail, 40.0), **facts)


def _findings(own: list[Look], others: list[Look] | None = None) -> list[tuple[str, list[str], str]]:
    """Kind, paths and detail of every finding; those of the other set begin with ``+``."""
    every = findings.of([], own, others or [], lambda _done, _total: None)
    return [(one.kind, ["+" * image.is_against + image.path for image in one.images], one.detail) for one in every]


def test_the_same_bytes_are_exact_and_not_near() -> None:
    """Under one label and under two."""
    own = [
        _look("cat/1.jpg", "a", 1),
        _look("cat/2.jpg", "a", 1),
        _look("cat/3.jpg", "b", 2),
        _look("dog/3.jpg", "b", 2),
    ]
    assert _findings(own) == [
        ("exact_across_labels", ["cat/3.jpg", "dog/3.jpg"], ""),
        ("exact_in_label", ["cat/1.jpg", "cat/2.jpg"], ""),
    ]


def test_the_same_looks_are_near_by_label() -> None:
    """A group of more is one finding; mirrored ones are said to be."""
    own = [
        _look("cat/1.jpg", "a", 1),
        _look("cat/2.jpg", "b", 1, mirrored=True),
        _look("cat/3.jpg", "c", 2),
        _look("dog/3.jpg", "d", 2),
        _look("eel/3.jpg", "e", 2, mirrored=True),
    ]
    assert _findings(own) == [
        ("near_across_labels", ["cat/3.jpg", "dog/3.jpg", "eel/3.jpg"], "some mirrored"),
        ("near_in_label", ["cat/1.jpg", "cat/2.jpg"], "mirrored"),
    ]


def test_copies_are_in_a_near_group_together() -> None:
    """The copy under another label makes the group one of two labels."""
    own = [_look("cat/1.jpg", "a", 1), _look("dog/1.jpg", "a", 1), _look("cat/2.jpg", "b", 1)]
    assert _findings(own) == [
        ("exact_across_labels", ["cat/1.jpg", "dog/1.jpg"], ""),
        ("near_across_labels", ["cat/1.jpg", "dog/1.jpg", "cat/2.jpg"], ""),
    ]


def test_another_set_is_held_against() -> None:
    """Exactly and nearly; what is alike within it is not a finding, and what is exact is not near once more."""
    own = [_look("cat/1.jpg", "a", 1), _look("cat/2.jpg", "b", 2), _look("cat/3.jpg", "c", 3)]
    others = [
        _look("x/1.jpg", "a", 1),
        _look("x/2.jpg", "n", 2, mirrored=True),
        _look("x/4.jpg", "d", 4),
        _look("y/4.jpg", "d", 4),
        _look("y/5.jpg", "e", 4),
    ]
    assert _findings(own, others) == [
        ("exact_against", ["cat/1.jpg", "+x/1.jpg"], ""),
        ("near_against", ["cat/2.jpg", "+x/2.jpg"], "mirrored"),
    ]


def test_two_images_like_one_of_the_other_set_are_two_findings() -> None:
    """One of the set by itself, one of both."""
    own = [_look("cat/1.jpg", "a", 1), _look("cat/2.jpg", "b", 1)]
    assert _findings(own, [_look("x/1.jpg", "c", 1)]) == [
        ("near_against", ["cat/1.jpg", "cat/2.jpg", "+x/1.jpg"], ""),
        ("near_in_label", ["cat/1.jpg", "cat/2.jpg"], ""),
    ]


def test_tiny_images_are_compared_by_their_bytes_only() -> None:
    """Few pixels look like many other ones."""
    own = [_look("cat/1.png", "a", 1, side=8), _look("cat/2.png", "b", 1, side=8), _look("dog/2.png", "b", 1, side=8)]
    assert [(kind, paths) for kind, paths, _ in _findings(own) if kind != "wrong_suffix"] == [
        ("exact_across_labels", ["cat/2.png", "dog/2.png"]),
        *(("tiny", [one.image.path]) for one in own),
    ]


def test_images_without_labels_have_one() -> None:
    """In a folder without class folders, nothing is across labels."""
    assert [kind for kind, *_ in _findings([_look("1.jpg", "a", 1), _look("2.jpg", "a", 1)])] == ["exact_in_label"]


def test_each_file_has_its_own_findings() -> None:
    """Sorted by kind and then by path, rejections first."""
    own = [
        _look("cat/2.jpg", "a", 1, is_blank=True),
        _look("cat/1.jpg", "b", 2, is_blank=True, is_turned=True),
        _look("cat/3.png", "c", 3, side=9),
    ]
    every = findings.of([Rejection("", "dog/x.jpg", "empty", "it has 0 bytes")], own, [], lambda *_: None)
    assert [(one.kind, one.images[0].path, one.detail) for one in every] == [
        ("rejected", "dog/x.jpg", "empty: it has 0 bytes"),
        ("blank", "cat/1.jpg", ""),
        ("blank", "cat/2.jpg", ""),
        ("tiny", "cat/3.png", "400 x 9 pixels"),
        ("wrong_suffix", "cat/3.png", "JPEG, and its name states PNG"),
        ("turned", "cat/1.jpg", ""),
    ]


@pytest.mark.parametrize(
    "kind", ["rejected", "exact_across_labels", "near_across_labels", "exact_against", "near_against"]
)
def test_what_makes_a_test_untrue_distorts(kind: Kind) -> None:
    """These, and no others."""
    assert kind in DISTORTING
    assert len(DISTORTING) == 5
    assert Finding(kind, (ImagePlace("a", None),)).is_distorting
