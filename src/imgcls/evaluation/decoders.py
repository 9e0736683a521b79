"""Decodes in processes where Python's lock would keep threads from using all cores."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from PIL import Image

from imgcls.evaluation import inputs
from imgcls.evaluation.decoder_process import Request, receive, send, with_crops
from imgcls.evaluation.inputs import Rejected
from imgcls.preprocessing.preprocess import Prepared, Preprocessing
from imgcls.records.data import ImageRef
from imgcls.system import children, devices, machine

FEWEST_CORES = 3  # docs/decisions.md#decoding-in-processes
FEWEST_IMAGES = 2048  # docs/decisions.md#decoding-in-processes

READ_ANYWHERE = frozenset({"tar", "zip", "url"})
"""Forms of places that any process reads, a member at a time; the others are read by this one."""


def are_faster(device: str, images: int, preprocessings: Sequence[Preprocessing]) -> bool:
    """Whether processes decode these images faster than threads, by a rule that times nothing.

    Where networks run on the CPU, what they leave of it to decoding is little enough for threads.
    """
    return (
        devices.kind(device) == "cuda"
        and hasattr(os, "fork")
        and machine.threads() >= FEWEST_CORES
        and images >= FEWEST_IMAGES
        and all(preprocessing.own is None for preprocessing in preprocessings)
    )


class Decoders:
    """Processes, of which each thread that calls has one to itself. They end when nothing refers to this any more."""

    def __init__(self, number: int, *, is_fast: bool = False) -> None:
        """``is_fast``: they decode with torch, too, see :mod:`imgcls.preprocessing.resize`. Raises OSError."""
        self._free: SimpleQueue[socket.socket] = SimpleQueue()
        with ExitStack() as ours, ExitStack() as theirs:
            descriptors: list[int] = []
            for _ in range(number):
                own, of_process = socket.socketpair()
                ours.callback(_close, own)
                descriptors.append(theirs.enter_context(of_process).fileno())
                self._free.put(own)
            process = _started(descriptors, ["torch"] if is_fast else [])
            weakref.finalize(self, _end, ours.pop_all(), process)

    def prepared(
        self, images: Sequence[ImageRef], preprocessings: Sequence[Preprocessing], exif: Literal["ignore", "apply"]
    ) -> Sequence[Prepared | Rejected]:
        """What :func:`inputs.prepared_or_rejected` returns for each image, to the bit.

        This thread does what no process can: what only this process can read or crop, and what ended a process. It also
        decides what is rejected, because it may have what a process has not, such as more formats.
        """
        results: Sequence[Prepared | None] = [None] * len(images)
        if all(map(_is_read_anywhere, images)) and all(each.own is None for each in preprocessings):
            with suppress(Empty, EOFError, OSError, MemoryError):
                results = self._by_process(Request(images, preprocessings, exif, Image.MAX_IMAGE_PIXELS))
        return [
            result or inputs.prepared_or_rejected(image, preprocessings, exif)
            for image, result in zip(images, results, strict=True)
        ]

    def _by_process(self, request: Request) -> Sequence[Prepared | None]:
        """Raises Empty, EOFError and OSError where no process did it; one that is gone is not used again."""
        own = self._free.get_nowait()
        send(own, request)
        results: Sequence[Prepared | None] = receive(own)
        self._free.put(own)
        return [result and with_crops(result, (1, 2, 0)) for result in results]


def _is_read_anywhere(image: ImageRef) -> bool:
    return isinstance(image.place, Path) or image.place.form in READ_ANYWHERE


def _started(descriptors: Sequence[int], modules: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", "imgcls.evaluation.decoder_process", *modules, *map(str, descriptors)],
        env={**children.environment(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=descriptors,
        process_group=0,  # a terminal sends Ctrl-C to its group: this process decides
    )


def _close(own: socket.socket) -> None:
    with own, suppress(OSError):
        own.shutdown(socket.SHUT_RDWR)  # a process that was forked from this one may hold it, too


def _end(sockets: ExitStack, process: subprocess.Popen[bytes]) -> None:
    sockets.close()
    process.wait()
