"""imgcls.reporting.lab.thumbnails: small images."""

from pathlib import Path

import pytest
from PIL import Image

from builders import HOSTILE
from imgcls.data import listing
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef
from imgcls.reporting.lab import thumbnails

DATASET = DatasetSpec("photos", Path("photos"))


def test_each_image_once_small_and_the_same_bytes_each_time(photographs: Path, tmp_path: Path) -> None:
    """JPEG, with a longer side of 160 pixels."""
    refs = listing.find("photographs", photographs).images
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths = thumbnails.write(tmp_path / name, (*refs, *refs), DATASET)
        written.append({path: (tmp_path / name / path).read_bytes() for path in paths.values()})
    assert written[0] == written[1]
    assert len(written[0]) == len(list((tmp_path / "a" / "images").iterdir())) == 3
    for path in written[0]:
        with Image.open(tmp_path / "a" / path) as image:
            assert (image.format, max(image.size)) == ("JPEG", 160)


def test_what_is_no_image_any_more_has_none(tmp_path: Path) -> None:
    """It is gone, broken or changed since it was scored."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    refs = [
        ImageRef("gone.jpg", tmp_path / "gone.jpg", "00" * 32, None),
        ImageRef("broken.jpg", broken, listing.sha256(broken), None),
        ImageRef("changed.jpg", broken, "11" * 32, None),
    ]
    assert thumbnails.write(tmp_path, refs, DATASET) == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a cat/my cat.png", "my cat-abababababab.jpg"),
        ("me\u0301sange 猫.jpg", "m\u00e9sange 猫-abababababab.jpg"),
        ("x/<script>:*.jpg", "_script_-abababababab.jpg"),
        ("...jpg", "-abababababab.jpg"),
        (f"{'n' * 250}.jpg", f"{'n' * 40}-abababababab.jpg"),
        ("\udcff.jpg", "_-abababababab.jpg"),
    ],
)
def test_names_are_those_of_the_images_as_far_as_every_file_system_has_them(path: str, name: str) -> None:
    """With a part of the hash, so that two images of one name have two."""
    assert thumbnails.name(ImageRef(path, Path(path), "ab" * 32, None)) == name


def test_a_hostile_name_gives_a_harmless_one() -> None:
    """No control character, and one that can be printed."""
    name = thumbnails.name(ImageRef(f"{HOSTILE}.jpg", Path("x"), "ab" * 32, None))
    assert name.isprintable()
    assert "/" not in name
