"""Listed images as crops for every network, or the reason why an image has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from imgcls.data import listing
from imgcls.errors import Undecodable
from imgcls.preprocessing import preprocess
from imgcls.preprocessing.preprocess import Prepared, Preprocessing
from imgcls.records.data import ImageRef


class Rejected(NamedTuple):
    """An image without pixels. ``permanent``: because of its bytes, which cannot change without another hash."""

    image: ImageRef
    reason: str
    detail: str
    permanent: bool


def prepared_or_rejected(
    image: ImageRef, preprocessings: Sequence[Preprocessing], exif: Literal["ignore", "apply"]
) -> Prepared | Rejected:
    """An image decoded, and cropped for every preprocessing that has pixels for it, or why none has."""
    data = None
    try:
        data = listing.read(image)
        return preprocess.prepare(data, preprocessings, exif)
    except Undecodable as error:
        return rejected(image, error, is_read=data is not None)


def each_prepared(
    images: Iterable[ImageRef], preprocessings: Sequence[Preprocessing], exif: Literal["ignore", "apply"]
) -> Iterator[Prepared | Rejected]:
    """:func:`prepared_or_rejected` of one image after the other, as they are needed."""
    return (prepared_or_rejected(image, preprocessings, exif) for image in images)


def rejected(image: ImageRef, error: Undecodable, *, is_read: bool = True) -> Rejected:
    """An image that does not decode, or that could not be read."""
    return Rejected(image, error.reason, error.detail, is_read and error.reason != "out_of_memory")
