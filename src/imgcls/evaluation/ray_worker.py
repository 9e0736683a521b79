"""What an actor does on a node of a Ray cluster: it loads the models itself, and takes parts from bytes to results.

Imports of torch happen in the actor, after its threads were limited to the cores that it was granted.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import hashing
from imgcls.errors import ImgclsError, MachineError
from imgcls.evaluation import ray_rows
from imgcls.records.config import DatasetSpec, ModelSpec, Precision
from imgcls.records.data import ImageRef
from imgcls.store import identities

if TYPE_CHECKING:
    from imgcls.evaluation.pipeline import BatchResult, ModelStage


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model as an actor loads it. ``key``: of the driver's predictions, and what that is a hash of, as JSON.

    ``outputs``: the number of its logits, as the driver knows it. ``precision``: what it is to be run in;
    ``reduced``: the other one, of a model that is scored in two.
    """

    spec: ModelSpec
    runtime: str
    key: str
    parts: Mapping[str, Any]
    outputs: int
    precision: Precision
    reduced: Precision | None


@dataclass(frozen=True, slots=True)
class Work:
    """What actors score. ``threads``: the cores that each is granted; ``folder``: what relative paths start from."""

    dataset: DatasetSpec
    models: tuple[RemoteModel, ...]
    device: str
    threads: int
    folder: Path


class Actor:
    """Runs models on parts. Nothing that is wrong with an image or a model is an exception: it is in a result."""

    def __init__(self, work: Work) -> None:
        os.environ["OMP_NUM_THREADS"] = str(work.threads)
        if work.folder.is_dir():
            os.chdir(work.folder)
        import torch

        from imgcls.evaluation import inputs, pipeline
        from imgcls.preprocessing import decode
        from imgcls.system import devices, machine

        torch.set_num_threads(machine.threads())
        single = pipeline.model_thread(work.device)
        self._stages: dict[str, ModelStage] = {}
        self._failures: dict[str, ImgclsError] = {}
        for model in work.models:
            try:
                self._stages[model.spec.name] = _stage(model, work, single)
            except ImgclsError as error:
                self._failures[model.spec.name] = _of_node(error)
        self._pillow = ExitStack()  # held, or its contexts end
        self._pillow.enter_context(decode.quiet_pillow(work.dataset.max_megapixels))
        thread_setup = devices.of(work.device).thread_setup(work.device)
        self._pool = ThreadPoolExecutor(pipeline.threads(), "imgcls-work", thread_setup)
        self._worker = pipeline.Worker(partial(inputs.each_prepared, exif=work.dataset.exif), work.device, single)

    def __call__(self, rows: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
        """Rows of :class:`~imgcls.evaluation.ray_source.Parts` to their results, and the name of this node."""
        results = [ray_rows.pack_result(self._result(*ray_rows.unpack_part(part))) for part in rows["part"]]
        return {"at": rows["at"], "result": results, "node": [platform.node()] * len(results)}

    def _result(self, images: Sequence[ImageRef], names: Sequence[str]) -> BatchResult:
        from imgcls.evaluation.pipeline import BatchResult

        stages = [self._stages[name] for name in names if name not in self._failures]
        failures = {name: self._failures[name] for name in names if name in self._failures}
        result = self._combined(images, stages) if stages else BatchResult(len(images))
        self._failures.update(result.failures)
        result.failures.update(failures)
        return result

    def _combined(self, images: Sequence[ImageRef], stages: Sequence[ModelStage]) -> BatchResult:
        """The results of all threads for these images as one."""
        from imgcls.evaluation.pipeline import BatchResult, concurrency

        size, total = _images_per_thread(stages), BatchResult(len(images))
        batches = [images[start : start + size] for start in range(0, len(images), size)]
        workers = {stage.name: concurrency(stage.classifier) for stage in stages}
        for future in [self._pool.submit(self._worker.work, batch, stages) for batch in batches]:
            one = future.result()
            total.decode_seconds += one.decode_seconds
            total.failures.update(one.failures)
            total.notes.update(one.notes)
            for rule, rejected in one.rejected.items():
                total.rejected[rule] += rejected
            for rule, remarks in one.remarks.items():
                total.remarks[rule].update(remarks)
            for name, outputs in one.outputs.items():
                total.outputs.setdefault(name, []).extend(outputs)
            for name, seconds in one.seconds.items():
                total.seconds[name] = total.seconds.get(name, 0.0) + seconds / workers[name]
        return total


def _of_node(error: ImgclsError) -> ImgclsError:
    """The error, with the name of this node: what a model needs may be on the driver's machine and not here."""
    first, *others = error.args
    return type(error)(f"on the node {platform.node()}: {first}", *others)


def _images_per_thread(stages: Sequence[ModelStage]) -> int:
    """A number that all batches of these models divide, so that only the last one is filled up with copies."""
    from imgcls.models import inference
    from imgcls.system import devices

    return max(inference.MAX_BATCH_SIZE[devices.kind(stages[0].info.device)], *(one.batch_size for one in stages))


def _stage(model: RemoteModel, work: Work, single: ThreadPoolExecutor) -> ModelStage:
    """The model, loaded and warm. Raises ImgclsError, also where its predictions would not be the driver's."""
    from imgcls.evaluation import pipeline, runtime_selection
    from imgcls.evaluation.decoding import Decoding
    from imgcls.models import loader
    from imgcls.models.pool import ModelPool

    name, decoding = model.spec.name, Decoding(work.dataset).name
    loaded = ModelPool({name: model.spec}, work.device).get(name)
    exact = runtime_selection.with_runtime(loaded, model.runtime, artefacts=None)
    ready = loader.scored_again(exact, model.reduced, work.dataset.name) if model.reduced else exact
    if ready.prediction_key(decoding) != model.key:
        here = json.loads(hashing.canonical(ready.key_parts(decoding)))
        different = "; ".join(identities.unlike(model.parts, "at the driver", here, "there"))
        raise MachineError(
            f"predictions would not be the driver's: {different}. "
            "Give every node the same environment, or run imgcls on a machine like its nodes"
        )
    if model.precision != ready.info.precision:
        ready = exact
    pipeline.get_ready(ready.classifier, ready.info, single)
    return pipeline.ModelStage(name, ready.preprocessing, ready.info, ready.classifier, outputs=model.outputs)
