"""Thumbnails are of the bytes that were scored, and of nothing else."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, features

from imgcls.records.config import DatasetSpec
from imgcls.reporting.html import thumbnails
from imgcls.reporting.html.selection import Shown
from imgcls.reporting.html.thumbnails import Images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A class with an image, and one that is none."""
    (tmp_path / "cat").mkdir()
    Image.linear_gradient("L").resize((400, 200)).convert("RGB").save(tmp_path / "cat" / "1.jpg")
    (tmp_path / "cat" / "2.jpg").write_bytes(b"no image")
    return tmp_path


def _shown(folder: Path, path: str, *, sha256: str = "") -> Shown:
    file = folder / path
    digest = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    return Shown(0, "photos", path, digest, "cat", "sample", ())


def _images(folder: Path) -> Images:
    return Images({"photos": DatasetSpec("photos", folder)}, ["photos"])


def test_a_thumbnail_is_a_webp_of_128_pixels(folder: Path) -> None:
    """Its longer side; the same bytes every time."""
    [(_, content)] = _images(folder).thumbnails([_shown(folder, "cat/1.jpg")])
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.size) == ("WEBP", (128, 64))
    assert list(_images(folder).thumbnails([_shown(folder, "cat/1.jpg")])) == [
        (_shown(folder, "cat/1.jpg").sha256, content)
    ]


def test_small_images_stay_as_they_are() -> None:
    """Nothing is enlarged."""
    assert Image.open(io.BytesIO(thumbnails.webp(Image.new("RGB", (8, 8))))).size == (8, 8)


def test_what_was_not_scored_is_not_shown(folder: Path) -> None:
    """Other bytes, a file that is gone, one that is no image, and another dataset."""
    others = [
        _shown(folder, "cat/1.jpg", sha256="ab" * 32),
        _shown(folder, "cat/3.jpg", sha256="cd" * 32),
        _shown(folder, "cat/2.jpg"),
        Shown(0, "digits", "cat/1.jpg", "ef" * 32, "cat", "sample", ()),
    ]
    assert list(_images(folder).thumbnails(others)) == []


def test_a_hash_has_one_thumbnail(folder: Path) -> None:
    """Also where it is listed twice."""
    assert len(list(_images(folder).thumbnails([_shown(folder, "cat/1.jpg")] * 2))) == 1


def test_a_copy_stands_in_for_a_file_that_is_gone(folder: Path) -> None:
    """Because it has the same bytes."""
    here = _shown(folder, "cat/1.jpg")
    for copies in ([here, replace(here, path="cat/gone.jpg")], [replace(here, path="cat/gone.jpg"), here]):
        assert len(list(_images(folder).thumbnails(copies))) == 1


def test_large_images_are_shown_as_they_are_scored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the dataset allows for them."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    shown = [_shown(folder, "cat/1.jpg")]
    assert list(_images(folder).thumbnails(shown)) == []
    allowed = Images({"photos": DatasetSpec("photos", folder, max_megapixels=1.0)}, ["photos"])
    assert len(list(allowed.thumbnails(shown))) == 1


@pytest.mark.parametrize("path", ["gone", "photos.csv"])
def test_a_dataset_that_is_gone_is_a_note(tmp_path: Path, path: str) -> None:
    """Which names the option that helps."""
    images = Images({"photos": DatasetSpec("photos", tmp_path / path)}, ["photos"])
    [note] = images.notes
    assert note.startswith("no images of photos: ")
    assert note.endswith("--data photos=DIR names where they are")


def test_a_dataset_that_no_configuration_has_is_a_note() -> None:
    """As above."""
    note = "no images of photos: no configuration in reach has it; --data photos=DIR names its folder"
    assert Images({}, ["photos"]).notes == [note]


def test_a_pillow_without_webp_is_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no traceback."""
    monkeypatch.setattr(features, "check", lambda _: False)
    images = _images(folder)
    assert images.notes == ["this Pillow writes no WebP, so there are no images; install Pillow's own wheel"]
    assert list(images.thumbnails([_shown(folder, "cat/1.jpg")])) == []


def test_folders_on_the_command_line_go_before_the_configuration() -> None:
    """Its other keys stay, and a dataset may be added."""
    configured = {"photos": DatasetSpec("photos", Path("old"), exif="apply")}
    specs = thumbnails.specs(configured, {"photos": Path("new"), "more": Path("there")})
    assert specs["photos"] == DatasetSpec("photos", Path("new"), exif="apply")
    assert specs["more"] == DatasetSpec("more", Path("there"))
