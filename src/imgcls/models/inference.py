"""Runs a network on any number of images, in batches that its memory can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import messages
from imgcls.errors import OutOfMemory, ran_out_of_memory
from imgcls.messages import one_line
from imgcls.models.runtimes import in_flight
from imgcls.models.runtimes.base import Classifier
from imgcls.models.runtimes.in_flight import InFlight
from imgcls.records.evaluation import ModelInfo
from imgcls.system import devices

# docs/decisions.md#images-per-batch
BATCH_PIXELS = {
    "cpu": 8 * 224 * 224,
    "cuda": 64 * 224 * 224,
    "mps": 8 * 224 * 224,
    "openvino": 2 * 224 * 224,
    "openvino-ir": 2 * 224 * 224,
}
"""The most pixels in a batch, by runtime or else device.

Larger batches leave a CPU's caches, at half the speed; each worker of OpenVINO has the caches of one core.
"""


MAX_BATCH_SIZE = {"cpu": 8, "cuda": 32, "mps": 8}  # docs/decisions.md#images-per-worker
"""The most images in a batch by device, however small they are."""


LARGE_PARAMETERS, LARGE_BATCH_SIZE = 150_000_000, 2  # docs/decisions.md#reproducible-predictions
"""A network with more parameters runs on fewer images at a time on a CPU: a batch that is filled up would be slow."""


_HALVED: WeakValueDictionary[int, Classifier] = WeakValueDictionary()
"""The classifiers of which a batch did not fit into memory, by identity."""


Turn = Callable[[Callable[[Any], Any], Any], Any]
"""Calls a function with its argument, when no other thread is in the way."""


def at_once(function: Callable[[Any], Any], argument: Any) -> Any:
    """A turn that comes immediately."""
    return function(argument)


def logits(classifier: Classifier, info: ModelInfo, images: torch.Tensor, turn: Turn = at_once) -> NDArray[np.float32]:
    """The network's logits as scoring has them: float32 images (n, channels, h, w) of any n, to (n, classes).

    Every batch has the same number of images, because that number changes the last bits of logits, and neighbours and
    position do not: docs/decisions.md#reproducible-predictions. The last batch is filled up with copies of an image.
    A batch that does not fit into memory is halved, and later ones are as small. ``turn`` runs the network itself; on a
    CUDA device it only launches it, and what waits for its output is this thread.
    Raises ModelError, also where a single image does not fit.
    """
    results: list[NDArray[np.float32]] = []
    start = 0
    while start < len(images):
        size = classifier.max_batch_size or batch_size(info)
        batch = images[start : start + size]
        try:
            results.append(_run(classifier, batch, size, turn)[: len(batch)])
        except OutOfMemory:
            if size == 1:
                raise
            _HALVED[id(classifier)] = classifier
            classifier.max_batch_size = min(size // 2, classifier.max_batch_size or size)  # a thread may have halved it
            continue
        start += len(batch)
    return np.concatenate(results)


def smaller_batches(classifier: Classifier, info: ModelInfo) -> str | None:
    """A sentence on batches that were halved, since it changes the last bits of logits; None where none was."""
    if _HALVED.get(id(classifier)) is not classifier:
        return None
    return (
        f"its batches were of {classifier.max_batch_size} and not of {batch_size(info)} images, because no more fit "
        "into memory: the last bits of logits may be others than with more memory"
    )


def _filled(batch: torch.Tensor, size: int) -> torch.Tensor:
    """The batch, and after it as many copies of its first image as it lacks."""
    lacking = size - len(batch)
    return torch.cat([batch, batch[:1].expand(lacking, -1, -1, -1)]) if lacking else batch


def _run(classifier: Classifier, batch: torch.Tensor, size: int, turn: Turn) -> NDArray[np.float32]:
    """The logits of a batch that is filled up to a size.

    Raises OutOfMemory, wherever on its way the batch did not fit, and ModelError.
    """

    def infer(on_device: Any) -> Any:
        if in_flight.is_possible(classifier):
            return InFlight(classifier, on_device)
        return classifier.to_numpy(classifier.forward(on_device), size)

    try:
        outcome = turn(infer, classifier.to_device(_filled(batch, size)))
        result: NDArray[np.float32] = outcome.logits() if isinstance(outcome, InFlight) else outcome
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        fit = f"{messages.counted(size, 'image')} {'does' if size == 1 else 'do'} not fit into memory"
        raise OutOfMemory(f"{fit}: {one_line(error)}") from error
    return result


def batch_size(info: ModelInfo) -> int:
    """The number of images in all of a model's batches, where memory allows it: a power of two."""
    (height, width), device = info.input.crop, devices.kind(info.device)
    pixels = BATCH_PIXELS[info.runtime if info.runtime in BATCH_PIXELS else device]
    fitting = max(1, pixels // (height * width))
    is_large = device == "cpu" and info.parameters > LARGE_PARAMETERS
    limit = LARGE_BATCH_SIZE if is_large else MAX_BATCH_SIZE[device]
    return min(limit, 1 << fitting.bit_length() - 1)


def blank(info: ModelInfo) -> torch.Tensor:
    """A full batch of blank images, float32 (n, channels, h, w)."""
    return torch.zeros(batch_size(info), *info.input.shape)
