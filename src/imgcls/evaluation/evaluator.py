"""Scores a dataset: list, prepare, read the store, load, warm up, score, count; the only place with that order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from imgcls.data import dataset as datasets
from imgcls.errors import ImgclsError, LabelError, StoreError
from imgcls.evaluation import results
from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.engine import Engine, Here
from imgcls.evaluation.preparation import Preparation
from imgcls.evaluation.state import DatasetState, ModelState, RemarksByImage
from imgcls.evaluation.storing import Recorder, rules
from imgcls.evaluation.todo import Todo
from imgcls.models.pool import ModelPool
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Listing
from imgcls.records.evaluation import DatasetOutcome, Failure, Pass, Progress, Stage
from imgcls.records.plan import Plan
from imgcls.store.database import Store
from imgcls.system import machine

if TYPE_CHECKING:
    from imgcls.evaluation.distinct import Flags
    from imgcls.evaluation.pipeline import BatchResult


def evaluate(
    run_id: str,
    dataset: DatasetSpec,
    names: Sequence[str],
    pool: ModelPool,
    store: Store,
    progress: Progress,
    find: Callable[[DatasetSpec], Listing] | None = None,
    plan: Plan | None = None,
    engine: Engine | None = None,
) -> DatasetOutcome:
    """One pass over a dataset with these models; a later process of the same run reads what the first one stored.

    ``find`` lists the images, :func:`imgcls.data.dataset.list_images` where it is not given. ``plan``: the runtimes,
    where they were chosen before. ``engine``: what runs the networks, this process where it is not given. A model's
    failure is part of the outcome and does not stop the others. Raises StoreError.
    """
    with store.lock(), machine.limited_threads():  # one lock for all datasets, because they may share images
        known = store.outcome(run_id, dataset.name)
        if known and {pair.scores.model for pair in known.pairs} >= set(names):
            return known
        evaluator = Evaluator(dataset, names, pool, store, progress, plan, engine)
        try:
            evaluator.run(find or datasets.list_images)
        except KeyboardInterrupt:
            evaluator.outcome(run_id)
            raise
        return evaluator.outcome(run_id)


class Evaluator:
    """One scoring of one dataset."""

    def __init__(
        self,
        dataset: DatasetSpec,
        names: Sequence[str],
        pool: ModelPool,
        store: Store,
        progress: Progress,
        plan: Plan | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.state, self.decoding = DatasetState(dataset, names), Decoding(dataset)
        self.pool, self.store, self.progress = pool, store, progress
        self.preparation = Preparation(self.state, self.decoding, pool, store, plan)
        self.engine = engine or Here()
        self._remarks: dict[str, RemarksByImage] = {}

    def run(self, find: Callable[[DatasetSpec], Listing]) -> None:
        """List the images, and score them with one group of models after the other."""
        state, started = self.state, time.perf_counter()
        try:
            state.list(find(state.dataset))
        except StoreError:
            raise
        except ImgclsError as error:
            state.failures = dict.fromkeys(state.names, _failure(error, "files"))
        state.listing_seconds = time.perf_counter() - started
        for group in self._groups():
            self._pass(group, 0.0 if state.passes else state.listing_seconds)
        state.finished = True

    def outcome(self, run_id: str) -> DatasetOutcome:
        """Count what was predicted, and store the outcome for its report."""
        outcome = results.count(self.state, self.store)
        lists = [model.labels for model in self.state.models.values()]
        self.store.put_outcome(run_id, outcome, self.state.images, lists)
        return outcome

    def _groups(self) -> Iterator[list[ModelState]]:
        """Models loaded together: one after the other until they fill half of the free memory."""
        room: int | None = None
        group: list[ModelState] = []
        for name in self.state.names:
            if name in self.state.failures:
                continue
            try:
                self.state.models[name] = self.preparation.prepared(self.pool.known(name, self.store))
            except StoreError:
                raise
            except ImgclsError as error:
                self._fail(name, error)
                continue
            group.append(self.state.models[name])
            # docs/decisions.md#models-in-one-pass
            room = machine.available_bytes(self.pool.device) // 2 if room is None else room
            if sum(model.info.weight_bytes for model in group) > room:
                yield group
                for model in group:
                    self.pool.release(model.name)
                group = []
        if group:
            yield group

    def _fail(self, name: str, error: ImgclsError) -> None:
        """The first failure counts: the batches of other workers fail in the same way."""
        self.state.failures.setdefault(name, _failure(error, "labels" if isinstance(error, LabelError) else "model"))

    def _pass(self, group: list[ModelState], listing_seconds: float) -> None:
        started = time.perf_counter()
        self._read_store(group)
        lacking = [model for model in group if model.missing.any()]
        images = len(self._todo(lacking))
        ready_seconds = self._ready(lacking)
        decode_seconds = self._score(lacking, len(self.state.distinct) - images)
        for model in group:
            if model.again:
                decode_seconds += self._in_float32(model, model.again)
                model.add_costs_of_again()
                ready_seconds += model.again.load_seconds + model.again.compile_seconds
            model.add_notes()
        seconds = time.perf_counter() - started - ready_seconds
        self.state.passes.append(
            Pass(
                dataset=self.state.dataset.name,
                models=tuple(model.name for model in group),
                seconds=listing_seconds + seconds,
                decode_seconds=decode_seconds,
                model_seconds={model.name: model.seconds for model in group},
                load_seconds={model.name: model.load_seconds for model in group},
                compile_seconds={model.name: model.compile_seconds for model in group},
                peak_rss_bytes=machine.peak_rss_bytes(),
                device=self.pool.device,
            )
        )
        self._store_durations(group, seconds, images)
        for model in group:
            model.release()

    def _store_durations(self, group: Sequence[ModelState], seconds: float, images: int) -> None:
        """Store how long each model's predictions took: its own time, and a part of what all models of a pass share."""
        shared = max(0.0, seconds - sum(model.seconds for model in group)) / max(1, images)
        for model in group:
            if model.computed:
                place = self.state.dataset.name, machine.digest(model.info.device)
                self.store.add_duration(model.key, *place, model.computed, model.seconds + shared * model.computed)

    def _read_store(self, group: Sequence[ModelState]) -> None:
        """What is known of the images; remarks first, because what is damaged in them removes predictions."""
        distinct = self.state.distinct
        for rule in rules(group):
            if rule not in self._remarks:
                self._remarks[rule] = RemarksByImage(len(self.state.images))
                self._remarks[rule].add(self.store.remarks(self.decoding.remarking(rule), distinct.index))
        for model in group:
            model.remarks = self._remarks[model.preprocessing.rule]
            model.missing = distinct.missing(self.store, model.key, model.rejected)
            model.stored = self.state.scored(model)
            model.from_store = int(self.state.listed(model.stored).sum())

    def _ready(self, lacking: Sequence[ModelState]) -> float:
        """Load what lacks predictions, and let what happens once happen before the clock starts; its seconds."""
        started = time.perf_counter()
        for name, error in (self.engine.ready(lacking) if lacking else {}).items():
            self._fail(name, error)
        return time.perf_counter() - started

    def _in_float32(self, model: ModelState, again: ModelState) -> float:
        """Score what has to be in float32, until nothing is left; the seconds of decoding."""
        decode_seconds, again.remarks = 0.0, model.remarks
        if failure := self.state.failures.pop(model.name, None):  # of the reduced precision, or float32 has it, too
            model.note_reduced_failure(failure)
            decode_seconds += self._score_missing(again, model.missing)
            model.computed += again.computed
        while model.name not in self.state.failures and (left := model.left(self.state)).any():
            model.from_store -= int(self.state.listed(left & model.stored).sum())
            decode_seconds += self._score_missing(again, left)
        return decode_seconds

    def _score_missing(self, model: ModelState, missing: Flags) -> float:
        """Score the images of these flags, which are cleared; the seconds of decoding."""
        model.missing = missing
        if model.classifier is None:
            self._ready([model])
        return self._score([model], len(self.state.distinct) - int(missing.sum()))

    def _todo(self, models: Sequence[ModelState]) -> Todo:
        return Todo(self.state.images, {model.name: model.missing for model in models})

    def _score(self, lacking: Sequence[ModelState], done: int) -> float:
        """Run every model that is ready on the images that it lacks; the seconds of decoding. ``done``: images."""
        name, total, decode_seconds = self.state.dataset.name, len(self.state.distinct), 0.0
        self.progress(name, done, total)
        running = [model for model in lacking if model.name not in self.state.failures]
        recorder = Recorder(self.state, running, self.decoding, self.store)
        try:
            for result in self._batch_results(running):
                decode_seconds += result.decode_seconds
                for model, error in result.failures.items():
                    self._fail(model, error)
                for one in running:
                    one.note = result.notes.get(one.name, one.note)
                if stored := recorder.add(result):
                    done = min(done + stored, total)  # an engine may repeat work
                    self.progress(name, done, total)
        finally:
            done = min(done + recorder.commit(), total)
        self.progress(name, done, total)
        return decode_seconds

    def _batch_results(self, running: Sequence[ModelState]) -> Iterable[BatchResult]:
        return self.engine.batch_results(self._todo(running), running, self.state.dataset) if running else ()


def _failure(error: ImgclsError, stage: Stage) -> Failure:
    """An error as it is stored; names of files need not be Unicode, and JSON must."""
    return Failure(error.exit_code, str(error).encode(errors="backslashreplace").decode(), stage)
