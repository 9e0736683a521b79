"""Stores what an engine computes, a transaction a second, and keeps what is known of the models in step with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.state import DatasetState, ModelState
from imgcls.store.database import Store

if TYPE_CHECKING:
    from imgcls.evaluation.inputs import Rejected
    from imgcls.evaluation.pipeline import BatchResult
    from imgcls.records.evaluation import Output

SECONDS_PER_COMMIT = 1.0  # docs/decisions.md#images-per-transaction
"""Seconds of work that a killed run loses at most, in addition to what its workers hold."""

IMAGES_PER_COMMIT = 4096  # docs/decisions.md#images-per-transaction
"""Images whose results are held in memory at most."""


class Recorder:
    """Collects the results of a pass, and stores them together."""

    def __init__(self, state: DatasetState, group: Sequence[ModelState], decoding: Decoding, store: Store) -> None:
        self._state, self._group, self._decoding, self._store = state, group, decoding, store
        self._unstored: list[BatchResult] = []
        self._images = 0
        self._committed_at = time.monotonic()

    def add(self, result: BatchResult) -> int:
        """Take a result; the number of images that were stored because it was time to. Raises StoreError."""
        self._unstored.append(result)
        self._images += result.images
        is_time = time.monotonic() - self._committed_at >= SECONDS_PER_COMMIT
        return self.commit() if is_time or self._images >= IMAGES_PER_COMMIT else 0

    def commit(self) -> int:
        """Store what there is, all of it or nothing; the number of images. Raises StoreError."""
        results, images = self._unstored, self._images
        self._unstored, self._images = [], 0
        if results:
            self._store_results(results)
        self._committed_at = time.monotonic()
        return images

    def _store_results(self, results: Sequence[BatchResult]) -> None:
        with self._store.transaction():
            outputs = {model.name: self._outputs(model, results) for model in self._group}
            for rule in rules(self._group):
                self._reject(rule, [one for result in results for one in result.rejected[rule]])
                self._remark(rule, {i: said for result in results for i, said in result.remarks[rule].items()})
            self._store.put({m.key: (m.outputs, outputs[m.name]) for m in self._group if outputs[m.name]})
        for model in self._group:
            positions = self._state.distinct.positions(sha256 for sha256, _ in outputs[model.name])
            model.computed += sum(model.missing[list(set(positions))].tolist())
            model.missing[positions] = False
            for position in model.rejected.keys() & set(positions):  # the first try had no memory for it
                del model.rejected[position]
            model.seconds += sum(result.seconds.get(model.name, 0.0) for result in results)

    def _outputs(self, model: ModelState, results: Sequence[BatchResult]) -> list[tuple[str, Output]]:
        """A model's predictions by sha256, unless it failed."""
        if model.name in self._state.failures:
            return []
        return model.as_stored([scored for result in results for scored in result.outputs.get(model.name, ())])

    def _remark(self, rule: str, remarks: Mapping[str, Sequence[str]]) -> None:
        if remarks:
            positions = self._state.distinct.positions(remarks)
            shared = next(model.remarks for model in self._group if model.preprocessing.rule == rule)
            if shared:
                shared.add(zip(positions, remarks.values(), strict=True))
            self._store.put_remarks(self._decoding.remarking(rule), remarks)

    def _reject(self, rule: str, rejected: Sequence[Rejected]) -> None:
        positions = self._state.distinct.positions(one.image.sha256 for one in rejected)
        for model in self._group:
            if model.preprocessing.rule == rule:
                why = zip(positions, rejected, strict=True)
                model.rejected.update({p: (one.reason, one.detail) for p, one in why if model.missing[p]})
        permanent = {one.image.sha256: (one.reason, one.detail) for one in rejected if one.permanent}
        self._store.put_undecodable(self._decoding.rejecting(rule), permanent)


def rules(group: Sequence[ModelState]) -> Sequence[str]:
    """The different rules that these models decode by."""
    return list(dict.fromkeys(model.preprocessing.rule for model in group))
