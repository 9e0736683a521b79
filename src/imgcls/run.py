"""The one place that knows the order: list, look back, decode, preprocess, answer, keep, count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgcls import (
    choosing,
    config,
    digits,
    images,
    labels,
    meter,
    models,
    pipeline,
    pixels,
    runtimes,
    scoring,
)
from imgcls.choosing import Tried
from imgcls.errors import ImgclsError, LabelError, StoreError
from imgcls.models import Model, Shelf
from imgcls.pipeline import Lane, Part, Recipe, Rejected
from imgcls.records import (
    Answer,
    Choice,
    DatasetOutcome,
    DatasetSpec,
    Facts,
    Failure,
    ImageRef,
    LabelList,
    Listing,
    Matching,
    PairOutcome,
    Pass,
    Progress,
    Rejection,
    Scores,
    Stage,
)
from imgcls.runtimes import Classifier
from imgcls.store import QUERIED, Store, list_key

KEPT = 32
"""Pictures that are kept together: a killed run loses at most as many, and what its threads are at or have ready."""


def score(
    run: str,
    dataset: DatasetSpec,
    names: Sequence[str],
    shelf: Shelf,
    store: Store,
    progress: Progress,
    find: Callable[[DatasetSpec], Listing] | None = None,
) -> DatasetOutcome:
    """One pass over a data set with these models; a process that comes later reads what the first left.

    ``find`` lists the pictures, :func:`listing` where it is not given. A model's failure is part of the
    outcome and does not stop the others. Raises StoreError.
    """
    with store.lock("pass"):  # one for all data sets, because they may share pictures
        known = store.outcome(run, dataset.name)
        if known and {pair.scores.model for pair in known.pairs} >= set(names):
            return known
        walk = _Walk(dataset, names, shelf, store, progress, find or listing)
        try:
            walk.go()
        except KeyboardInterrupt:
            walk.keep(run)
            raise
        return walk.keep(run)


def listing(dataset: DatasetSpec, hashed: Callable[[Path], str] = images.sha256) -> Listing:
    """What the data set's folder or manifest holds, ``hashed`` file by file. Raises ConfigError."""
    if dataset.path == "digits":
        return images.find(dataset.name, digits.folder("test"), hashed)
    find = images.find_manifest if dataset.path.suffix == ".csv" else images.find
    found = find(dataset.name, dataset.path, hashed)
    images.same_bytes_under_two_labels(found)
    return found


def matching(dataset: DatasetSpec, found: Listing, classes: LabelList) -> Matching:
    """Which classes are right for the folders of a data set. Raises LabelError."""
    folders = {image.label for image in found.images if image.label is not None}
    how = config.label_map(dataset.labels) if isinstance(dataset.labels, Path) else dataset.labels
    return labels.match(folders, classes, how)


@dataclass(slots=True)
class _Entry:
    """One model on its way through one data set; ``classifier`` is let go after its pass."""

    name: str
    facts: Facts
    recipe: Recipe
    labels: LabelList
    matching: Matching
    key: str
    outputs: int
    choice: Choice
    load_seconds: float
    compile_seconds: float
    classifier: Classifier | None
    missing: frozenset[str] = frozenset()
    from_store: int = 0
    seconds: float = 0.0


