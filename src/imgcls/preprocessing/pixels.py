"""Decoded pixels as RGB of 8 bits: by Pillow's own rule where that means something, else by the depth that files state.

Each rule by which pixels lose more than their alpha has a phrase, which is said of the images that it holds for.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
)

from imgcls.errors import Undecodable
from imgcls.preprocessing.undecodable import FAULTS

IGNORED_ORIENTATION = 'Exif orientation ignored: exif = "apply" turns such images upright'

DECLARED_RANGE = "values without a bit depth, scaled from the range that the file declares for them"

FIRST_FRAME = "several frames or pages, of which the first was taken"

# What else these hold are frames or pages; in other formats it is layers, sizes, or what a camera adds to a photograph.
_OF_FRAMES = frozenset({"AVIF", "GIF", "PNG", "TIFF", "WEBP"})

_SMIN_SAMPLE_VALUE, _SMAX_SAMPLE_VALUE = 340, 341  # TIFF 6.0, section 19

_WHITE_IS_ZERO = 0

_UNSIGNED = 1  # of which Pillow makes signed numbers

_SEPARATE = 2  # planes, of which Pillow takes each byte for a value where they are not compressed

# Format and mode whose values fill 16 bits: by the specification, or because Pillow has scaled them.
# docs/decisions.md#bit-depths
_FULL_RANGE = frozenset({("PNG", "I;16"), ("JPEG2000", "I;16"), ("IM", "I;16"), ("PPM", "I")})

_UPPER_BYTE = re.compile(r";16[LBN]$")  # Pillow's "RGB;16B", not the 16 bits per pixel of "BGR;16"

_ORIENTATION_KEYS = frozenset({"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"})


def upper_bytes(depth: int) -> str:
    """What is said of images of more than 8 bits per channel."""
    return f"{depth} bits per channel, of which the upper 8 were taken"


def refuse_misread(image: ImageFile.ImageFile) -> None:
    """Raise :class:`Undecodable` for a TIFF, not loaded yet, of which Pillow would make other pixels than it states."""
    bits = _tag(image, BITSPERSAMPLE) or 1
    is_separate = _tag(image, PLANAR_CONFIGURATION) == _SEPARATE and (_tag(image, SAMPLESPERPIXEL) or 1) > 1
    if is_separate and bits > 8 and any(codec == "raw" for codec, *_ in image.tile):
        raise Undecodable(
            "unsupported", f"Pillow misreads separate planes of {bits} bits: save it with its channels side by side"
        )


def stated_depth(image: ImageFile.ImageFile) -> str | None:
    """What is said of the depth of an image that is not loaded yet, where Pillow reduces it; None: it does not."""
    if image.format == "JPEG2000":
        depth = _jpeg_2000_depth(image)
        return upper_bytes(depth) if depth > 8 else None
    if image.format == "HEIF":
        depth = image.info.get("bit_depth", 8)
        return f"{depth} bits per channel, reduced to 8 by libheif" if depth > 8 else None
    return None if _is_deep_grey(image) else _reduced_by_rawmode(image)


def _reduced_by_rawmode(image: ImageFile.ImageFile) -> str | None:
    for codec, _, _, arguments in image.tile:
        values = arguments if isinstance(arguments, tuple) else (arguments,)
        if codec in {"ppm", "ppm_plain"} and isinstance(values[-1], int) and values[-1] > 255:
            return f"values of up to {values[-1]} per channel, scaled to 255"
        if codec == "SGI16" or any(isinstance(value, str) and _UPPER_BYTE.search(value) for value in values):
            return upper_bytes(16)
    return None


def orientation(image: Image.Image) -> int:
    """The Exif orientation of a loaded image, 1 to 8; 1 also where it is absent or cannot be read."""
    if _ORIENTATION_KEYS.isdisjoint(image.info):
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except FAULTS:
        return 1
    return value if value in range(1, 9) else 1


def has_more_frames(image: ImageFile.ImageFile) -> bool:
    """Whether a loaded image is the first of several frames or pages; False also where that cannot be read."""
    try:
        return image.format in _OF_FRAMES and bool(getattr(image, "is_animated", False))
    except FAULTS:
        return False


def rgb(image: Image.Image, remarks: list[str]) -> Image.Image:
    """The RGB pixels of a loaded image; ``remarks`` takes the rule for grey values of more than 8 bits.

    All others are what ``convert("RGB")`` gives, torchvision's and timm's way. Raises :class:`Undecodable` for values
    of which the file states neither a bit depth nor a range.
    """
    if _is_deep_grey(image):
        return Image.fromarray(_grey(image, remarks)).convert("RGB")
    # Other formats may keep their file and its other frames; a loaded JPEG is but its pixels, and needs no copy.
    return image if image.format == "JPEG" and image.mode == "RGB" else image.convert("RGB")


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode in {"I", "F"} or image.mode.startswith("I;16")


def _grey(image: Image.Image, remarks: list[str]) -> NDArray[np.uint8]:
    """Grey values of 8 bits, (h, w)."""
    values, depth = np.asarray(image), _bit_depth(image)
    if depth:
        grey = (values >> (depth - 8)).astype(np.uint8)
        if image.format != "JPEG2000":  # of which stated_depth has said it
            remarks.append(upper_bytes(depth))
    else:
        unsigned = image.mode == "I" and _tag(image, SAMPLEFORMAT) == _UNSIGNED
        grey = _scaled(values.view(np.uint32) if unsigned else values, *_declared_range(image))
        remarks.append(DECLARED_RANGE)
    return 255 - grey if _tag(image, PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO else grey


def _bit_depth(image: Image.Image) -> int | None:
    """The number of bits that white fills; None where the file does not state it."""
    if image.format == "TIFF":
        return int(_tag(image, BITSPERSAMPLE) or 16) if image.mode.startswith("I;16") else None
    return 16 if (image.format, image.mode[:4]) in _FULL_RANGE else None


def _declared_range(image: Image.Image) -> tuple[float, float]:
    """Black and white as a TIFF declares them. Raises Undecodable where it does not."""
    low, high = _tag(image, _SMIN_SAMPLE_VALUE), _tag(image, _SMAX_SAMPLE_VALUE)
    if low is None or high is None or not -math.inf < low < high < math.inf:
        kind = "floating point" if image.mode == "F" else "integer"
        raise Undecodable(
            "unsupported",
            f"its {kind} values have no stated white: save it with 8 or 16 bits per channel, or as TIFF with the tags "
            f"SMinSampleValue ({_SMIN_SAMPLE_VALUE}) and SMaxSampleValue ({_SMAX_SAMPLE_VALUE}) for black and white",
        )
    return float(low), float(high)


def _scaled(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """From low to high becomes 0 to 255, rounded; values outside are clipped. Raises Undecodable for NaN."""
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    if np.isnan(scaled).any():
        raise Undecodable("corrupt", "some of its values are not a number (NaN)")
    grey: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return grey


def _tag(image: Image.Image, number: int) -> float | None:
    """The number in a TIFF's tag, of its first channel; None for other formats and without the tag."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) else value


def _jpeg_2000_depth(image: ImageFile.ImageFile) -> int:
    """The bits of the first channel, from the header of the codestream (ISO/IEC 15444-1, A.5.1); 8 without one."""
    assert image.fp  # noqa: S101 - it is not loaded yet
    image.fp.seek(0)
    _, marker, header = image.fp.read().partition(b"\xff\x4f\xff\x51")
    return (header[38] & 0x7F) + 1 if marker and len(header) > 38 else 8
