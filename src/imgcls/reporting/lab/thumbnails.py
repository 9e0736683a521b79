"""Small images for a report: JPEG, which every reader of Markdown and pandoc show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from PIL import Image

from imgcls.data import listing
from imgcls.errors import ImgclsError, Undecodable
from imgcls.preprocessing import decode
from imgcls.records.config import DatasetSpec, InputSpec
from imgcls.records.data import ImageRef

FOLDER: Final = "images"

SIDE, QUALITY = 160, 80  # docs/decisions.md#a-report-to-hand-in
"""The longer side in pixels, and Pillow's quality of a JPEG."""

LETTERS = 40
"""How much of an image's name is in that of its thumbnail."""

_ENOUGH = InputSpec(SIDE, (SIDE, SIDE), "center", "bilinear", (0.0,) * 3, (1.0,) * 3)
"""What decoding at a scale must not go below."""

_UNSAFE = re.compile(r"[^\w .-]+")
"""What some file system does not take."""


def write(folder: Path, images: Iterable[ImageRef], dataset: DatasetSpec) -> Mapping[str, str]:
    """A thumbnail of each image of different bytes; their paths within the folder by sha256. Raises OSError.

    ``dataset``: whose images they are, which states how they are decoded. An image that cannot be decoded, or has
    changed since it was listed, has none.
    """
    (folder / FOLDER).mkdir()
    paths: dict[str, str] = {}
    with decode.quiet_pillow(dataset.max_megapixels):
        for image in {image.sha256: image for image in images}.values():
            pixels = _pixels(image, dataset)
            if pixels:
                paths[image.sha256] = f"{FOLDER}/{name(image)}"
                pixels.save(folder / paths[image.sha256], "JPEG", quality=QUALITY)
    return paths


def _pixels(image: ImageRef, dataset: DatasetSpec) -> Image.Image | None:
    try:
        pixels = decode.Decoding(listing.read(image), dataset.exif).fast(_ENOUGH).image
    except (ImgclsError, Undecodable):
        return None
    small = pixels.copy()
    small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    return small


def name(image: ImageRef) -> str:
    """The name of an image's thumbnail: letters of its own name, and of its hash, so that no two have one name."""
    stem = unicodedata.normalize("NFC", PurePosixPath(image.path).stem)
    return f"{_UNSAFE.sub('_', stem)[:LETTERS].strip(' .')}-{image.sha256[:12]}.jpg"
