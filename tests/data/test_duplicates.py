"""imgcls.data.duplicates: the same bytes under two labels are named, all of them, or left out and counted."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from imgcls.data import duplicates
from imgcls.errors import ConfigError
from imgcls.records.config import Duplicates
from imgcls.records.data import ImageRef, Images, Listing


def _image(path: str, data: str) -> ImageRef:
    return ImageRef(path, Path(path), hashlib.sha256(data.encode()).hexdigest(), path.partition("/")[0])


def _listing(**images: str) -> Listing:
    """Images by ``label__name``, with their bytes."""
    return Listing(Images(_image(name.replace("__", "/") + ".PNG", data) for name, data in images.items()), (), 0)


UNIQUE = _listing(cat__1="a", cat__copy="a", dog__1="b")
TWICE = _listing(cat__1="a", cat__2="b", cat__copy="a", dog__1="a", dog__2="c", eel__1="a")


@pytest.mark.parametrize("policy", ["error", "drop", "keep_first"])
def test_the_same_bytes_under_one_label_stay(policy: Duplicates) -> None:
    """A listing without doubt is returned as it is."""
    assert duplicates.resolve(UNIQUE, policy) is UNIQUE


def test_all_pairs_are_named_at_once() -> None:
    """Every path whose label is not that of the first one is named with it, and both ways out are stated."""
    with pytest.raises(ConfigError) as error:
        duplicates.resolve(TWICE, "error")
    assert str(error.value) == (
        "the same bytes have two labels: cat/1.PNG is 'cat' and dog/1.PNG is 'dog'; "
        "cat/1.PNG is 'cat' and eel/1.PNG is 'eel'; "
        'remove the files that are wrong, or set duplicates = "drop" or "keep_first" in the dataset'
    )


def test_many_pairs_are_counted() -> None:
    """Five pairs are named and the others counted."""
    images = {f"{label}__{number}": str(number) for label in ("cat", "dog") for number in range(8)}
    with pytest.raises(ConfigError, match=r"cat/4\.PNG is 'cat' and dog/4\.PNG is 'dog'; and 3 more; remove"):
        duplicates.resolve(_listing(**images), "error")


@pytest.mark.parametrize(
    ("policy", "left_out"),
    [
        ("drop", ["cat/1.PNG", "cat/copy.PNG", "dog/1.PNG", "eel/1.PNG"]),
        ("keep_first", ["dog/1.PNG", "eel/1.PNG"]),
    ],
)
def test_what_is_left_out_is_accounted_for(policy: Duplicates, left_out: list[str]) -> None:
    """``drop`` leaves out all of them, ``keep_first`` the later labels; they are ignored, by suffix, and named."""
    listing = replace(TWICE, ignored=2, ignored_suffixes={".txt": 1, ".png": 1}, notes=("a note",))
    resolved = duplicates.resolve(listing, policy)
    assert [image for image in listing.images if image not in resolved.images] == [
        image for image in listing.images if image.path in left_out
    ]
    assert len(resolved.images) + resolved.ignored == len(listing.images) + listing.ignored
    assert resolved.ignored_suffixes == {".txt": 1, ".png": 1 + len(left_out)}
    why = "because the same bytes are listed under another label"
    note = f'duplicates = "{policy}" leaves out {len(left_out)} images, {why}: {", ".join(left_out)}'
    assert resolved.empty_classes == ("eel",)
    assert resolved.notes == ("a note", note)
