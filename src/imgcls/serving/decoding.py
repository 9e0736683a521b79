"""From bytes to RGB pixels, as programs do it that are not the reference."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms, ImageOps

from imgcls.preprocessing import formats, pixels
from imgcls.serving.steps import Steps

_BACKGROUNDS = {"on white": (255, 255, 255), "on black": (0, 0, 0)}


def decode(data: bytes, steps: Steps) -> Image.Image:
    """The RGB pixels of a file's bytes; to the bit those of :func:`imgcls.preprocessing.decode.decode` by default."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=formats.names())
    if steps.decoder == "draft":
        image.draft("RGB", _draft_size(steps))
    repeated = _repeats_chroma(image) and steps.decoder == "repeated chroma"
    if repeated:
        image.draft("YCbCr", None)
    if repeated:
        image = _with_repeated_chroma(image)
    if steps.exif == "apply":
        ImageOps.exif_transpose(image, in_place=True)
    image.load()
    return _rgb(image, steps)


def _draft_size(steps: Steps) -> tuple[int, int]:
    """(w, h)."""
    return (steps.resize, steps.resize) if isinstance(steps.resize, int) else (steps.resize[1], steps.resize[0])


def _rgb(image: Image.Image, steps: Steps) -> Image.Image:
    if steps.alpha != "dropped" and image.has_transparency_data:
        background = Image.new("RGBA", image.size, (*_BACKGROUNDS[steps.alpha], 255))
        return Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")
    profile = image.info.get("icc_profile")
    if steps.colour == "managed" and profile and image.mode == "RGB":
        return _managed(image, profile)
    return image.convert("RGB") if steps.depth == "clipped" else pixels.rgb(image, [])


def _managed(image: Image.Image, profile: bytes) -> Image.Image:
    """The image in sRGB; as it is where its profile cannot be read."""
    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB")) or image
    except (ImageCms.PyCMSError, OSError):
        return image


def _repeats_chroma(image: Image.Image) -> bool:
    """Whether this is a JPEG of which the colour has half the rows and half the columns, and no grey or CMYK."""
    layers = getattr(image, "layer", ())
    return (
        image.format == "JPEG" and image.mode == "RGB" and [layer[1:3] for layer in layers] == [(2, 2), (1, 1), (1, 1)]
    )


def _with_repeated_chroma(image: Image.Image) -> Image.Image:
    """A YCbCr image with each colour of an even position, repeated in place of what libjpeg interpolated.

    libjpeg makes 3/4 of the nearer and 1/4 of the farther value along each side (``jdsample.c``,
    ``h2v2_fancy_upsample``), which is undone from the first value on, which it leaves as it is.
    """
    values = np.array(image)
    for axis in (0, 1):
        chroma = np.moveaxis(values[:, :, 1:].astype(np.float32), axis, 0)
        values[:, :, 1:] = np.moveaxis(_repeated(chroma), 0, axis).round().clip(0, 255)
    whole = Image.fromarray(values, "YCbCr").convert("RGB")
    whole.info = image.info
    return whole


def _repeated(interpolated: np.ndarray) -> np.ndarray:
    """(n, m, channels) of triangle-filtered pairs -> each pair's own value, twice."""
    own = interpolated[::2].copy()
    for place in range(1, len(own)):
        own[place] = (4 * own[place] - own[place - 1]) / 3
    return own.repeat(2, axis=0)[: len(interpolated)]
