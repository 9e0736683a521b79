"""imgcls.inspection.looks: what one file holds, from one reading, or why it cannot be scored."""

import hashlib
import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from imgcls.inspection import looks
from imgcls.inspection.looks import Look
from imgcls.records.data import ImageRef, Rejection

NOISE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)


def _look(file: Path, exif: Literal["ignore", "apply"] = "ignore") -> Look:
    result = looks.look(ImageRef(file.name, file, "not hashed", "cat"), exif)
    assert isinstance(result, Look)
    return result


def _saved(file: Path, kind: str = "PNG", image: Image.Image | None = None) -> Path:
    (image or Image.fromarray(NOISE)).save(file, kind)
    return file


def test_a_look_is_of_the_bytes_that_are_there(tmp_path: Path) -> None:
    """Whatever hash the listing has; size is (h, w)."""
    file = _saved(tmp_path / "a.png")
    result = _look(file)
    assert (result.sha256, result.format, result.size) == (
        hashlib.sha256(file.read_bytes()).hexdigest(),
        "PNG",
        (60, 80),
    )
    assert not result.is_blank
    assert not result.is_tiny
    assert not result.is_turned


def test_a_jpeg_has_its_whole_size(tmp_path: Path) -> None:
    """Though it is decoded smaller than it is."""
    assert _look(_saved(tmp_path / "a.jpg", "JPEG", Image.new("RGB", (1600, 1200)))).size == (1200, 1600)


@pytest.mark.parametrize(
    ("name", "kind", "stated"),
    [
        ("a.png", "PNG", None),
        ("a.PNG", "PNG", None),
        ("a.jpg", "PNG", "JPEG"),
        ("a.jpeg", "JPEG", None),
        ("a.webp", "JPEG", "WEBP"),
        ("a.png", "MPO", "PNG"),
        ("a.jpg", "MPO", None),
        ("a.bmp", "DIB", None),
        ("a", "PNG", None),
        ("a.unheard", "PNG", None),
    ],
)
def test_a_name_may_state_another_format(tmp_path: Path, name: str, kind: str, stated: str | None) -> None:
    """Whatever the case; nothing is stated by a suffix that no format has."""
    assert _look(_saved(tmp_path / name, kind)).stated_format == stated


@pytest.mark.parametrize(("side", "is_tiny"), [(31, True), (32, False)])
def test_the_shorter_side_makes_an_image_tiny(tmp_path: Path, side: int, is_tiny: bool) -> None:
    """Below 32 pixels."""
    assert _look(_saved(tmp_path / "a.png", image=Image.new("RGB", (200, side)))).is_tiny == is_tiny


def test_blank_is_nearly_one_colour(tmp_path: Path) -> None:
    """Sensor noise and a speck do not matter; a gradient, noise and two colours do."""
    generator = np.random.default_rng(0)
    faint = generator.integers(100, 108, (100, 100, 3), dtype=np.uint8)
    speck = np.full((100, 100, 3), 240, np.uint8)
    speck[:7, :7] = 0
    gradient = np.repeat(np.arange(100, 120, 0.2), 100).reshape(100, 100).astype(np.uint8)
    red_and_green = np.full((100, 100, 3), (255, 0, 0), np.uint8)
    red_and_green[:, :50] = (0, 130, 0)
    images = [faint, speck, gradient, generator.integers(0, 255, (100, 100), dtype=np.uint8), red_and_green]
    result = [_look(_saved(tmp_path / f"{n}.png", image=Image.fromarray(one))) for n, one in enumerate(images)]
    assert [one.is_blank for one in result] == [True, True, False, False, False]


def test_an_orientation_is_seen_where_it_is_ignored(tmp_path: Path) -> None:
    """And applied where the dataset says so, by which the sides swap."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=exif)
    ignored, applied = _look(tmp_path / "a.jpg"), _look(tmp_path / "a.jpg", "apply")
    assert (ignored.is_turned, ignored.size) == (True, (60, 80))
    assert (applied.is_turned, applied.size) == (False, (80, 60))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "missing"), (b"", "empty"), (b"no image", "not_an_image"), (b"half", "truncated")],
)
def test_what_cannot_be_scored_is_a_rejection(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """With the reason that scoring has."""
    file = tmp_path / "a.jpg"
    if content == b"half":
        stream = io.BytesIO()
        Image.fromarray(NOISE).save(stream, "JPEG")
        content = stream.getvalue()[: len(stream.getvalue()) // 2]
    if content is not None:
        file.write_bytes(content)
    result = looks.look(ImageRef("cat/a.jpg", file, "", "cat"), "ignore")
    assert isinstance(result, Rejection)
    assert (result.path, result.reason) == ("cat/a.jpg", reason)