class _Walk:
    """The state of one scoring of one data set."""

    def __init__(
        self,
        dataset: DatasetSpec,
        names: Sequence[str],
        shelf: Shelf,
        store: Store,
        progress: Progress,
        find: Callable[[DatasetSpec], Listing],
    ) -> None:
        self.dataset, self.names, self.shelf, self.store, self.progress = dataset, names, shelf, store, progress
        self.find = find
        self.decoding = f"{pixels.decoder()}, exif {dataset.exif}"
        self.listing = Listing((), (), 0)
        self.first_file: dict[str, ImageRef] = {}
        self.entries: dict[str, _Entry] = {}
        self.failures: dict[str, Failure] = {}
        self.rejected: dict[str, tuple[str, str]] = {}
        self.passes: list[Pass] = []
        self.complete = False

    def go(self) -> None:
        started = time.perf_counter()
        try:
            self.listing = self.find(self.dataset)
        except ImgclsError as error:
            self.failures = dict.fromkeys(self.names, _failure(error, "files"))
        for image in self.listing.images:
            self.first_file.setdefault(image.sha256, image)
        self.rejected.update(self.store.undecodable(self._rejecting(), list(self.first_file)))
        seconds = time.perf_counter() - started
        for group in self._groups():
            self._pass(group, seconds)
            seconds = 0.0
        self.complete = True

    def _groups(self) -> Iterator[list[_Entry]]:
        """Models loaded together: one after the other until they fill half of the free memory."""
        room: int | None = None
        group: list[_Entry] = []
        for name in self.names:
            if name in self.failures:
                continue
            try:
                self.entries[name] = self._entry(self.shelf.get(name))
            except StoreError:
                raise
            except ImgclsError as error:
                self._fail(name, error)
                continue
            group.append(self.entries[name])
            room = meter.available_bytes(self.shelf.device) // 2 if room is None else room
            if sum(entry.facts.weight_bytes for entry in group) > room:
                yield group
                for entry in group:
                    self.shelf.release(entry.name)
                group = []
        if group:
            yield group

    def _entry(self, model: Model) -> _Entry:
        """What is known before the first batch. Raises LabelError where folders and classes do not meet."""
        matched = matching(self.dataset, self.listing, model.labels)
        started = time.perf_counter()
        choice, model = self._chosen(model)
        key = model.prediction_key(self.decoding)
        outputs = self.store.classes(key) or self._outputs(model)
        compile_seconds = time.perf_counter() - started
        labels.check_head(model.labels, outputs)
        return _Entry(
            name=model.spec.name,
            facts=model.facts,
            recipe=Recipe(model.facts.input, model.spec.decode),
            labels=model.labels,
            matching=matched,
            key=key,
            outputs=outputs,
            choice=choice,
            load_seconds=model.load_seconds,
            compile_seconds=compile_seconds,
            classifier=model.classifier,
        )

    def _chosen(self, model: Model) -> tuple[Choice, Model]:
        """The runtime that was chosen before, unless more is listed now, or else what suits. Raises ImgclsError."""
        about, listed = choosing.key(model, self.dataset, self.decoding), len(self.listing.images)
        known = self.store.choice(about)
        if known and listed <= known.listed:
            ready = self._under(model, known.runtime)
            unusable = self._unusable(ready)
            if unusable is None:
                return known, ready
            choice, model, _ = self._tried(model, "eager", listed)
            return replace(choice, why=f"scored with eager, not {known.runtime}: {unusable}"), model
        tried = self._tried(model, choosing.wanted(model, listed), listed)
        if tried.lasting:
            self.store.remember(about, tried.choice)
        return tried.choice, tried.model

    def _tried(self, model: Model, runtime: str, listed: int) -> Tried:
        """A runtime after its trial, where there is anything to try. Raises ImgclsError."""
        if not choosing.needs_trial(model, runtime):
            return Tried(Choice(runtime, listed), self._under(model, runtime), lasting=True)
        files = [self.first_file[image] for image in self._wanted()]
        return choosing.tried(model, runtime, listed, files, self.dataset.exif, self.shelf.artefacts)

    def _unusable(self, model: Model) -> ImgclsError | None:
        """Why a remembered runtime does not work any more, where choosing is ours and there is something to answer."""
        is_ours = model.spec.runtime == "auto" and model.facts.runtime not in runtimes.PLAIN
        if is_ours and self.store.missing(model.prediction_key(self.decoding), self._wanted()):
            try:
                pipeline.warm_up(model.classifier, model.facts)
            except ImgclsError as error:
                return error
        return None

    def _outputs(self, model: Model) -> int:
        """How many classes the network answers with, by asking about as little as it takes."""
        return pipeline.warm_up(model.classifier, model.facts) if _starts(model.facts) else models.outputs(model)

    def _under(self, model: Model, runtime: str) -> Model:
        """The model as a pass asks it: what the shelf has is for one asker at a time."""
        plain = model.facts.runtime == runtime and runtime in runtimes.PLAIN
        return model if plain else models.under(model, runtime, self.shelf.artefacts)

    def _fail(self, name: str, error: ImgclsError) -> None:
        """The first failure counts: what other threads were at fails alike."""
        self.failures.setdefault(name, _failure(error, "labels" if isinstance(error, LabelError) else "model"))

    def _pass(self, group: list[_Entry], listing_seconds: float) -> None:
        started = time.perf_counter()
        wanted = self._wanted()
        for entry in group:
            entry.missing = frozenset(self.store.missing(entry.key, wanted))
            stored = set(wanted) - entry.missing
            entry.from_store = sum(image.sha256 in stored for image in self.listing.images)
        todo = [self.first_file[i] for i in wanted if any(i in entry.missing for entry in group)]
        starting = self._started(group)
        decode_seconds = self._answered(todo, group)
        self.passes.append(
            Pass(
                dataset=self.dataset.name,
                models=tuple(entry.name for entry in group),
                seconds=listing_seconds + time.perf_counter() - started - starting,
                decode_seconds=decode_seconds,
                model_seconds={entry.name: entry.seconds for entry in group},
                load_seconds={entry.name: entry.load_seconds for entry in group},
                compile_seconds={entry.name: entry.compile_seconds for entry in group},
                peak_rss_bytes=meter.peak_rss_bytes(),
                device=self.shelf.device,
            )
        )
        for entry in group:
            entry.classifier = None

    def _rejecting(self) -> str:
        """What a rejection that is kept depends on."""
        return f"{self.decoding}, at most {pixels.most_pixels()} pixels"

    def _wanted(self) -> list[str]:
        """What is to be answered, by its bytes."""
        return [image for image in self.first_file if image not in self.rejected]

    def _started(self, group: Sequence[_Entry]) -> float:
        """Let what happens once happen before the clock starts; the seconds that took."""
        began = time.perf_counter()
        for entry in group:
            if entry.missing and entry.classifier and _starts(entry.facts):
                started = time.perf_counter()
                try:
                    pipeline.warm_up(entry.classifier, entry.facts)
                except ImgclsError as error:
                    self._fail(entry.name, error)
                entry.compile_seconds += time.perf_counter() - started
        return time.perf_counter() - began

    def _answered(self, todo: Sequence[ImageRef], group: Sequence[_Entry]) -> float:
        """Ask every model about the pictures it has not answered yet; the seconds that decoding took."""
        done, decode_seconds = len(self.first_file) - len(todo), 0.0
        self.progress(self.dataset.name, done, len(self.first_file))
        lanes = {
            entry.name: Lane(entry.name, entry.recipe, entry.facts, entry.classifier, entry.missing)
            for entry in group
            if entry.classifier and entry.missing and entry.name not in self.failures
        }
        keeping: list[Part] = []
        try:
            for part in pipeline.answered(todo, list(lanes.values()), self.dataset.exif) if lanes else ():
                keeping.append(part)
                decode_seconds += part.decode_seconds
                for name, error in part.failures.items():
                    self._fail(name, error)
                    lanes[name].stopped = True
                if sum(one.pictures for one in keeping) >= KEPT:
                    done += self._keep(keeping, group)
                    keeping.clear()
                    self.progress(self.dataset.name, done, len(self.first_file))
                if all(lane.stopped for lane in lanes.values()):
                    break
        finally:
            done += self._keep(keeping, group)
        self.progress(self.dataset.name, done, len(self.first_file))
        return decode_seconds

    def _keep(self, parts: Sequence[Part], group: Sequence[_Entry]) -> int:
        """Put the answers of a few pictures into the store, all at once; how many pictures."""
        kept: dict[str, tuple[int, list[tuple[str, Answer]]]] = {}
        for entry in group:
            answers = [(image.sha256, answer) for part in parts for image, answer in part.answers.get(entry.name, ())]
            if answers and entry.name not in self.failures:
                kept[entry.key] = (entry.outputs, answers)
            threads = pipeline.threads() if entry.classifier and entry.classifier.concurrent else 1
            entry.seconds += sum(part.seconds.get(entry.name, 0.0) for part in parts) / threads
        for part in parts:
            self._reject(part.rejected)
        if kept:
            self.store.put(kept)
        return sum(part.pictures for part in parts)

    def _reject(self, rejected: Sequence[Rejected]) -> None:
        for bad in rejected:
            self.rejected[bad.image.sha256] = (bad.reason, bad.detail)
            if bad.lasting:
                self.store.put_undecodable(self._rejecting(), bad.image.sha256, bad.reason, bad.detail)

    # Counting.

    def keep(self, run: str) -> DatasetOutcome:
        """Count what was answered, and leave it in the store for whoever reports it."""
        rejections = self.listing.rejections + tuple(
            Rejection(self.dataset.name, image.path, *self.rejected[image.sha256])
            for image in self.listing.images
            if image.sha256 in self.rejected
        )
        pairs = tuple(self._counted(name, len(rejections)) for name in self.names)
        unscored = any(pair.scores.unscored for pair in pairs)
        complete = self.complete and not unscored
        outcome = DatasetOutcome(self.dataset.name, self.dataset.exif, complete, tuple(self.passes), pairs, rejections)
        self.store.put_outcome(run, outcome, self.listing.images, [e.labels for e in self.entries.values()])
        return outcome

    def _counted(self, name: str, rejected: int) -> PairOutcome:
        entry, failure = self.entries.get(name), self.failures.get(name)
        listed = len(self.listing.images) + len(self.listing.rejections) + self.listing.ignored
        scores = Scores(name, self.dataset.name, listed=listed, rejected=rejected, ignored=self.listing.ignored)
        if entry and not failure:
            scores = self._tallied(scores, entry)
        unscored = scores.listed - scores.scored - scores.rejected - scores.ignored
        scores = replace(scores, unscored=unscored)
        if entry is None:
            return PairOutcome(scores, failure=failure)
        return PairOutcome(
            scores,
            facts=entry.facts,
            failure=failure,
            prediction_key=entry.key,
            labels=list_key(entry.labels),
            accepted={label: tuple(sorted(indices)) for label, indices in entry.matching.accepted.items()},
            overall=scoring.overall(scores, entry.labels.names) if scores.scored else (),
            from_store=entry.from_store,
            ids_ignored=entry.matching.ids_ignored,
            choice=entry.choice,
        )

    def _tallied(self, scores: Scores, entry: _Entry) -> Scores:
        distinct: set[str] = set()
        for start in range(0, len(self.listing.images), QUERIED):
            part = self.listing.images[start : start + QUERIED]
            kept = [image for image in part if image.sha256 not in self.rejected]
            answers = self.store.answers(entry.key, [image.sha256 for image in kept])
            pictures = [(image, answers[image.sha256]) for image in kept if image.sha256 in answers]
            distinct.update(answers)
            scores = scoring.tally(scores, pictures, entry.matching)
        return replace(scores, distinct=len(distinct))


def _starts(facts: Facts) -> bool:
    """Whether the first call takes long: something is compiled, or a GPU loads its kernels."""
    return facts.runtime not in runtimes.PLAIN or facts.device != "cpu"


def _failure(error: ImgclsError, stage: Stage) -> Failure:
    """What is kept of an error; names of files need not be Unicode, and JSON must."""
    return Failure(error.exit_code, str(error).encode(errors="backslashreplace").decode(), stage)
