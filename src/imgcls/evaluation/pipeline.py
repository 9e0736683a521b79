"""Images become predictions: every worker takes a few of them all the way, from their files to the networks' outputs.

So decoding cannot starve the models, nor the models decoding, and no more images are in memory than workers hold.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import messages
from imgcls.errors import ImgclsError, MachineError, ModelError
from imgcls.evaluation import inputs as image_inputs
from imgcls.evaluation import metrics
from imgcls.evaluation.decoders import Decoders
from imgcls.evaluation.inputs import Rejected
from imgcls.evaluation.todo import Todo
from imgcls.messages import one_line
from imgcls.models import inference
from imgcls.models.runtimes.base import UNCOMPILED, Classifier
from imgcls.models.runtimes.in_flight import Fetched, InFlight
from imgcls.preprocessing import decode, preprocess, transforms
from imgcls.preprocessing.preprocess import Crop, Prepared, Preprocessing
from imgcls.records.data import ImageRef
from imgcls.records.evaluation import ModelInfo, Output
from imgcls.system import devices, machine

RESOURCE_ERRORS = (MemoryError, torch.OutOfMemoryError, torch.AcceleratorError)
"""What is raised outside of a network where the machine or its GPU cannot go on."""

SPARE_THREADS = 2  # docs/decisions.md#spare-workers
"""Threads in addition to one per core, which work while others wait for Python's lock."""


def threads() -> int:
    """The number of worker threads."""
    return machine.threads() + SPARE_THREADS


def concurrency(classifier: Classifier) -> int:
    """The number of worker threads that run a model at once."""
    return threads() if classifier.concurrent else 1


class Inputs:
    """A batch as networks take it, float32 (n, channels, h, w).

    What its images are told apart by is launched with it on a CUDA device: behind the networks of other batches, each
    worker would wait for these a second time.
    """

    def __init__(self, batch: torch.Tensor) -> None:
        self.batch = batch
        self._means = Fetched(transforms.quarter_means(batch), batch.device) if batch.is_cuda else None

    @cached_property
    def fingerprints(self) -> NDArray[np.float32]:
        """Float32 (n, 4 * channels); on a GPU this waits for the device."""
        return transforms.fingerprint(self.batch) if self._means is None else self._means.wait().numpy()


@dataclass(slots=True)
class ModelStage:
    """One model in the pipeline; the caller may set ``stopped``. ``outputs``: the number of its logits."""

    name: str
    preprocessing: Preprocessing
    info: ModelInfo
    classifier: Classifier
    stopped: bool = False
    outputs: int | None = None

    @property
    def batch_size(self) -> int:
        """The number of images in its batches: a power of two."""
        return self.classifier.max_batch_size or inference.batch_size(self.info)


@dataclass(slots=True)
class BatchResult:
    """The outputs for a few images by model, and their failures; seconds are those of the worker.

    ``rejected``: the images without pixels, by :attr:`Preprocessing.rule`; ``remarks``: the rules that pixels were
    converted by, by that rule, too, and by the sha256 of the images that have any. ``notes``: a sentence on a model.
    """

    images: int
    decode_seconds: float = 0.0
    rejected: defaultdict[str, list[Rejected]] = field(default_factory=lambda: defaultdict(list))
    remarks: defaultdict[str, dict[str, tuple[str, ...]]] = field(default_factory=lambda: defaultdict(dict))
    outputs: dict[str, list[tuple[ImageRef, Output]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, ImgclsError] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def batch_results(
    todo: Todo,
    stages: Sequence[ModelStage],
    single: ThreadPoolExecutor,
    exif: Literal["ignore", "apply"],
    max_megapixels: float | None = None,
    decoders: Decoders | None = None,
) -> Generator[BatchResult]:
    """Every image's outputs, batch by batch, in the order of :class:`Todo`; images of more pixels are rejected.

    ``single``: the :func:`model_thread`. ``decoders``: what decodes in place of this process's threads.
    """
    workers, device = threads(), stages[0].info.device  # one run, one device
    batches = _batches(todo, stages, workers)
    pool = ThreadPoolExecutor(workers, "imgcls-work", devices.of(device).thread_setup(device))
    prepared = decoders.prepared if decoders else image_inputs.each_prepared
    worker = Worker(partial(prepared, exif=exif), device, single)
    with decode.quiet_pillow(max_megapixels):
        try:
            ahead: deque[Future[BatchResult]] = deque(
                pool.submit(worker.work, *batch) for batch in islice(batches, 2 * workers)
            )
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(worker.work, *batch) for batch in islice(batches, 1))
                yield result
        finally:
            for stage in stages:
                stage.stopped = True  # nobody takes what is still being worked on
            pool.shutdown(cancel_futures=True)


