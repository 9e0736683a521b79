"""Images become batches: decoded by threads, one batch ahead, and kept in memory while they fit."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.data import listing
from imgcls.errors import ConfigError, Undecodable
from imgcls.preprocessing import decode, geometry, preprocess, transforms
from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef
from imgcls.training import augment
from imgcls.training.config import TrainingConfig
from imgcls.training.images import BrokenFile, broken_file, unusable
from imgcls.training.split import Split

BUDGET_BYTES = 1 << 30  # docs/decisions.md#threads-for-training
"""Pixels that are kept from one epoch to the next; images beyond that are decoded again in every epoch."""


class Batch(NamedTuple):
    """``images`` float32 (n, 3, h, w), as the network takes them; ``targets`` int64 (n,)."""

    images: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]


class Loader:
    """Both splits as batches; closed at the end of the ``with`` block.

    Batches raise ConfigError where an image cannot be decoded, with all that cannot. To be used within
    :func:`imgcls.preprocessing.decode.quiet_pillow`. ``split`` may be replaced before the first batch. ``remarks``: the
    rules that pixels were converted by, by image.
    """

    def __init__(self, split: Split, spec: InputSpec, config: TrainingConfig) -> None:
        self.split, self.spec, self.config = split, spec, config
        self.augmentation = augment.build(spec, config)
        self.remarks: dict[Path, tuple[str, ...]] = {}
        self._cache, self._threads = _PixelCache(BUDGET_BYTES), ThreadPoolExecutor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)

    def prepare(self) -> None:
        """Decode what fits into memory, so that broken images there are reported before the first step.

        Raises ConfigError with all broken images, wherever they are, as soon as one is.
        """
        for broken in self._broken():
            if broken:
                raise self._unusable(broken)
            if self._cache.is_full:
                return

    def broken(self) -> list[BrokenFile]:
        """The images of both splits that cannot be decoded; decodes all that are not in memory."""
        return [file for files in self._broken() for file in files]

    def _broken(self) -> Iterator[list[BrokenFile]]:
        """The images of one batch after the other that cannot be decoded."""
        for refs, pixels_of in ((self.split.validation, self._cropped), (self.split.train, self._decoded)):
            fault_of = partial(_fault, pixels_of)
            for indices in _batch_indices(np.arange(len(refs)), self.config.batch_size):
                yield [fault for fault in self._threads.map(fault_of, [refs[index] for index in indices]) if fault]

    def _unusable(self, broken: Sequence[BrokenFile]) -> ConfigError:
        """The error for all images that cannot be decoded; these could not before."""
        return unusable(self.broken() or broken, len(self.split.validation) + len(self.split.train))

    @property
    def steps(self) -> int:
        """The number of training batches in an epoch."""
        return len(_batch_indices(np.arange(len(self.split.train)), self.config.batch_size))

    def train_batches(self, epoch: int) -> Iterator[Batch]:
        """The training images, in the order of this epoch and augmented for it."""
        refs = self.split.train
        order = np.random.default_rng([self.config.seed, epoch]).permutation(len(refs))
        return self._batches(refs, order, partial(self._augmented, epoch=epoch))

    def validation_batches(self) -> Iterator[Batch]:
        """The validation images, preprocessed as they are scored."""
        refs = self.split.validation
        return self._batches(refs, np.arange(len(refs)), self._cropped)

    def _batches(
        self, refs: Sequence[ImageRef], order: npt.NDArray[np.int64], crop: Callable[[ImageRef], geometry.Pixels]
    ) -> Iterator[Batch]:
        ahead: deque[tuple[list[ImageRef], list[Future[geometry.Pixels]]]] = deque()
        for indices in _batch_indices(order, self.config.batch_size):
            chosen = [refs[index] for index in indices]
            ahead.append((chosen, [self._threads.submit(crop, ref) for ref in chosen]))
            if len(ahead) > 1:
                yield self._batch(*ahead.popleft())
        yield self._batch(*ahead.popleft())

    def _batch(self, refs: Sequence[ImageRef], crops: Sequence[Future[geometry.Pixels]]) -> Batch:
        pixels: list[geometry.Pixels] = []
        for ref, crop in zip(refs, crops, strict=True):
            try:
                pixels.append(crop.result())
            except Undecodable as error:
                raise self._unusable([broken_file(ref.file, error)]) from error
        images = preprocess.batch(self.spec, pixels)
        return Batch(images.numpy(), np.array([self.split.target(ref) for ref in refs]))

    def _augmented(self, ref: ImageRef, epoch: int) -> geometry.Pixels:
        return self.augmentation.apply(Image.fromarray(self._decoded(ref)), ref.sha256, epoch)

    def _cropped(self, ref: ImageRef) -> geometry.Pixels:
        return self._cache.get((ref.file, "cropped"), lambda: transforms.crop(self.spec, self._image(ref)))

    def _decoded(self, ref: ImageRef) -> geometry.Pixels:
        return self._cache.get((ref.file, "whole"), lambda: np.asarray(self._image(ref)))

    def _image(self, ref: ImageRef) -> Image.Image:
        remarks: list[str] = []
        image = decode.decode(listing.read(ref), remarks=remarks)
        if remarks:
            self.remarks[ref.file] = tuple(remarks)
        return image


class _PixelCache:
    """Pixels by file and form, kept as long as there is room; several threads may call it at once."""

    def __init__(self, room_bytes: int) -> None:
        self.is_full = False
        self._room_bytes, self._lock = room_bytes, threading.Lock()
        self._pixels: dict[tuple[Path, str], geometry.Pixels] = {}

    def get(self, key: tuple[Path, str], make: Callable[[], geometry.Pixels]) -> geometry.Pixels:
        pixels = self._pixels.get(key)
        if pixels is None:
            pixels = make()
            with self._lock:
                self.is_full |= pixels.nbytes > self._room_bytes
                if not self.is_full:
                    self._pixels[key] = pixels
                    self._room_bytes -= pixels.nbytes
        return pixels


def _batch_indices(order: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    """Batches of equal sizes, give or take one, and none of one image, which has no statistics for batch norm."""
    count = math.ceil(len(order) / size)
    if size > 1 and len(order) // count < 2:
        count = max(1, len(order) // 2)
    return np.array_split(order, count)


def _fault(pixels_of: Callable[[ImageRef], geometry.Pixels], ref: ImageRef) -> BrokenFile | None:
    try:
        pixels_of(ref)
    except Undecodable as error:
        return broken_file(ref.file, error)
    return None
