"""From a file's bytes to RGB pixels, by Pillow, whatever the bytes are.

:func:`decode` gives the pixels, :class:`Decoding` fewer of them where a network is shown fewer.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Literal, NamedTuple

from PIL import ExifTags, Image, ImageFile, ImageOps

from imgcls.errors import Undecodable
from imgcls.preprocessing import formats, geometry, pixels, stderr, undecodable, upper_rows
from imgcls.preprocessing.geometry import Reduced
from imgcls.records.config import InputSpec

_SCALED = frozenset({"JPEG", "MPO"})  # formats that can be decoded smaller than they are

DECODED_EXACTLY = 'decoded exactly, because decode = "fast" does not decode such an image'

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


class Decoding:
    """A file's bytes, decoded at most once in every way that is requested, for the networks that share it."""

    def __init__(
        self, data: bytes, exif: Literal["ignore", "apply"] = "ignore", shown: Sequence[InputSpec] = ()
    ) -> None:
        """``shown``: what exact pixels are cropped for, so that no others are needed; by default all are."""
        self.data, self.exif, self.shown = data, exif, shown
        self._decoded: dict[int | None, Reduced | Undecodable] = {}

    def exact(self) -> Reduced:
        """All pixels, or the upper rows with those that are shown, as :func:`decode` gives and refuses them.

        Raises :class:`ConfigError` as :func:`geometry.resized_size` does.
        """
        return self._once(None)

    def fast(self, spec: InputSpec) -> Reduced:
        """A JPEG much larger than what ``spec`` resizes it to at 1/2, 1/4 or 1/8, everything else as :meth:`exact`.

        A pixel is then about the mean of those that it stands for. No side becomes shorter than the spec resizes it
        to, and nothing is reduced for a spec that takes nearest pixels, since there would be other ones. A JPEG that
        cannot be decoded in this way is decoded exactly, and that is a remark.
        Raises what :func:`decode` raises, and :class:`ConfigError` as :func:`geometry.resized_size` does.
        """
        try:
            return self._once(self._reduction(spec))
        except Undecodable:
            exact = self.exact()
            return exact._replace(remarks=(DECODED_EXACTLY, *exact.remarks))

    def _once(self, by: int | None) -> Reduced:
        if by not in self._decoded:
            try:
                self._decoded[by] = self._exact() if by is None else self._scaled(by)
            except Undecodable as error:
                self._decoded[by] = error
        decoded = self._decoded[by]
        if isinstance(decoded, Undecodable):
            raise decoded
        return decoded

    def _exact(self) -> Reduced:
        if self.shown and (upper := upper_rows.decode(self.data, self._rows_shown, self.exif)):
            return upper
        remarks: list[str] = []
        image = decode(self.data, self.exif, remarks)
        return Reduced(image, 1, (image.height, image.width), tuple(remarks))

    def _rows_shown(self, size: tuple[int, int]) -> int:
        return max(geometry.upper_rows(spec, size) for spec in self.shown)

    def _scaled(self, by: int) -> Reduced:
        remarks: list[str] = []
        with _undecodable(self.data):
            image = _opened(self.data)
            image.draft(None, (image.width // by, image.height // by))
            return Reduced(_loaded(image, self.exif, remarks), by, self._header.size, tuple(remarks))

    def _reduction(self, spec: InputSpec) -> int | None:
        """The number of pixels of a side that become one; None for a format that is decoded as a whole."""
        header = self._header
        return _reduction(header.size, spec, whole=header.is_turned) if header.is_scaled else None

    @cached_property
    def _header(self) -> _Header:
        with _undecodable(self.data):
            image = _opened(self.data)
            if image.format not in _SCALED:
                return _Header(is_scaled=False)
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1) if self.exif == "apply" else 1
            size = image.size if orientation in _LYING else (image.height, image.width)
            return _Header(is_scaled=True, size=size, is_turned=orientation != 1)


class _Header(NamedTuple):
    """What a file states of itself; ``size``: (h, w) as it is shown; ``is_turned``: by its Exif orientation."""

    is_scaled: bool
    size: tuple[int, int] = (0, 0)
    is_turned: bool = False


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
