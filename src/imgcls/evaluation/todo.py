"""What is left to score: images without a prediction, streamed in batches that the same models lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from imgcls.records.blocks import BLOCK
from imgcls.records.data import ImageRef, Images

if TYPE_CHECKING:
    from imgcls.evaluation.distinct import Flags


class Todo:
    """The images that models lack predictions for.

    ``lacking``: the number of images by the names of the models that lack them; their order is that of the models.
    """

    def __init__(self, images: Images, missing: Mapping[str, Flags]) -> None:
        """``missing``: by name of the model, bool (n,): the positions in ``images`` that have to be scored.

        A flag may be cleared once its image was in a batch.
        """
        self._images, self._missing = images, missing
        listed = np.zeros(len(images), bool)
        for flags in missing.values():
            listed |= flags
        self.lacking: Mapping[tuple[str, ...], int] = dict(_counts(list(missing.items()), listed))

    def __len__(self) -> int:
        """The number of images."""
        return sum(self.lacking.values())

    def batches(
        self, size: Callable[[tuple[str, ...], int], int]
    ) -> Iterator[tuple[Sequence[ImageRef], tuple[str, ...]]]:
        """Images that the same models lack, and the names of these models, in the order of the listing.

        ``size``: the number of images of a batch, by the names and by the number of all images that these models lack.
        Only the last batch of the same models has fewer.
        """
        if not self.lacking:
            return
        sizes = {names: size(names, count) for names, count in self.lacking.items()}
        pending: dict[tuple[str, ...], list[ImageRef]] = {names: [] for names in sizes}
        for image, names in self._each():
            batch = pending[names]
            batch.append(image)
            if len(batch) == sizes[names]:
                pending[names] = []
                yield batch, names
        yield from ((batch, names) for names, batch in pending.items() if batch)

    def _each(self) -> Iterator[tuple[ImageRef, tuple[str, ...]]]:
        """Every image with the names of the models that lack it; one block of the listing is read at a time."""
        names = list(self._missing)
        for start in range(0, len(self._images), BLOCK):
            flags = np.stack([of_model[start : start + BLOCK] for of_model in self._missing.values()])
            places = np.flatnonzero(flags.any(axis=0))
            images = self._images.at((start + places).tolist())
            for image, lacks in zip(images, flags[:, places].T.tolist(), strict=True):
                yield image, tuple(compress(names, lacks))


def _counts(
    missing: Sequence[tuple[str, Flags]], among: Flags, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], int]]:
    """How many of these images lack predictions of ``names`` and of which of the other models."""
    count = int(np.count_nonzero(among))
    if count and missing:
        (name, flags), *others = missing
        yield from _counts(others, among & flags, (*names, name))
        yield from _counts(others, among & ~flags, names)
    elif count:
        yield names, count
