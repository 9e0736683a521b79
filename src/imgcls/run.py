"""The one place that knows the order: list, look back, decode, preprocess, answer, keep, count."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgcls import config, digits, images, labels, machine, meter, models, pixels, preprocess, scoring
from imgcls.errors import ImgclsError, LabelError, Undecodable
from imgcls.models import Model, Shelf
from imgcls.records import (
    Answer,
    DatasetOutcome,
    DatasetSpec,
    Facts,
    Failure,
    ImageRef,
    InputSpec,
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

BATCH = 32
"""Pictures that are decoded, answered and kept together."""

PART_PIXELS = {"cpu": 8 * 224 * 224, "cuda": 64 * 224 * 224}
"""A network is asked about at most this many pixels at a time: larger parts leave a CPU's caches, at half the speed."""


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


def listing(dataset: DatasetSpec) -> Listing:
    """What the data set's folder or manifest holds, hashed. Raises ConfigError."""
    if dataset.path == "digits":
        return images.find(dataset.name, digits.folder("test"))
    find = images.find_manifest if dataset.path.suffix == ".csv" else images.find
    found = find(dataset.name, dataset.path)
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
    labels: LabelList
    matching: Matching
    key: str
    outputs: int
    load_seconds: float
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
        self.rejected.update(self.store.undecodable(self.decoding, list(self.first_file)))
        seconds = time.perf_counter() - started
        for group in self._groups():
            self._pass(group, seconds)
            seconds = 0.0
        self.complete = True

    def _groups(self) -> Iterator[list[_Entry]]:
        """Models loaded together: one after the other until they fill half of the free memory."""
        room = meter.available_bytes() // 2
        group: list[_Entry] = []
        for name in self.names:
            if name in self.failures:
                continue
            try:
                self.entries[name] = self._entry(self.shelf.get(name))
            except ImgclsError as error:
                self._fail(name, error)
                continue
            group.append(self.entries[name])
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
        key = model.prediction_key(self.decoding)
        outputs = self.store.classes(key) or models.outputs(model)
        labels.check_head(model.labels, outputs)
        return _Entry(
            model.spec.name, model.facts, model.labels, matched, key, outputs, model.load_seconds, model.classifier
        )

    def _fail(self, name: str, error: ImgclsError) -> None:
        self.failures[name] = _failure(error, "labels" if isinstance(error, LabelError) else "model")

    def _pass(self, group: list[_Entry], listing_seconds: float) -> None:
        started = time.perf_counter()
        wanted = [image for image in self.first_file if image not in self.rejected]
        for entry in group:
            entry.missing = frozenset(self.store.missing(entry.key, wanted))
            stored = set(wanted) - entry.missing
            entry.from_store = sum(image.sha256 in stored for image in self.listing.images)
        todo = [self.first_file[i] for i in wanted if any(i in entry.missing for entry in group)]
        done, decode_seconds = len(self.first_file) - len(todo), 0.0
        self.progress(self.dataset.name, done, len(self.first_file))
        for batch in self._prepared(todo, sorted({entry.facts.input for entry in group}, key=str)):
            self._answer(batch, group)
            done += len(batch)
            decode_seconds += sum(prepared.seconds for prepared in batch)
            self.progress(self.dataset.name, done, len(self.first_file))
            if all(entry.name in self.failures for entry in group):
                break
        self.passes.append(
            Pass(
                dataset=self.dataset.name,
                models=tuple(entry.name for entry in group),
                seconds=listing_seconds + time.perf_counter() - started,
                decode_seconds=decode_seconds,
                model_seconds={entry.name: entry.seconds for entry in group},
                load_seconds={entry.name: entry.load_seconds for entry in group},
                compile_seconds={entry.name: 0.0 for entry in group},
                peak_rss_bytes=meter.peak_rss_bytes(),
                device=self.shelf.device,
            )
        )
        for entry in group:
            entry.classifier = None

    def _prepared(self, todo: Sequence[ImageRef], specs: Sequence[InputSpec]) -> Iterator[list[_Prepared]]:
        """Batches of decoded and cropped pictures, in order; the threads work two batches ahead."""
        pool = ThreadPoolExecutor(machine.cores(), thread_name_prefix="imgcls-decode")
        try:
            with pixels.quiet_pillow():
                ahead: deque[Future[_Prepared]] = deque()
                waiting = iter(todo)
                while True:
                    for image in islice(waiting, 3 * BATCH - len(ahead)):
                        ahead.append(pool.submit(_prepare, image, specs, self.dataset.exif))
                    if not ahead:
                        return
                    yield [ahead.popleft().result() for _ in range(min(BATCH, len(ahead)))]
        finally:
            pool.shutdown(cancel_futures=True)

    def _answer(self, batch: Sequence[_Prepared], group: Sequence[_Entry]) -> None:
        """Ask every model about the pictures it has not answered yet, and keep it all at once."""
        good = [prepared for prepared in batch if not prepared.reason]
        self._reject([prepared for prepared in batch if prepared.reason])
        tensors: dict[InputSpec, Any] = {}
        kept: dict[str, tuple[int, list[tuple[str, Answer]]]] = {}
        for entry in group:
            rows = [row for row, prepared in enumerate(good) if prepared.image.sha256 in entry.missing]
            if not rows or entry.name in self.failures:
                continue
            spec = entry.facts.input
            if spec not in tensors:
                tensors[spec] = preprocess.normalize(spec, np.stack([prepared.crops[spec] for prepared in good]))
            try:
                answers = _ask(entry, [good[row].image for row in rows], tensors[spec][rows])
            except ImgclsError as error:
                self._fail(entry.name, error)
                continue
            kept[entry.key] = (entry.outputs, [(image.sha256, answer) for image, answer in answers])
        self.store.put(kept)

    def _reject(self, prepared: Sequence[_Prepared]) -> None:
        for bad in prepared:
            self.rejected[bad.image.sha256] = (bad.reason, bad.detail)
            if bad.lasting:
                self.store.put_undecodable(self.decoding, bad.image.sha256, bad.reason, bad.detail)

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