def _batches(
    todo: Todo, stages: Sequence[ModelStage], workers: int
) -> Iterator[tuple[Sequence[ImageRef], Sequence[ModelStage]]]:
    """What a worker takes at a time: images that the same models lack, and these models.

    A number that all batches of these models divide, so that only the last one is filled up with copies.
    """
    by_name = {stage.name: stage for stage in stages}

    def size(names: tuple[str, ...], images: int) -> int:
        unit = max(by_name[name].batch_size for name in names)
        fair = -(-images // (unit * workers)) * unit
        return min(max(unit, inference.MAX_BATCH_SIZE[devices.kind(stages[0].info.device)]), fair)

    return ((images, [by_name[name] for name in names]) for images, names in todo.batches(size))


def model_thread(device: str) -> ThreadPoolExecutor:
    """The one thread that runs networks which several may not run at once; it ends when nobody holds it any more."""
    return ThreadPoolExecutor(1, "imgcls-model", devices.of(device).thread_setup(device))


def get_ready(classifier: Classifier, info: ModelInfo, single: ThreadPoolExecutor) -> None:
    """What happens once: compiling, here, where an interrupt ends it, and a GPU's first call of a thread, in this one.

    Raises ImgclsError.
    """
    if info.runtime not in UNCOMPILED:
        warm_up(classifier, info)
    if info.device != "cpu":  # docs/decisions.md#first-calls
        warm_up(classifier, info, lambda *call: single.submit(*call).result())


def warm_up(classifier: Classifier, info: ModelInfo, turn: inference.Turn = inference.at_once) -> int:
    """Run a batch of blank images. Returns the number of outputs for each. Raises ImgclsError."""
    return int(inference.logits(classifier, info, inference.blank(info), turn).shape[1])


Prepare = Callable[[Sequence[ImageRef], Sequence[Preprocessing]], Iterable[Prepared | Rejected]]
"""Decodes and crops each image, or gives the reason why it has no pixels."""


class Worker:
    """What every thread does with the images that it takes."""

    def __init__(self, prepared: Prepare, device: str, single: ThreadPoolExecutor) -> None:
        self.prepared, self.device, self.single = prepared, device, single

    def work(self, images: Sequence[ImageRef], stages: Sequence[ModelStage]) -> BatchResult:
        """Decode the images, and run every model on them."""
        result, started = BatchResult(len(images)), time.perf_counter()
        preprocessings = list(dict.fromkeys(stage.preprocessing for stage in stages))
        crops = self._crops(images, preprocessings, result)
        try:
            inputs = {preprocessing: self._inputs(preprocessing, made) for preprocessing, made in crops.items()}
        except RESOURCE_ERRORS as error:
            result.failures = {stage.name: _resource_error(len(images), error) for stage in stages}
            return result
        result.decode_seconds = time.perf_counter() - started
        for stage in stages:
            batch = inputs.get(stage.preprocessing)
            if isinstance(batch, ModelError):
                result.failures[stage.name] = batch
            elif batch and not stage.stopped:
                decoded = [image for image, _ in crops[stage.preprocessing]]
                self._run(stage, decoded, batch, result)
        return result

    def _crops(
        self, images: Sequence[ImageRef], preprocessings: Sequence[Preprocessing], result: BatchResult
    ) -> Mapping[Preprocessing, Sequence[tuple[ImageRef, Crop]]]:
        """The images that have pixels, by preprocessing that any has them for; the others become rejections."""
        crops: defaultdict[Preprocessing, list[tuple[ImageRef, Crop]]] = defaultdict(list)
        for image, prepared in zip(images, self.prepared(images, preprocessings), strict=True):
            if isinstance(prepared, Rejected):
                for rule in {preprocessing.rule for preprocessing in preprocessings}:
                    result.rejected[rule].append(prepared)
                continue
            for rule, error in {one.rule: error for one, error in prepared.undecodable.items()}.items():
                result.rejected[rule].append(image_inputs.rejected(image, error))
            for preprocessing, remarks in prepared.remarks.items():
                result.remarks[preprocessing.rule][image.sha256] = remarks
            for preprocessing, crop in prepared.crops.items():
                crops[preprocessing].append((image, crop))
        return crops

    def _inputs(self, preprocessing: Preprocessing, crops: Sequence[tuple[ImageRef, Crop]]) -> Inputs | ModelError:
        """A batch of these crops, or why a network's own preprocessing did not make them."""
        pixels = [crop for _, crop in crops]
        try:
            return Inputs(preprocess.batch(preprocessing.input, pixels, self.device))
        except ModelError as error:
            return error
        except torch.OutOfMemoryError:  # then a network is given as much of it as its device has room for
            return Inputs(preprocess.batch(preprocessing.input, pixels))

    def _run(self, stage: ModelStage, images: Sequence[ImageRef], inputs: Inputs, result: BatchResult) -> None:
        """Put a model's outputs for these images into the result, or the error."""
        timer = _Timer()
        turn = (
            timer.timed
            if stage.classifier.concurrent
            else lambda *call: self.single.submit(timer.timed, *call).result()
        )
        try:
            logits = inference.logits(stage.classifier, stage.info, inputs.batch, turn)
            if stage.outputs not in {None, logits.shape[1]}:
                raise ModelError(f"{stage.name} has {logits.shape[1]} outputs, and {stage.outputs} by its last layer")
            outputs = metrics.outputs(logits, inputs.fingerprints, images)
            result.outputs[stage.name] = list(zip(images, outputs, strict=True))
            if note := inference.smaller_batches(stage.classifier, stage.info):
                result.notes[stage.name] = note
        except ImgclsError as error:
            result.failures[stage.name] = error
        except RESOURCE_ERRORS as error:
            result.failures[stage.name] = _resource_error(len(images), error)
        result.seconds[stage.name] = timer.all_seconds()


def _resource_error(images: int, error: Exception) -> MachineError:
    counted = messages.counted(images, "image")
    return MachineError(f"{counted} could not be prepared for the networks: {one_line(error)}")


class _Timer:
    """The seconds of all calls together; of batches in flight, those of their device."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.launched: list[InFlight] = []

    def timed(self, function: Any, argument: Any) -> Any:
        started = time.perf_counter()
        result = None
        try:
            result = function(argument)
        finally:
            if isinstance(result, InFlight):
                self.launched.append(result)
            else:
                self.seconds += time.perf_counter() - started
        return result

    def all_seconds(self) -> float:
        return self.seconds + sum(batch.seconds for batch in self.launched)
