"""Pictures become batches: decoded by threads, one batch ahead, and kept in memory while they fit."""

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

from imgcls import augment, images, pixels, preprocess
from imgcls.errors import Undecodable
from imgcls.recipe import Recipe
from imgcls.records import ImageRef, InputSpec
from imgcls.training_data import Division, broken

BUDGET_BYTES = 1 << 30
"""Pixels that are kept from one epoch to the next; pictures beyond that are decoded anew each time."""


class Batch(NamedTuple):
    """``pictures`` float32 (n, 3, h, w), as the network takes them; ``targets`` int64 (n,)."""

    pictures: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]


class Loader:
    """Both sides of the data as batches; closed at the end of the ``with`` block.

    Everything raises :class:`ConfigError` for a picture that cannot be decoded, by its file and with the reason. To
    be used within :func:`pixels.quiet_pillow`.
    """

    def __init__(self, division: Division, spec: InputSpec, recipe: Recipe) -> None:
        self.division, self.spec, self.recipe = division, spec, recipe
        self.augmentation = augment.build(spec, recipe)
        self._memory, self._threads = _Memory(BUDGET_BYTES), ThreadPoolExecutor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)

    def prepare(self) -> None:
        """Decode what fits into memory, so that a broken picture there is found before anything is learnt."""
        for refs, pixels_of in ((self.division.held_out, self._middle), (self.division.learn, self._whole)):
            for few in _parts(np.arange(len(refs)), self.recipe.batch_size):
                list(self._threads.map(pixels_of, [refs[number] for number in few]))
                if self._memory.full:
                    return

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(_parts(np.arange(len(self.division.learn)), self.recipe.batch_size))

    def learn(self, epoch: int) -> Iterator[Batch]:
        """The pictures to learn from, in an order of this epoch's and augmented for it."""
        refs = self.division.learn
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(refs))
        return self._batches(refs, order, partial(self._augmented, epoch=epoch))

    def held_out(self) -> Iterator[Batch]:
        """The held-out pictures, as they are scored."""
        refs = self.division.held_out
        return self._batches(refs, np.arange(len(refs)), self._middle)

    def _batches(
        self, refs: Sequence[ImageRef], order: npt.NDArray[np.int64], crop: Callable[[ImageRef], preprocess.Pixels]
    ) -> Iterator[Batch]:
        ahead: deque[tuple[list[ImageRef], list[Future[preprocess.Pixels]]]] = deque()
        for part in _parts(order, self.recipe.batch_size):
            chosen = [refs[number] for number in part]
            ahead.append((chosen, [self._threads.submit(crop, ref) for ref in chosen]))
            if len(ahead) > 1:
                yield self._batch(*ahead.popleft())
        yield self._batch(*ahead.popleft())

    def _batch(self, refs: Sequence[ImageRef], crops: Sequence[Future[preprocess.Pixels]]) -> Batch:
        pictures = preprocess.normalize(self.spec, np.stack([crop.result() for crop in crops]))
        return Batch(pictures.numpy(), np.array([self.division.target(ref) for ref in refs]))

    def _augmented(self, ref: ImageRef, epoch: int) -> preprocess.Pixels:
        return self.augmentation.apply(Image.fromarray(self._whole(ref)), ref.sha256, epoch)

    def _middle(self, ref: ImageRef) -> preprocess.Pixels:
        return self._memory.get(ref.file, lambda: preprocess.crop(self.spec, _decoded(ref)))

    def _whole(self, ref: ImageRef) -> preprocess.Pixels:
        return self._memory.get(ref.file, lambda: np.asarray(_decoded(ref)))


class _Memory:
    """Pixels by file, kept as long as there is room; threads may ask at once."""

    def __init__(self, room_bytes: int) -> None:
        self.full = False
        self._room, self._kept, self._lock = room_bytes, dict[Path, preprocess.Pixels](), threading.Lock()

    def get(self, file: Path, make: Callable[[], preprocess.Pixels]) -> preprocess.Pixels:
        found = self._kept.get(file)
        if found is None:
            found = make()
            with self._lock:
                self.full |= found.nbytes > self._room
                if not self.full:
                    self._kept[file] = found
                    self._room -= found.nbytes
        return found


def _parts(order: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    """Of equal sizes, give or take one, and none of one picture, which has no statistics for batch norm."""
    count = math.ceil(len(order) / size)
    if size > 1 and len(order) // count < 2:
        count = max(1, len(order) // 2)
    return np.array_split(order, count)


def _decoded(ref: ImageRef) -> Image.Image:
    try:
        return pixels.decode(images.read(ref))
    except Undecodable as fault:
        raise broken(ref.file, str(fault)) from fault
