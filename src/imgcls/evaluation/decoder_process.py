"""Processes that decode images for :mod:`imgcls.evaluation.decoders`, each the requests that come by its own socket.

``python -m imgcls.evaluation.decoder_process [MODULE ...] FD ...`` imports all that decoding needs, and these modules,
and then forks for each socket. A process ends when the other end of its socket is closed, however that came about.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from imgcls.errors import ModelError
from imgcls.evaluation import inputs
from imgcls.evaluation.inputs import Rejected
from imgcls.preprocessing import decode
from imgcls.preprocessing.preprocess import Crop, Prepared, Preprocessing
from imgcls.records.data import ImageRef

_COUNT = struct.Struct("<Q")


class Request(NamedTuple):
    """What a process is to do, as :func:`inputs.prepared_or_rejected` has it; ``pillows_limit``: that of pixels."""

    images: Sequence[ImageRef]
    preprocessings: Sequence[Preprocessing]
    exif: Literal["ignore", "apply"]
    pillows_limit: int | None


def results(request: Request) -> list[Prepared | None]:
    """What came of each image, None where any preprocessing has no pixels.

    Crops are planes (channels, h, w), which arrays are sent in without a copy.
    """
    Image.MAX_IMAGE_PIXELS = request.pillows_limit
    with decode.quiet_pillow():
        each = inputs.each_prepared(request.images, request.preprocessings, request.exif)
        return [
            None if isinstance(result, Rejected) or result.undecodable else with_crops(result, (2, 0, 1))
            for result in each
        ]


def with_crops(result: Prepared, axes: tuple[int, int, int]) -> Prepared:
    """The same with the axes of its crops in another order."""
    return result._replace(crops={of: _transposed(crop, axes) for of, crop in result.crops.items()})


def _transposed(crop: Crop, axes: tuple[int, int, int]) -> Crop:
    return crop if isinstance(crop, ModelError) else crop.transpose(axes)


def send(to: socket.socket, value: object) -> None:
    """Send a value of types that can be pickled, large arrays as they are in memory."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, 5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    to.sendall(_COUNT.pack(len(parts)) + b"".join(_COUNT.pack(len(part)) for part in parts))
    for part in parts:
        to.sendall(part)


def receive(source: socket.socket) -> Any:
    """The next value that was sent. Raises EOFError where the other end is closed."""
    [count] = _COUNT.unpack(_received(source, _COUNT.size))
    sizes = [size for (size,) in _COUNT.iter_unpack(_received(source, count * _COUNT.size))]
    body, *buffers = _split(_received(source, sum(sizes)), sizes)
    return pickle.loads(body, buffers=buffers)  # noqa: S301 - our own process sent it


def _received(source: socket.socket, size: int) -> memoryview:
    """Exactly these bytes, in as few calls as the system allows."""
    data = np.empty(size, np.uint8).data  # which no zeros are written into first
    done = 0
    while done < size:
        part = source.recv_into(data[done:], 0, socket.MSG_WAITALL)
        if not part:
            raise EOFError
        done += part
    return data


def _split(data: memoryview, sizes: Iterable[int]) -> list[memoryview]:
    parts: list[memoryview] = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return parts


def _serve(own: socket.socket) -> None:
    """Until the other end is closed; whatever fails here the caller does again itself, and has the error."""
    with suppress(Exception):
        while True:
            send(own, results(receive(own)))


def main() -> None:
    """Fork, and wait until all are done."""
    descriptors = [word for word in sys.argv[1:] if word.isdecimal()]
    for module in sys.argv[1 : -len(descriptors)]:
        import_module(module)
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors]
    for own in sockets:
        if os.fork() == 0:
            for other in sockets:
                if other is not own:
                    other.close()  # or its end would not be noticed
            _serve(own)
            os._exit(0)
    for own in sockets:
        own.close()
    for _ in sockets:
        os.wait()


if __name__ == "__main__":
    main()
