"""What travels between the driver and its actors on Ray, as bytes: references to images there, and results back."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imgcls import errors
from imgcls.errors import ImgclsError
from imgcls.records.data import ImageRef, packed_place, place_of
from imgcls.store import codec

if TYPE_CHECKING:
    from imgcls.evaluation.pipeline import BatchResult

Part = tuple[Sequence[ImageRef], tuple[str, ...]]
"""Images that the same models lack, and the names of these models."""


def pack_part(images: Sequence[ImageRef], names: tuple[str, ...]) -> bytes:
    """The inverse of :func:`unpack_part`. Labels, columns and groups stay with the driver."""
    return marshal.dumps((names, [_reference(image) for image in images]))


def unpack_part(body: bytes) -> Part:
    """The images and the names of models of :func:`pack_part`."""
    names, rows = marshal.loads(body)  # noqa: S302 - written by the driver
    return [_image(*row) for row in rows], names


def _reference(image: ImageRef) -> tuple[str, Any, bytes]:
    return image.path, packed_place(image.place), bytes.fromhex(image.sha256)


def _image(path: str, stored: Any, sha256: bytes) -> ImageRef:
    return ImageRef(path, place_of(stored), sha256.hex(), None)


def pack_result(result: BatchResult) -> bytes:
    """The inverse of :func:`unpack_result`; images are named by their hashes."""
    rejected = {
        rule: [(one.image.sha256, one.reason, one.detail, one.permanent) for one in images]
        for rule, images in result.rejected.items()
    }
    outputs = {
        name: [(image.sha256, codec.pack(output)) for image, output in images]
        for name, images in result.outputs.items()
    }
    failures = {name: (_kind(error), error.args) for name, error in result.failures.items()}
    counted = (result.images, result.decode_seconds, result.seconds)
    return marshal.dumps((*counted, rejected, dict(result.remarks), outputs, failures, result.notes))


def unpack_result(body: bytes, images: Iterable[ImageRef]) -> BatchResult:
    """The result for ``images``, of :func:`pack_result`."""
    from imgcls.evaluation.inputs import Rejected
    from imgcls.evaluation.pipeline import BatchResult

    count, decode_seconds, seconds, rejected, remarks, outputs, failures, notes = marshal.loads(body)  # noqa: S302 - our own
    by_hash: Mapping[str, ImageRef] = {image.sha256: image for image in images}
    result = BatchResult(count, decode_seconds, seconds=seconds, notes=notes)
    for rule, rows in rejected.items():
        result.rejected[rule] = [Rejected(by_hash[sha256], *why) for sha256, *why in rows]
    result.remarks.update(remarks)
    result.outputs = {
        name: [(by_hash[sha256], codec.unpack(packed)) for sha256, packed in rows] for name, rows in outputs.items()
    }
    result.failures = {name: _error(*row) for name, row in failures.items()}
    return result


def _kind(error: ImgclsError) -> str:
    """The name of the first class of an error that is in :mod:`imgcls.errors`, as its exit code is."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)


def _error(kind: str, lines: Sequence[str]) -> ImgclsError:
    known: type[ImgclsError] = getattr(errors, kind)
    return known(*lines)
