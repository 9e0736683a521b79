"""The images that tell preprocessings apart are what their kinds say."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from imgcls.data import listing
from imgcls.serving import icc, images
from imgcls.serving.images import CheckImage
from serving_models import model_of, network


def _made(kind: str) -> bytes:
    return next(image.data for image in network().images if image.kind == kind)


def _opened(kind: str) -> Image.Image:
    return Image.open(io.BytesIO(_made(kind)))


def test_every_image_is_unusual_in_the_way_that_its_kind_says() -> None:
    """By the file itself, as Pillow opens it."""
    assert [_opened(f"Exif orientation {turn}").getexif()[ExifTags.Base.Orientation] for turn in (2, 8)] == [2, 8]
    modes = {kind: _opened(kind).mode for kind in ("grey JPEG", "CMYK JPEG", "PNG with alpha", "16 bit PNG")}
    assert modes == {"grey JPEG": "L", "CMYK JPEG": "CMYK", "PNG with alpha": "RGBA", "16 bit PNG": "I;16"}
    assert _opened("palette PNG with alpha").mode == "P"
    assert "transparency" in _opened("palette PNG with alpha").info
    assert _opened("progressive JPEG").info["progressive"] == 1
    assert max(_opened("huge").size) == 8000
    assert max(_opened("tiny").size) < 56
    assert all(side % 2 for side in _opened("odd sides").size)
    assert _opened("subsampled colour").layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]  # of a JPEG


def test_the_colour_profile_is_one_that_shows() -> None:
    """littlecms reads it, and a colour becomes another in sRGB."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc.wide_gamut()))
    green = ImageCms.profileToProfile(Image.new("RGB", (1, 1), (60, 180, 60)), profile, ImageCms.createProfile("sRGB"))
    assert green is not None
    assert np.abs(np.asarray(green, int)[0, 0] - (60, 180, 60)).max() > 20


def test_they_are_the_same_every_time() -> None:
    """To the byte, also where none of them is in memory."""
    made = network().images
    images._of_texture.cache_clear()
    assert images.made(model_of("center").input) == made


def test_images_of_the_dataset_are_tried_and_made_into_the_others(photographs: Path) -> None:
    """With their labels; the wide image is a photograph then."""
    listed = listing.find("photos", photographs).images
    chosen = images.chosen(model_of("center").input, listed)
    assert [image.label for image in chosen.images if image.kind == images.OF_DATASET] == [
        image.label for image in listed
    ]
    assert chosen.images[0].kind == "wide"
    assert chosen.images[0].data != _made("wide")
    assert chosen.notes == ()


def test_an_image_that_cannot_be_tried_is_named(tmp_path: Path) -> None:
    """Broken ones, and ones so thin that a whole resize would not fit into memory."""
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff no")
    Image.new("RGB", (2, 400)).save(tmp_path / "cat" / "thin.png")
    listed = listing.find("photos", tmp_path).images
    (note,) = images.chosen(model_of("center").input, listed).notes
    assert "cat/broken.jpg" in note
    assert "cat/thin.png (it is more than 16 times as long as wide)" in note


@pytest.mark.parametrize(("data", "suffix"), [(b"\x89PNG\r\n", ".png"), (b"\xff\xd8", ".jpg")])
def test_files_are_named_by_their_format(data: bytes, suffix: str) -> None:
    """So that a function that takes a path can go by it."""
    assert CheckImage("x", "wide", data).suffix == suffix
