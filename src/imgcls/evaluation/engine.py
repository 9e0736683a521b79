"""What runs networks on images: this process, or whatever else keeps to :class:`Engine`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Protocol

from imgcls.errors import ImgclsError
from imgcls.records.config import DatasetSpec

if TYPE_CHECKING:
    from imgcls.evaluation.decoders import Decoders
    from imgcls.evaluation.pipeline import BatchResult
    from imgcls.evaluation.state import ModelState
    from imgcls.evaluation.todo import Todo


class Engine(Protocol):
    """Turns images into predictions. The caller writes what it yields to the store, and knows nothing of how it came.

    Every image of a ``todo`` comes at least once with an output, a rejection or a failure of every model that lacks
    it. After a result with the failure of a model, results need not have anything of it.
    """

    def ready(self, models: Sequence[ModelState]) -> Mapping[str, ImgclsError]:
        """Get models ready for their first batch; the errors of those that cannot be, by name.

        What it adds to :attr:`ModelState.load_seconds` and :attr:`ModelState.compile_seconds` belongs to no pass.
        """

    def batch_results(self, todo: Todo, models: Sequence[ModelState], dataset: DatasetSpec) -> Iterator[BatchResult]:
        """What came of each batch. ``models``: those that :meth:`ready` was called with and that lack predictions.

        :attr:`BatchResult.seconds` are divided by the number of workers that run the model at once.
        """


class Here:
    """The threads of this process."""

    def __init__(self) -> None:
        self._single: ThreadPoolExecutor | None = None
        self._decoders: Decoders | None = None

    def ready(self, models: Sequence[ModelState]) -> Mapping[str, ImgclsError]:
        """Load each model, and let what happens once happen; see :class:`Engine`."""
        errors: dict[str, ImgclsError] = {}
        self._decoders = self._decoders or _decoders(models)  # which start while networks are loaded
        for model in models:
            try:
                _load(model)
                _get_ready(model, self._model_thread(model.info.device))
            except ImgclsError as error:
                errors[model.name] = error
        return errors

    def batch_results(self, todo: Todo, models: Sequence[ModelState], dataset: DatasetSpec) -> Iterator[BatchResult]:
        """The pipeline's results; see :class:`Engine`."""
        from imgcls.evaluation import pipeline

        stages = {model.name: model.stage() for model in models}
        concurrency = {name: pipeline.concurrency(stage.classifier) for name, stage in stages.items()}
        single = self._model_thread(models[0].info.device)
        results = pipeline.batch_results(
            todo, list(stages.values()), single, dataset.exif, dataset.max_megapixels, self._decoders
        )
        with closing(results):
            for result in results:
                for name in result.failures:
                    stages[name].stopped = True
                result.seconds = {name: seconds / concurrency[name] for name, seconds in result.seconds.items()}
                yield result
                if all(stage.stopped for stage in stages.values()):
                    return

    def _model_thread(self, device: str) -> ThreadPoolExecutor:
        """The same for all passes over a dataset, because what is ready for a first batch is so in one thread."""
        from imgcls.evaluation import pipeline

        if self._single is None:
            self._single = pipeline.model_thread(device)
        return self._single


def _decoders(models: Sequence[ModelState]) -> Decoders | None:
    """The processes that decode, where they are faster than threads and can be started."""
    from imgcls.evaluation import decoders, pipeline

    preprocessings = [model.preprocessing for model in models]
    images = max(int(model.missing.sum()) for model in models)
    if decoders.are_faster(models[0].info.device, images, preprocessings):
        with suppress(OSError):
            is_fast = any(preprocessing.decode == "fast" for preprocessing in preprocessings)
            return decoders.Decoders(pipeline.threads(), is_fast=is_fast)
    return None


def _load(model: ModelState) -> None:
    started = time.perf_counter()
    model.classifier = model.load()
    model.load_seconds += time.perf_counter() - started


def _get_ready(model: ModelState, single: ThreadPoolExecutor) -> None:
    """Compile what is compiled, and load a GPU's kernels, before a clock starts. Raises ImgclsError."""
    from imgcls.evaluation import pipeline, preparation

    if model.classifier and preparation.starts_slowly(model.info):
        started = time.perf_counter()
        try:
            pipeline.get_ready(model.classifier, model.info, single)
        finally:
            model.compile_seconds += time.perf_counter() - started
