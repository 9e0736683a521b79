"""imgcls.inspection.perceptual: images that look the same have hashes that match, and others have not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from imgcls.inspection.perceptual import ImageHash, Match, NearIndex, image_hash


def _jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def _without_margin(image: Image.Image) -> Image.Image:
    across, down = image.width // 20, image.height // 20
    return image.crop((across, down, image.width - across, image.height - down))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "quarter": lambda image: image.resize((image.width // 4, image.height // 4)),
    "square": lambda image: image.resize((256, 256)),
    "quality 50": lambda image: _jpeg(image, 50),
    "crop": _without_margin,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "grey": lambda image: image.convert("L"),
    "rotated": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
    "palette": lambda image: image.convert("P"),
    "alpha": lambda image: image.convert("RGBA"),
}


@pytest.fixture(scope="module", name="images")
def _images(photographs: Path) -> dict[str, Image.Image]:
    """Three photographs by the name of their folder, small enough to be changed quickly."""
    images = {}
    for file in sorted(photographs.rglob("*.jpg")):
        with Image.open(file) as image:
            image.draft("RGB", (320, 240))
            images[file.parent.name] = image.convert("RGB")
    return images


def _index(images: dict[str, Image.Image]) -> NearIndex:
    index = NearIndex()
    for name, image in images.items():
        index.add(name, image_hash(image))
    return index


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_photograph_matches_its_own(
    images: dict[str, Image.Image], change: Callable[[Image.Image], Image.Image]
) -> None:
    """And mirrored it does so as mirrored."""
    index = _index(images)
    for name, image in images.items():
        changed = change(image)
        assert index.match(image_hash(changed)) == Match(name, "near")
        assert index.match(image_hash(ImageOps.mirror(changed))) == Match(name, "mirrored")


def test_different_photographs_do_not_match(images: dict[str, Image.Image]) -> None:
    """Each is searched for before it is added, as a growing set does."""
    index = NearIndex()
    for name, image in images.items():
        assert index.match(image_hash(image)) is None
        index.add(name, image_hash(image))


def test_an_image_like_its_mirror_image_is_near() -> None:
    """Where both ways are as good, it is not called mirrored."""
    half = np.random.default_rng(1).integers(0, 255, (8, 4, 3), dtype=np.uint8)
    image = Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1)).resize((240, 240), Image.Resampling.BICUBIC)
    match = _index({"symmetric": image}).match(image_hash(ImageOps.mirror(image)))
    assert match == Match("symmetric", "near")


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 40)])
def test_plain_images_match_nothing(colour: tuple[int, int, int]) -> None:
    """Otherwise every white image were a near duplicate of every other."""
    plain = image_hash(Image.new("RGB", (300, 200), colour))
    assert plain.is_plain
    index = NearIndex()
    index.add("plain", plain)
    assert index.match(plain) is None


def test_two_colours_of_one_luminance_are_not_plain() -> None:
    """The contrast is that of the channels."""
    image = Image.new("RGB", (100, 100), (255, 0, 0))
    image.paste((0, 130, 0), (0, 0, 50, 100))
    hashed = image_hash(image)
    assert np.ptp(hashed.thumbnail) < 3
    assert not hashed.is_plain


def test_an_index_grows() -> None:
    """Whatever was added stays, also beyond the room that it had at first."""
    generator = np.random.default_rng(2)
    hashes = [ImageHash(generator.integers(0, 255, (24, 24), dtype=np.uint8), 70.0) for _ in range(1030)]
    index = NearIndex()
    for number, one in enumerate(hashes):
        index.add(number, one)
    assert [index.match(hashes[number]) for number in (0, 1023, 1024, 1029)] == [
        Match(number, "near") for number in (0, 1023, 1024, 1029)
    ]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (23, 25)])
def test_every_mode_and_size_has_a_hash(mode: str, size: tuple[int, int]) -> None:
    """A thumbnail is 24 x 24, whatever the image is."""
    assert image_hash(Image.new(mode, size)).thumbnail.shape == (24, 24)
