"""The images that scoring is timed on: real photographs where they are present, else JPEGs of the same sizes."""

from collections.abc import Collection, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ((500, 375), (500, 375), (500, 375), (500, 333), (375, 500))
"""Width and height of what photographs of ImageNet are most often."""

DETAIL = ((4, 1.0), (40, 0.7), (400, 0.7))
"""Random colours across an image, and their share in it: so a JPEG has about as many bytes as a photograph's."""


def lay_out(
    folder: Path, wnids: Sequence[str], photos: Path, count: int, without: Collection[str] = frozenset()
) -> str:
    """Make a folder per class, with ``count`` images spread over the classes; returns what they are, in words.

    Classes without an image have a folder, too, so that ``ImageFolder`` numbers them all as ImageNet does; ``without``:
    classes that must not have any.
    """
    for wnid in wnids:
        (folder / wnid).mkdir(parents=True)
    if photos.is_dir():
        return _linked(
            folder, [photo for photo in sorted(photos.glob("*/*")) if photo.parent.name not in without], count
        )
    filled = [wnid for wnid in wnids if wnid not in without]
    for number in range(count):
        _draw(number).save(folder / filled[number * len(filled) // count] / f"{number:05}.jpg", quality=90)
    return f"{count} generated JPEGs"


def _linked(folder: Path, photos: Sequence[Path], count: int) -> str:
    spread = [photos[number * len(photos) // count] for number in range(min(count, len(photos)))]
    for photo in spread:
        (folder / photo.parent.name / photo.name).symlink_to(photo)
    return f"{len(spread)} photographs"


def _draw(number: int) -> Image.Image:
    """An image that is smooth from afar and detailed from near, always the same for a number."""
    generator = np.random.default_rng(number)
    size = SIZES[number % len(SIZES)]
    pixels = np.zeros((size[1], size[0], 3))
    for across, share in DETAIL:
        colours = Image.fromarray(generator.integers(256, size=(3 * across // 4, across, 3), dtype=np.uint8))
        pixels += share * np.asarray(colours.resize(size, Image.Resampling.BICUBIC))
    return Image.fromarray((pixels / sum(share for _, share in DETAIL)).astype(np.uint8))


def multiply(folder: Path, images: Path, count: int) -> None:
    """Fill a folder with ``count`` JPEGs, all of different bytes: the same images with a comment each."""
    jpegs = [file for file in sorted(images.glob("*/*")) if file.read_bytes().startswith(b"\xff\xd8")]
    for number, jpeg in enumerate(islice(cycle(jpegs), count)):
        of_class = folder / jpeg.parent.name
        of_class.mkdir(parents=True, exist_ok=True)
        (of_class / f"{number:06}.jpg").write_bytes(_commented(jpeg.read_bytes(), f"{number:06}".encode()))


def _commented(jpeg: bytes, comment: bytes) -> bytes:
    """With a COM segment (ITU T.81, B.2.4.5) behind the marker that begins every JPEG."""
    return jpeg[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + jpeg[2:]
