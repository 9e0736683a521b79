"""Scores a dataset: list, read the store, decode, preprocess, infer, store, count; the only place with that order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from imgcls.data import class_lists, labels
from imgcls.data import dataset as datasets
from imgcls.errors import ImgclsError, LabelError, StoreError
from imgcls.evaluation import pipeline, plans, results, runtime_selection
from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.inputs import Rejected
from imgcls.evaluation.pipeline import BatchResult, ModelStage
from imgcls.evaluation.state import DatasetState, ModelState
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes import base as runtimes
from imgcls.models.sources import registry
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, LabelList, Listing, Matching
from imgcls.records.evaluation import DatasetOutcome, Failure, ModelInfo, Output, Pass, Progress, Stage
from imgcls.records.plan import Plan
from imgcls.store.database import Store
from imgcls.system import machine

IMAGES_PER_COMMIT = 32  # docs/decisions.md#images-per-transaction
"""Images that are stored together: a killed run loses at most these, and what its workers hold."""


def evaluate(
    run_id: str,
    dataset: DatasetSpec,
    names: Sequence[str],
    pool: ModelPool,
    store: Store,
    progress: Progress,
    find: Callable[[DatasetSpec], Listing] | None = None,
    plan: Plan | None = None,
) -> DatasetOutcome:
    """One pass over a dataset with these models; a later process of the same run reads what the first one stored.

    ``find`` lists the images, :func:`imgcls.data.dataset.list_images` where it is not given. ``plan``: the runtimes,
    where they were chosen before. A model's failure is part
    of the outcome and does not stop the others. Raises StoreError.
    """
    with store.lock(), machine.limited_threads():  # one lock for all datasets, because they may share images
        known = store.outcome(run_id, dataset.name)
        if known and {pair.scores.model for pair in known.pairs} >= set(names):
            return known
        evaluator = Evaluator(dataset, names, pool, store, progress, plan)
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
    ) -> None:
        self.state, self.plan = DatasetState(dataset, names), plan
        self.pool, self.store, self.progress = pool, store, progress
        self.decoding = Decoding(dataset)

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
        self.store.put_outcome(run_id, outcome, self.state.listing.images, lists)
        return outcome

    def _groups(self) -> Iterator[list[ModelState]]:
        """Models loaded together: one after the other until they fill half of the free memory."""
        room: int | None = None
        group: list[ModelState] = []
        for name in self.state.names:
            if name in self.state.failures:
                continue
            try:
                self.state.models[name] = self.prepared(self.pool.get(name))
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

    def prepared(self, model: Model) -> ModelState:
        """A model before its first batch. Raises LabelError where folders and classes do not match."""
        state, name = self.state, model.spec.name
        planned = plans.of(self.plan, name, state.dataset.name) if self.plan else None
        classes, matching = self._matched(model)
        started = time.perf_counter()
        rejected = self.store.undecodable(self.decoding.rejecting(model.preprocessing.rule), list(state.first_file))
        task = runtime_selection.Task(
            state.dataset,
            self.decoding.name,
            listed=len(state.listing.images) + sum(state.listing.elsewhere.values()),
            images=list(state.first_file.values()),
            rejected=rejected.keys(),
            artefacts=self.pool.artefacts,
            planned=planned.choice if planned else None,
            is_whole=not state.listing.elsewhere,
        )
        choice, model = runtime_selection.choose(model, task, self.store)
        key, parts = model.prediction_key(self.decoding.name), model.key_parts(self.decoding.name)
        if planned:
            plans.check(planned, key, parts)
        self.store.put_parts(key, parts)
        outputs = self.store.classes(key) or _count_outputs(model)
        compile_seconds = time.perf_counter() - started
        labels.check_head(classes, outputs, datasets.folder_names(state.listing))
        return ModelState(
            name=name,
            info=replace(model.info, notes=(*model.info.notes, *matching.notes)),
            preprocessing=model.preprocessing,
            labels=classes,
            matching=matching,
            key=key,
            outputs=outputs,
            choice=choice,
            load_seconds=model.load_seconds,
            compile_seconds=compile_seconds,
            classifier=model.classifier,
            rejected=rejected,
        )

    def _matched(self, model: Model) -> tuple[LabelList, Matching]:
        """A model's classes, and those that are right for the folders. Raises LabelError.

        Where the head has another size than its list, that is the reason for folders that do not match.
        """
        listing, specs = self.state.listing, [self.pool.specs[name] for name in self.state.names]
        alike = [] if self.pool.holds_module else registry.with_lists_like(model.labels, specs)
        try:
            return datasets.match_labels(self.state.dataset, listing, model.labels, alike)
        except LabelError:
            folders = datasets.folder_names(listing)
            if model.labels == class_lists.UNSTATED:
                raise labels.unstated(model.spec, loader.output_count(model), folders) from None
            if model.labels != class_lists.FOLDERS:
                labels.check_head(model.labels, loader.output_count(model), folders)
            raise

    def _fail(self, name: str, error: ImgclsError) -> None:
        """The first failure counts: the batches of other workers fail in the same way."""
        self.state.failures.setdefault(name, _failure(error, "labels" if isinstance(error, LabelError) else "model"))

    def _pass(self, group: list[ModelState], listing_seconds: float) -> None:
        started = time.perf_counter()
        images = self.state.first_file
        self._read_store(group, list(images))
        todo = [image for sha256, image in images.items() if any(sha256 in model.missing for model in group)]
        warm_up_seconds = self._warm_up(group)
        decode_seconds = self._score(todo, group)
        seconds = time.perf_counter() - started - warm_up_seconds
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
        self._store_durations(group, seconds, len(todo))
        for model in group:
            model.classifier = None

    def _store_durations(self, group: Sequence[ModelState], seconds: float, images: int) -> None:
        """Store how long each model's predictions took: its own time, and a part of what all models of a pass share."""
        shared = max(0.0, seconds - sum(model.seconds for model in group)) / max(1, images)
        for model in group:
            if model.computed:
                place = self.state.dataset.name, machine.digest(model.info.device)
                self.store.add_duration(model.key, *place, model.computed, model.seconds + shared * model.computed)

    def _read_store(self, group: Sequence[ModelState], images: Sequence[str]) -> None:
        of_rules = {rule: self.store.remarks(self.decoding.remarking(rule), images) for rule in _rules(group)}
        for model in group:
            model.remarks.update(of_rules[model.preprocessing.rule])
            decodable = [image for image in images if image not in model.rejected]
            model.missing = frozenset(self.store.missing(model.key, decodable))
            stored = set(decodable) - model.missing
            model.from_store = sum(image.sha256 in stored for image in self.state.listing.images)

    def _warm_up(self, group: Sequence[ModelState]) -> float:
        """Let what happens once happen before the clock starts; its seconds."""
        before = time.perf_counter()
        for model in group:
            if model.missing and model.classifier and _starts_slowly(model.info):
                started = time.perf_counter()
                try:
                    pipeline.warm_up(model.classifier, model.info)
                except ImgclsError as error:
                    self._fail(model.name, error)
                model.compile_seconds += time.perf_counter() - started
        return time.perf_counter() - before

    def _score(self, todo: Sequence[ImageRef], group: Sequence[ModelState]) -> float:
        """Run every model on the images that it lacks; the seconds of decoding."""
        total = len(self.state.first_file)
        done, decode_seconds = total - len(todo), 0.0
        self.progress(self.state.dataset.name, done, total)
        stages = {model.name: model.stage() for model in group if model.name not in self.state.failures}
        running = {name: stage for name, stage in stages.items() if stage}
        unstored: list[BatchResult] = []
        try:
            for result in self._batch_results(todo, list(running.values())):
                unstored.append(result)
                decode_seconds += result.decode_seconds
                for name, error in result.failures.items():
                    self._fail(name, error)
                    running[name].stopped = True
                if sum(one.images for one in unstored) >= IMAGES_PER_COMMIT:
                    done += self._store(unstored, group)
                    unstored.clear()
                    self.progress(self.state.dataset.name, done, total)
                if all(stage.stopped for stage in running.values()):
                    break
        finally:
            done += self._store(unstored, group)
        self.progress(self.state.dataset.name, done, total)
        return decode_seconds

    def _batch_results(self, todo: Sequence[ImageRef], stages: Sequence[ModelStage]) -> Iterable[BatchResult]:
        dataset = self.state.dataset
        return pipeline.batch_results(todo, stages, dataset.exif, dataset.max_megapixels) if stages else ()

    def _store(self, batches: Sequence[BatchResult], group: Sequence[ModelState]) -> int:
        """Store what came of these batches, all of it or nothing; the number of images."""
        rows: dict[str, tuple[int, list[tuple[str, Output]]]] = {}
        for model in group:
            outputs = [
                (image.sha256, output) for batch in batches for image, output in batch.outputs.get(model.name, ())
            ]
            if outputs and model.name not in self.state.failures:
                rows[model.key] = (model.outputs, outputs)
                model.computed += len(outputs)
            threads = pipeline.threads() if model.classifier and model.classifier.concurrent else 1
            model.seconds += sum(batch.seconds.get(model.name, 0.0) for batch in batches) / threads
        if batches:
            with self.store.transaction():  # docs/decisions.md#images-per-transaction
                for rule in _rules(group):
                    concerned = [model for model in group if model.preprocessing.rule == rule]
                    self._reject(rule, [one for batch in batches for one in batch.rejected[rule]], concerned)
                    self._remark(rule, {i: said for b in batches for i, said in b.remarks[rule].items()}, concerned)
                self.store.put(rows)
        return sum(batch.images for batch in batches)

    def _remark(self, rule: str, remarks: Mapping[str, Sequence[str]], concerned: Sequence[ModelState]) -> None:
        for model in concerned:
            model.remarks.update(remarks)
        if remarks:
            self.store.put_remarks(self.decoding.remarking(rule), remarks)

    def _reject(self, rule: str, rejected: Sequence[Rejected], concerned: Sequence[ModelState]) -> None:
        why = {one.image.sha256: (one.reason, one.detail) for one in rejected}
        for model in concerned:
            model.rejected.update({image: one for image, one in why.items() if image in model.missing})
        permanent = {one.image.sha256: why[one.image.sha256] for one in rejected if one.permanent}
        self.store.put_undecodable(self.decoding.rejecting(rule), permanent)


def _rules(group: Sequence[ModelState]) -> Sequence[str]:
    """The different rules that these models decode by."""
    return list(dict.fromkeys(model.preprocessing.rule for model in group))


def _starts_slowly(info: ModelInfo) -> bool:
    """Whether the first call takes long: something is compiled, or a GPU loads its kernels."""
    return info.runtime not in runtimes.UNCOMPILED or info.device != "cpu"


def _count_outputs(model: Model) -> int:
    """The number of outputs of a network, from as small a batch as its runtime suits."""
    return pipeline.warm_up(model.classifier, model.info) if _starts_slowly(model.info) else loader.output_count(model)


def _failure(error: ImgclsError, stage: Stage) -> Failure:
    """An error as it is stored; names of files need not be Unicode, and JSON must."""
    return Failure(error.exit_code, str(error).encode(errors="backslashreplace").decode(), stage)
