"""From a file's bytes to RGB pixels, by Pillow, whatever the bytes are.

:func:`decode` gives the pixels, :func:`decode_fast` fewer of them where a network is shown fewer.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Literal

from PIL import ExifTags, Image, ImageFile, ImageOps

from imgcls.preprocessing import formats, geometry, pixels, stderr, undecodable
from imgcls.preprocessing.geometry import Reduced
from imgcls.records.config import InputSpec

_SCALED = frozenset({"JPEG", "MPO"})  # formats that can be decoded smaller than they are

_LYING = (5, 6, 7, 8)  # Exif orientations whose sides swap

# The decoders of these print nothing, so they run side by side; only libtiff is known to print.
_SILENT = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP|....ftyp", re.DOTALL)


def decode(data: bytes, exif: Literal["ignore", "apply"] = "ignore", remarks: list[str] | None = None) -> Image.Image:
    """The RGB pixels of a file's bytes, as ``Image.open(...).convert("RGB")`` gives them: torchvision's and timm's way.

    Only grey values of more than 8 bits, which that clips to white, are scaled by the depth or the range that the file
    states. ``apply`` turns the image upright by its Exif orientation first. ``remarks`` takes the phrases of
    :mod:`imgcls.preprocessing.pixels` that hold for the image. Every format of Pillow is tried but EPS and IPTC, and
    HEIC where pillow-heif is installed. Threads may decode at once, inside one :func:`quiet_pillow`.

    Raises :class:`Undecodable`, with what the C libraries printed; :class:`MachineError` where there is no
    temporary file to catch that.
    """
    with _undecodable(data):
        return _loaded(_opened(data), exif, [] if remarks is None else remarks)


def decode_fast(
    data: bytes,
    exif: Literal["ignore", "apply"],
    specs: Sequence[InputSpec],
    remarks: list[str] | None = None,
) -> list[Reduced]:
    """Like :func:`decode`, an image for each of ``specs``: a JPEG much larger than what a spec resizes it to is
    decoded at 1/2, 1/4 or 1/8, once for all specs that this suits.

    A pixel is then about the mean of those that it stands for. No side becomes shorter than the spec resizes it to,
    and nothing is reduced for a spec that takes nearest pixels, since there would be other ones.
    Raises what :func:`decode` raises, and :class:`ConfigError` as :func:`geometry.resized_size` does.
    """
    remarks = [] if remarks is None else remarks
    images: dict[int, Reduced] = {}
    with _undecodable(data):
        image = _opened(data)
        if image.format not in _SCALED:
            upright = _loaded(image, exif, remarks)
            return [Reduced(upright, 1, (upright.height, upright.width))] * len(specs)
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1) if exif == "apply" else 1
        size = image.size if orientation in _LYING else (image.height, image.width)
        reductions = [_reduction(size, spec, whole=orientation != 1) for spec in specs]
        for by in dict.fromkeys(reductions):
            scaled = _opened(data) if images else image
            scaled.draft(None, (scaled.width // by, scaled.height // by))
            images[by] = Reduced(_loaded(scaled, exif, remarks), by, size)
    return [images[by] for by in reductions]


@contextmanager
def quiet_pillow(max_megapixels: float | None = None) -> Iterator[None]:
    """Keep Pillow's warnings and log lines from changing what decodes, even where warnings are errors.

    Nor does ``LOAD_TRUNCATED_IMAGES`` change it, which some training script may have set: half an image is rejected.
    ``max_megapixels``: up to how many millions of pixels an image is decoded; by default as Pillow is set.
    To be held by the main thread around a whole pass: all this belongs to the process, so that a
    thread that changed it for one image would change it for all.
    """
    logger, handler = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(handler)  # without any handler, Python prints errors to stderr
    loads_truncated, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _pillows_limit(max_megapixels)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.filterwarnings("ignore", module=r"pillow_heif\.")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
        ImageFile.LOAD_TRUNCATED_IMAGES = loads_truncated
        logger.removeHandler(handler)


def most_pixels(max_megapixels: float | None = None) -> int | None:
    """The most pixels that an image may have inside :func:`quiet_pillow`; None: any number."""
    limit = _pillows_limit(max_megapixels)
    return limit and 2 * limit


def _pillows_limit(max_megapixels: float | None) -> int | None:
    """Pillow decodes up to twice its limit, which is a setting of the whole process."""
    return Image.MAX_IMAGE_PIXELS if max_megapixels is None else round(max_megapixels * 1e6 / 2)


@contextmanager
def _undecodable(data: bytes) -> Iterator[None]:
    """Anything that Pillow raises in this context becomes :class:`Undecodable`."""
    printed: list[str] = []
    try:
        with nullcontext() if _SILENT.match(data) else stderr.caught(printed):
            yield
    except undecodable.FAULTS as fault:
        raise undecodable.error(fault, data, printed) from fault


def _opened(data: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data), formats=formats.names())


def _loaded(image: ImageFile.ImageFile, exif: Literal["ignore", "apply"], remarks: list[str]) -> Image.Image:
    pixels.refuse_misread(image)
    depth = pixels.stated_depth(image)
    if exif == "apply":
        ImageOps.exif_transpose(image, in_place=True)
    image.load()
    if exif == "ignore" and pixels.orientation(image) != 1:
        remarks.append(pixels.IGNORED_ORIENTATION)
    if depth:
        remarks.append(depth)
    upright = pixels.rgb(image, remarks)
    if pixels.has_more_frames(image):
        remarks.append(pixels.FIRST_FRAME)
    return upright


def _reduction(size: tuple[int, int], spec: InputSpec, whole: bool) -> int:
    """The number of pixels of a side of ``size`` (h, w) that become one; ``whole``: none may be left over.

    What is left over lies at the right and at the bottom, until an Exif orientation turns it to where a crop would
    have to begin with a fraction of a pixel.
    """
    height, width = geometry.resized_size(spec, size)
    if spec.interpolation == "nearest":
        return 1
    for by in (8, 4, 2):  # docs/decisions.md#fast-decoding
        enough = by * height <= size[0] and by * width <= size[1]
        if enough and not (whole and (size[0] % by or size[1] % by)):
            return by
    return 1
