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
from imgcls.errors import Undecodable
from imgcls.preprocessing import geometry, preprocess
from imgcls.preprocessing.preprocess import Prepared, Preprocessing
from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef
from imgcls.training import augment
from imgcls.training.config import TrainingConfig
from imgcls.training.split import Split, unusable_image

BUDGET_BYTES = 1 << 30  # docs/decisions.md#threads-for-training
"""Pixels that are kept from one epoch to the next; images beyond that are decoded again in every epoch."""


class Batch(NamedTuple):
    """``images`` float32 (n, 3, h, w), as the network takes them; ``targets`` int64 (n,)."""

    images: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]


class Loader:
    """Both splits as batches; closed at the end of the ``with`` block.

    Everything raises ConfigError for an image that cannot be decoded, with its file and the reason. To be used within
    :func:`imgcls.preprocessing.decode.quiet_pillow`.
    """

    def __init__(self, split: Split, spec: InputSpec, config: TrainingConfig) -> None:
        self.split, self.spec, self.config = split, spec, config
        self.augmentation = augment.build(spec, config)
        self._cache, self._threads = _PixelCache(BUDGET_BYTES), ThreadPoolExecutor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)

    def prepare(self) -> None:
        """Decode what fits into memory, so that a broken image there is reported before the first step."""
        for refs, pixels_of in ((self.split.validation, self._cropped), (self.split.train, self._decoded)):
            for indices in _batch_indices(np.arange(len(refs)), self.config.batch_size):
                list(self._threads.map(pixels_of, [refs[index] for index in indices]))
                if self._cache.is_full:
                    return

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
        images = preprocess.batch(self.spec, [crop.result() for crop in crops])
        return Batch(images.numpy(), np.array([self.split.target(ref) for ref in refs]))

    def _augmented(self, ref: ImageRef, epoch: int) -> geometry.Pixels:
        return self.augmentation.apply(Image.fromarray(self._decoded(ref)), ref.sha256, epoch)

    def _cropped(self, ref: ImageRef) -> geometry.Pixels:
        preprocessing = Preprocessing(self.spec, "exact")
        return self._cache.get(ref.file, lambda: _prepare(ref, preprocessing).crops[preprocessing])

    def _decoded(self, ref: ImageRef) -> geometry.Pixels:
        return self._cache.get(ref.file, lambda: np.asarray(_prepare(ref).decoded))


class _PixelCache:
    """Pixels by file, kept as long as there is room; several threads may call it at once."""

    def __init__(self, room_bytes: int) -> None:
        self.is_full = False
        self._room_bytes, self._pixels, self._lock = room_bytes, dict[Path, geometry.Pixels](), threading.Lock()

    def get(self, file: Path, make: Callable[[], geometry.Pixels]) -> geometry.Pixels:
        pixels = self._pixels.get(file)
        if pixels is None:
            pixels = make()
            with self._lock:
                self.is_full |= pixels.nbytes > self._room_bytes
                if not self.is_full:
                    self._pixels[file] = pixels
                    self._room_bytes -= pixels.nbytes
        return pixels


def _batch_indices(order: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    """Batches of equal sizes, give or take one, and none of one image, which has no statistics for batch norm."""
    count = math.ceil(len(order) / size)
    if size > 1 and len(order) // count < 2:
        count = max(1, len(order) // 2)
    return np.array_split(order, count)


def _prepare(ref: ImageRef, *preprocessings: Preprocessing) -> Prepared:
    try:
        return preprocess.prepare(listing.read(ref), preprocessings)
    except Undecodable as error:
        raise unusable_image(ref.file, str(error)) from error
