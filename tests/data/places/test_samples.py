"""imgcls.data.places.samples: files of one name are a sample with an image and a class, or are named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dataset_forms import labels, listed, reasons, tar_of
from imgcls.data import listing as listings
from imgcls.records.data import Listing


def _listed(folder: Path, members: Mapping[str, Any], **values: Any) -> Listing:
    """Of samples, whose objects are written as JSON."""
    texts = {name: json.dumps(of).encode() if isinstance(of, dict) else of for name, of in members.items()}
    return listed(tar_of(folder / "a.tar", texts), **values)


def test_a_class_may_be_in_either_file(tmp_path: Path) -> None:
    """``.cls`` is text, ``.json`` an object with ``label``; both may state the same."""
    listing = _listed(
        tmp_path,
        {
            "a.jpg": b"a", "a.cls": b"3\n", "x/b.jpg": b"b", "x/b.json": {"label": 5, "width": 9},
            "c.JPEG": b"c", "c.cls": b"7", "c.json": {"label": 7},
        },
    )  # fmt: skip
    assert labels(listing) == {"a.jpg": "3", "c.JPEG": "7", "x/b.jpg": "5"}
    assert [listings.read(image) for image in listing.images] == [b"a", b"c", b"b"]
    assert (listing.ignored, listing.rejections, listing.notes) == (0, (), ())


@pytest.mark.parametrize(
    ("fields", "columns", "label"),
    [
        ({"class": "cat"}, {}, "cat"),
        ({"label": 1, "class_name": "cat"}, {}, "1"),
        ({"label": 1, "class_name": "cat"}, {"label": "class_name"}, "cat"),
    ],
)
def test_the_field_of_a_class_is_guessed_or_given(
    tmp_path: Path, fields: Mapping[str, Any], columns: Mapping[str, str], label: str
) -> None:
    """``label``, the only one that is called like a class, or what ``columns`` of the dataset names."""
    assert labels(_listed(tmp_path, {"a.jpg": b"a", "a.json": fields}, columns=columns)) == {"a.jpg": label}


def test_a_field_that_is_given_decides(tmp_path: Path) -> None:
    """A ``.cls`` with another class next to it is not read."""
    members = {"a.jpg": b"a", "a.cls": b"3", "a.json": {"label": 4, "coarse": "pet"}}
    assert labels(_listed(tmp_path, members, columns={"label": "coarse"})) == {"a.jpg": "pet"}


def test_images_of_one_group_are_of_one_group(tmp_path: Path) -> None:
    """By the field ``group``, or the one that ``columns`` names."""
    members = {
        "a.jpg": b"a",
        "a.json": {"label": 1, "group": "p1"},
        "b.jpg": b"b",
        "b.json": {"label": 1, "patient": 2},
    }
    assert [image.group for image in _listed(tmp_path, members).images] == ["p1", None]
    assert [image.group for image in _listed(tmp_path, members, columns={"group": "patient"}).images] == [None, "2"]


@pytest.mark.parametrize(
    ("members", "path", "reason", "detail"),
    [
        ({"a.cls": b"3", "a.json": {"label": 5}}, "a.jpg", "unlabelled", "its sample has 2 labels: '3' in a.cls and"),
        ({}, "a.jpg", "unlabelled", "its sample has no label"),
        ({"a.json": {"size": 5}}, "a.jpg", "unlabelled", "its sample has no label, only the fields size"),
        ({"a.json": {"class": 5, "target": 6}}, "a.jpg", "unlabelled", "its sample has no label, only the fields"),
        ({"a.json": {"label": True}}, "a.jpg", "unlabelled", "its sample has no label, only the fields label"),
        ({"a.json": b"[1]"}, "a.jpg", "unlabelled", "its label cannot be read: a.json is not a JSON object"),
        ({"a.json": b"{"}, "a.jpg", "unlabelled", "its label cannot be read: a.json is not JSON"),
        ({"a.cls": b"\xff"}, "a.jpg", "unlabelled", "its label cannot be read: a.cls is not UTF-8"),
        ({"a.cls": b""}, "a.jpg", "unlabelled", "its label cannot be read: it has 0 bytes"),
        ({"z.cls": b"3"}, "z", "missing", "the sample has a label and no image"),
    ],
)  # fmt: skip
def test_what_has_no_one_class_is_named(
    tmp_path: Path, members: Mapping[str, Any], path: str, reason: str, detail: str
) -> None:
    """Two labels, none, none that can be read, a label without an image: a rejection with what there was."""
    listing = _listed(tmp_path, {"a.jpg": b"a", "k.jpg": b"k", "k.cls": b"1", **members})
    assert labels(listing)["k.jpg"] == "1"
    assert reasons(listing)[path][0] == reason
    assert reasons(listing)[path][1].startswith(detail)


def test_other_fields_are_ignored_aloud(tmp_path: Path) -> None:
    """Texts are counted; other images of a sample are named in addition."""
    listing = _listed(tmp_path, {"a.jpg": b"a", "a.cls": b"1", "a.txt": b"a cat", "a.seg.png": b"s"})
    assert (labels(listing), listing.ignored_suffixes) == ({"a.jpg": "1"}, {".png": 1, ".txt": 1})
    assert listing.notes == ("fields of samples that are not called like the image itself were ignored: a.seg.png",)


def test_names_that_repeat_are_named(tmp_path: Path) -> None:
    """Neither image of one name is chosen."""
    tar_of(
        tmp_path / "a.tar", [("a.jpg", b"a"), ("a.cls", b"1"), ("a.jpg", b"b"), ("../b.jpg", b"b"), ("../b.cls", b"1")]
    )
    listing = listed(tmp_path / "a.tar")
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {
        "a.jpg": "corrupt",
        "../b.jpg": "unlabelled",
    }


def test_an_object_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    """As any other that is not JSON."""
    listing = _listed(tmp_path, {"1.jpg": b"x", "1.json": b"[" * 100_000})
    assert reasons(listing)["1.jpg"][1].startswith("its label cannot be read: 1.json is not JSON: ")
