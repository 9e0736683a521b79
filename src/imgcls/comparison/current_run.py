"""The run in the store, as comparisons read it."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from imgcls.comparison import counted, pairwise, saved_run
from imgcls.comparison.packed import SHA256_BYTES
from imgcls.comparison.words import NONE, Numbers, Words, first_of_each, numbered
from imgcls.evaluation import results
from imgcls.records.comparison import ImageKey, PairwiseTest, SavedRun
from imgcls.records.evaluation import DatasetOutcome, Output
from imgcls.store.damage import lost
from imgcls.store.database import Store
from imgcls.system import versions as library_versions

THIS_RUN = "this run"

MISSING, WRONG, RIGHT = range(3)
"""What is known of a model's best class for an image."""


def scored(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> SavedRun:
    """A run with its predictions, as tables. Raises StoreError."""
    setups = [
        saved_run.setup_of(results.result_of(pair, outcome, {})) for outcome in outcomes for pair in outcome.pairs
    ]
    predictions = results.predictions(store, run_id, outcomes)
    models = saved_run.scored_models(THIS_RUN, library_versions.environment(), setups, predictions)
    return SavedRun(THIS_RUN, models)


def pairwise_tests(store: Store, run_id: str, outcomes: Sequence[DatasetOutcome]) -> Iterator[PairwiseTest]:
    """All pairs of the models that scored a whole dataset, dataset by dataset. Raises StoreError."""
    for outcome in outcomes:
        whole = [p for p in outcome.pairs if p.scores.scored and not (p.failure or p.scores.unscored)]
        if len(whole) > 1:
            images = _Images(store, run_id, replace(outcome, pairs=tuple(whole)))
            yield from images.tests(outcome.dataset, [pair.scores.model for pair in whole])


class _Images:
    """The images of a dataset in order: 40 bytes of memory for each, and one in addition for each model."""

    def __init__(self, store: Store, run_id: str, outcome: DatasetOutcome) -> None:
        """Raises StoreError where a prediction that was counted is damaged or lost."""
        self._words = Words[str | None]()
        self._hashes, self._of_label, self._of_group, self._flags = bytearray(), array("i"), array("i"), bytearray()
        accepted = [{label: frozenset(indices) for label, indices in p.accepted.items()} for p in outcome.pairs]
        for batch in store.listing(run_id, outcome.dataset):
            hashes = [sha256 for _, sha256, _ in batch]
            outputs = [store.outputs(str(pair.prediction_key), hashes) for pair in outcome.pairs]
            for _, sha256, label in batch:
                group = outcome.groups.get(sha256)
                self._hashes += bytes.fromhex(sha256)
                self._of_label.append(self._words.number(label))
                self._of_group.append(NONE if group is None else self._words.number(group))
                self._flags += bytes(map(partial(_flag, sha256, label), outputs, accepted))
        self._models = len(outcome.pairs)
        self._check(store, outcome)

    @property
    def flags(self) -> NDArray[np.uint8]:
        """Of each image by each model :data:`MISSING`, :data:`WRONG` or :data:`RIGHT`, shape (images, models)."""
        return np.frombuffer(self._flags, np.uint8).reshape(len(self._of_label), self._models)

    @cached_property
    def _numbers(self) -> Numbers:
        """A number for the bytes of each image."""
        return numbered(*np.frombuffer(self._hashes, np.uint64).reshape(-1, 4).T)

    def _check(self, store: Store, outcome: DatasetOutcome) -> None:
        for pair, flags in zip(outcome.pairs, self.flags.T, strict=True):
            if np.count_nonzero(flags != MISSING) < pair.scores.scored:
                raise lost(store.file, f"what was predicted on {outcome.dataset}")

    def tests(self, dataset: str, models: Sequence[str]) -> tuple[PairwiseTest, ...]:
        """All pairs of the models on the images of which all have predictions, each image once."""
        labels, groups = (np.frombuffer(numbers, np.int32) for numbers in (self._of_label, self._of_group))
        keys = numbered(self._numbers, labels)
        firsts = np.sort(first_of_each(keys, int(keys.max(initial=NONE)) + 1))
        common = firsts[(self.flags[firsts] != MISSING).all(axis=1)]
        if not len(common):
            return ()
        units = numbered(counted.units_of(numbered(self._numbers[common]), groups[common]))
        chosen = counted.drawn(units, lambda places: map(self._key, common[places].tolist()))
        return pairwise.by_units(dataset, models, self.flags[common] == RIGHT, chosen)

    def _key(self, place: int) -> ImageKey:
        sha256 = self._hashes[SHA256_BYTES * place : SHA256_BYTES * (place + 1)].hex()
        return sha256, self._words.values[self._of_label[place]]


def _flag(
    sha256: str, label: str | None, outputs: Mapping[str, Output], accepted: Mapping[str, Collection[int]]
) -> int:
    output = outputs.get(sha256)
    if output is None:
        return MISSING
    right = () if label is None else accepted.get(label, ())
    return RIGHT if output.top[0][0] in right else WRONG
