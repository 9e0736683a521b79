"""Images of a dataset, and synthetic ones in the place of those that are missing."""

from dataclasses import replace
from pathlib import Path

from contract_networks import image_file
from imgcls.contracts import samples


def test_images_of_the_dataset_come_first(tmp_path: Path) -> None:
    """In their order, and not more than are needed."""
    images = [image_file(tmp_path, f"{number}.png", number) for number in range(3)]
    result = samples.of(images, 2, "ignore", (32, 32))
    assert [(item.name, item.data) for item in result.items] == [
        (image.path, image.file.read_bytes()) for image in images[:2]
    ]
    assert result.what == "2 images"


def test_synthetic_ones_fill_up(tmp_path: Path) -> None:
    """Each is another image, and the same each time."""
    result = samples.of([image_file(tmp_path)], 3, "ignore", (32, 32))
    assert [item.name for item in result.items] == ["image.jpg", "synthetic image 0", "synthetic image 1"]
    assert len({item.data for item in result.items}) == 3
    assert result.what == "1 image and 2 synthetic images"
    assert samples.synthetic(0, (32, 32)) == result.items[1]


def test_what_does_not_decode_is_left_out(tmp_path: Path) -> None:
    """Nor what is gone or was changed since it was listed."""
    broken, changed = image_file(tmp_path, "broken.png"), image_file(tmp_path, "changed.png")
    broken.file.write_bytes(b"nothing")
    images = [broken, replace(changed, sha256="0" * 64), image_file(tmp_path, "whole.png")]
    assert [item.name for item in samples.of(images, 1, "ignore", (32, 32)).items] == ["whole.png"]
