"""What was found in a folder, in few words."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from first_hour import write_images
from imgcls.inspection import check
from imgcls.preprocessing import formats
from imgcls.records.data import ImageRef, Listing
from imgcls.records.evaluation import Progress
from imgcls.records.inspection import Finding, ImagePlace, Inspection, Kind
from imgcls.scaffold import findings
from imgcls.scaffold.images import TestImages, find


def _images(*paths: str, **values: object) -> TestImages:
    refs = tuple(ImageRef(path, Path(path), f"{n:064x}", path.split("/")[0]) for n, path in enumerate(paths))
    return TestImages("photos", Path("photos"), Path("photos"), replace(Listing(refs, (), 0), **values))  # type: ignore[arg-type]


def _finding(kind: Kind, *paths: str, detail: str = "") -> Finding:
    return Finding(kind, tuple(ImagePlace(path, path.split("/")[0]) for path in paths), detail)


CLEAN = Inspection(2, {}, {}, ())


def test_classes_images_and_formats_come_first() -> None:
    """Then what was ignored, by suffix, and classes without an image."""
    images = _images(
        "cat/1.jpg", "cat/2.JPG", "dog/3.png", ignored_suffixes={".txt": 2, "": 1, "hidden": 1}, empty_classes=("fox",)
    )
    assert list(findings.lines(images, CLEAN)) == [
        "3 classes, 3 images (2 jpg, 1 png)",
        "ignored, because their names are not those of images: 2 .txt, 1 without suffix, 1 hidden",
        "without an image: fox",
        "no exact duplicates, no near duplicates",
    ]


def test_what_distorts_a_test_is_counted() -> None:
    """And a file that cannot be scored is named, because it fails the gate."""
    result = replace(
        CLEAN,
        findings=(
            _finding("rejected", "cat/broken.jpg", detail="truncated: it ends early"),
            _finding("exact_in_label", "cat/1.jpg", "cat/2.jpg"),
            _finding("near_in_label", "cat/1.jpg", "cat/3.jpg"),
            _finding("near_in_label", "dog/1.jpg", "dog/3.jpg"),
        ),
    )
    *_, counts, rejected = findings.lines(_images("cat/1.jpg"), result)
    assert counts == "1 exact duplicate, 2 near duplicates"
    assert rejected == (
        "1 image that cannot be scored, which fails the gate: cat/broken.jpg (truncated: it ends early)"
    )


def test_heic_without_its_package_is_met_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that makes it readable."""
    monkeypatch.setattr(formats, "heif", lambda: None)
    images = _images("cat/1.HEIC")
    assert findings.has_heif(images)
    result = replace(CLEAN, findings=(_finding("rejected", "cat/1.HEIC", detail="unsupported"),))
    assert list(findings.lines(images, result))[-1].endswith("(unsupported); pip install 'imgcls[heif]' reads HEIC")


def test_many_images_are_counted_and_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take minutes, and it is said."""
    monkeypatch.setattr(check, "inspect", lambda *_, **__: pytest.fail("inspected"))
    images = _images(*(f"cat/{n}.jpg" for n in range(findings.MOST_INSPECTED + 1)))
    assert findings.inspected(images, print) is None
    *_, last = findings.lines(images, None)
    assert last == "near duplicates are not looked for among more than 3,000 images: imgcls data check photos does"


def test_images_that_are_in_the_training_set_are_counted(tmp_path: Path) -> None:
    """With the command that lists them; where those are too many, with the command that compares."""
    write_images(tmp_path, {"val/cat": 2, "train/cat": 2})
    shutil.copy(tmp_path / "val/cat/0.png", tmp_path / "train/cat/copy.png")
    images = find(tmp_path, lambda _: True)
    command = f"imgcls data check {tmp_path / 'val'} --against {tmp_path / 'train'}"
    *_, last = findings.lines(images, findings.inspected(images, lambda _: None))
    assert last == f"1 image is in {tmp_path / 'train'}, too, or is like one there: {command}"


def test_too_many_training_images_are_left_to_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images to test on are looked at all the same."""
    write_images(tmp_path, {"val/cat": 2, "train/cat": 2})
    monkeypatch.setattr(findings, "MOST_INSPECTED", 3)
    images = find(tmp_path, lambda _: True)
    *_, looked_at, last = findings.lines(images, findings.inspected(images, lambda _: None))
    assert looked_at == "no exact duplicates, no near duplicates"
    assert last.startswith(f"the images of {tmp_path / 'train'} are too many to compare with here: imgcls data check")


def test_what_is_done_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Image by image, for a line of progress."""

    def inspect(listing: Listing, _: Listing | None, progress: Progress) -> Inspection:
        progress("images", 1, len(listing.images))
        return CLEAN

    monkeypatch.setattr(check, "inspect", inspect)
    said: list[str] = []
    assert findings.inspected(_images("cat/1.jpg", "cat/2.jpg"), said.append) == CLEAN
    assert said == ["images: 1 of 2"]
