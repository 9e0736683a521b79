"""Predictions on images that belong to no dataset and have no label, without a store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls.errors import ConfigError
from imgcls.records.comparison import Prediction
from imgcls.records.config import DatasetSpec
from imgcls.records.evaluation import DatasetOutcome, Progress

if TYPE_CHECKING:
    from imgcls.models.pool import ModelPool

IMAGES = "images"
"""The name that images given one by one have as a dataset."""


class Predictions:
    """What models predict on a few images and folders of images. Close it when it is read."""

    def __init__(self, pool: ModelPool, paths: Sequence[Path], progress: Progress) -> None:
        """Raises ConfigError where there is not a single image."""
        from imgcls.data import listing
        from imgcls.evaluation import evaluator
        from imgcls.store.database import Store

        self._store, self._run_id = Store(None), uuid.uuid4().hex
        self.outcome: DatasetOutcome = evaluator.evaluate(
            self._run_id, DatasetSpec(IMAGES, Path()), list(pool.specs), pool, self._store, progress,
            find=lambda _: listing.find_unlabelled(IMAGES, paths),
        )  # fmt: skip
        failed = any(pair.failure for pair in self.outcome.pairs)
        if not (failed or self.outcome.rejections or self.outcome.pairs[0].scores.scored):
            self.close()
            raise ConfigError(f"there is no image in what was given{_ignored(self.outcome.ignored_suffixes)}")

    def __iter__(self) -> Iterator[Prediction]:
        return self.best()

    def best(self, top: int = 5) -> Iterator[Prediction]:
        """The ``top`` best classes of every image by every model. Raises ConfigError for more than are stored."""
        from imgcls.evaluation import metrics, results

        if not 0 < top <= metrics.STORED_CLASSES:
            raise ConfigError(f"top = {top}: between 1 and {metrics.STORED_CLASSES} classes of an image are stored")
        return results.predictions(self._store, self._run_id, [self.outcome], top)

    def close(self) -> None:
        self._store.close()


def _ignored(suffixes: Mapping[str, int]) -> str:
    """What was there instead, by suffix."""
    counts = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in suffixes.items())
    return f", only files that are not images: {counts}" if counts else ""
