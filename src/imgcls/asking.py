"""A network is asked about a batch in parts that its memory can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.errors import OutOfMemory, one_line, ran_out_of_memory
from imgcls.records import Facts
from imgcls.runtimes import Classifier

PART_PIXELS = {"cpu": 8 * 224 * 224, "cuda": 64 * 224 * 224, "openvino": 4 * 224 * 224}
"""A network is asked about at most this many pixels at a time, by its runtime or else its device.

Larger parts leave a CPU's caches, at half the speed; OpenVINO's askers have a core's caches each.
"""

MOST = 32
"""Pictures at most, however small."""

NOISE = 1e-6

Turn = Callable[[Callable[[Any], Any], Any], Any]
"""Calls a function with its argument, when it is its turn."""


def at_once(function: Callable[[Any], Any], argument: Any) -> Any:
    return function(argument)


def logits(classifier: Classifier, facts: Facts, batch: torch.Tensor, turn: Turn = at_once) -> NDArray[np.float32]:
    """What scoring asks and gets: a float32 batch (n, 3, h, w) of any n, to (n, classes).

    In parts that bound the memory; where one does not fit, it is halved, and later ones are as small.
    ``turn`` runs the network itself. Raises ModelError, also where a single picture does not fit.
    """
    found: list[NDArray[np.float32]] = []
    start = 0
    while start < len(batch):
        part = batch[start : start + (classifier.largest or part_size(facts))]
        try:
            found.append(_answered(classifier, part, turn))
        except OutOfMemory:
            if len(part) == 1:
                raise
            classifier.largest = min(len(part) // 2, classifier.largest or len(part))  # others may have halved it, too
            continue
        start += len(part)
    return np.concatenate(found)


def _answered(classifier: Classifier, part: torch.Tensor, turn: Turn) -> NDArray[np.float32]:
    """Raises OutOfMemory, wherever on its way the part did not fit, and ModelError."""

    def forward_and_back(placed: Any) -> Any:
        return classifier.fetched(classifier.forward(placed), len(part))

    try:
        answer: NDArray[np.float32] = turn(forward_and_back, classifier.placed(part))
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        raise OutOfMemory(f"{len(part)} pictures do not fit into memory: {one_line(error)}") from error
    return answer


def part_size(facts: Facts) -> int:
    """How many pictures a model is asked about at a time, where memory allows it."""
    height, width = facts.input.crop
    pixels = PART_PIXELS[facts.runtime if facts.runtime in PART_PIXELS else facts.device]
    return min(MOST, max(1, pixels // (height * width)))


def blank(facts: Facts) -> torch.Tensor:
    """As many empty pictures as a network is asked about at a time, float32 (n, 3, h, w)."""
    return torch.zeros(part_size(facts), 3, *facts.input.crop)


def measured(classifier: Classifier, facts: Facts, batch: torch.Tensor) -> tuple[float, float]:
    """The standard deviation of the logits of a batch, and the most that noise moves one, in units of it.

    The noise is relative, of 1e-6 standard deviations. Where all logits are the same, both are 0. Raises ModelError.
    """
    noise = torch.randn(batch.shape, generator=torch.Generator().manual_seed(0))
    plain, noisy = (logits(classifier, facts, b) for b in (batch, batch * (1 + NOISE * noise)))
    std = float(plain.std(dtype=np.float64))
    return std, float(np.abs(noisy - plain).max()) / std if std else 0.0