def _failure(error: ImgclsError, stage: Stage) -> Failure:
    """What is kept of an error; names of files need not be Unicode, and JSON must."""
    return Failure(error.exit_code, str(error).encode(errors="backslashreplace").decode(), stage)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A picture cropped for every input that is needed, or the reason why not; ``lasting``: its bytes are to blame."""

    image: ImageRef
    seconds: float
    crops: Mapping[InputSpec, NDArray[np.uint8]]
    reason: str = ""
    detail: str = ""
    lasting: bool = False


def _prepare(image: ImageRef, specs: Sequence[InputSpec], exif: Literal["ignore", "apply"]) -> _Prepared:
    started = time.perf_counter()
    data = None
    try:
        data = images.read(image)
        picture = pixels.decode(data, exif)
        crops = {spec: preprocess.crop(spec, picture) for spec in specs}
    except Undecodable as error:
        return _Prepared(image, time.perf_counter() - started, {}, error.reason, error.detail, data is not None)
    return _Prepared(image, time.perf_counter() - started, crops)


def _ask(entry: _Entry, pictures: Sequence[ImageRef], batch: Any) -> list[tuple[ImageRef, Answer]]:
    """The answers of one model. Raises ModelError."""
    started = time.perf_counter()
    assert entry.classifier is not None  # noqa: S101 - let go only after the pass
    found = scoring.answers(logits(entry.classifier, entry.facts, batch), preprocess.fingerprint(batch), pictures)
    entry.seconds += time.perf_counter() - started
    return list(zip(pictures, found, strict=True))


def logits(classifier: Classifier, facts: Facts, batch: Any) -> NDArray[np.float32]:
    """What scoring asks and gets: a batch of any size, in parts that bound the memory. Raises ModelError."""
    size = part_size(facts)
    return np.concatenate([classifier.logits(batch[start : start + size]) for start in range(0, len(batch), size)])


def part_size(facts: Facts) -> int:
    """How many pictures a model is asked about at a time."""
    height, width = facts.input.crop
    return min(BATCH, max(1, PART_PIXELS[facts.device] // (height * width)))
