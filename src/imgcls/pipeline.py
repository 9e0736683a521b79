"""Pictures become answers: every thread takes a few of them all the way, from their files to what models say.

So decoding cannot starve the models, nor the models decoding, and no more pictures are in memory than threads hold.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import asking, images, machine, pixels, preprocess, scoring
from imgcls.errors import ImgclsError, MachineError, Undecodable, one_line
from imgcls.records import Answer, Decode, Facts, ImageRef, InputSpec
from imgcls.runtimes import Classifier

PART = {"cpu": 8, "cuda": 32}
"""Pictures that a thread takes at a time."""

STUCK = (MemoryError, torch.OutOfMemoryError, torch.AcceleratorError)
"""What is raised beside a network where the machine or its GPU cannot go on."""

SPARE = 2
"""Threads beyond one per core, which work while others wait for Python's lock."""


def threads() -> int:
    """How many threads take pictures at once."""
    return machine.cores() + SPARE


class Recipe(NamedTuple):
    """How a picture's bytes become a network's input."""

    input: InputSpec
    decode: Decode


class Inputs:
    """What networks are asked about, float32 (n, 3, h, w)."""

    def __init__(self, batch: torch.Tensor) -> None:
        self.batch = batch

    @cached_property
    def fingerprints(self) -> NDArray[np.float32]:
        """What tells the pictures apart, (n, 12); on a GPU one waits for it."""
        return preprocess.fingerprint(self.batch)


@dataclass(slots=True)
class Lane:
    """One model on its way through the pictures; whoever runs the pipeline may set ``stopped``."""

    name: str
    recipe: Recipe
    facts: Facts
    classifier: Classifier
    missing: frozenset[str]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A picture that gives no pixels; ``lasting``: its bytes are to blame."""

    image: ImageRef
    reason: str
    detail: str
    lasting: bool


@dataclass(slots=True)
class Part:
    """What became of a few pictures; seconds are those of the thread."""

    pictures: int
    decode_seconds: float = 0.0
    rejected: list[Rejected] = field(default_factory=list)
    answers: dict[str, list[tuple[ImageRef, Answer]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, ImgclsError] = field(default_factory=dict)


def answered(todo: Sequence[ImageRef], lanes: Sequence[Lane], exif: Literal["ignore", "apply"]) -> Iterator[Part]:
    """Every picture's answers, part by part, in order."""
    workers = threads()
    size = max(1, min(max(PART[lane.facts.device] for lane in lanes), -(-len(todo) // workers)))
    parts = (todo[start : start + size] for start in range(0, len(todo), size))
    pool, single = ThreadPoolExecutor(workers, "imgcls-work"), ThreadPoolExecutor(1, "imgcls-model")
    line = _Line(lanes, exif, single)
    with pixels.quiet_pillow():
        try:
            ahead: deque[Future[Part]] = deque(pool.submit(line.work, part) for part in islice(parts, 2 * workers))
            while ahead:
                done = ahead.popleft().result()
                ahead.extend(pool.submit(line.work, part) for part in islice(parts, 1))
                yield done
        finally:
            for lane in lanes:
                lane.stopped = True  # nobody takes what is still being worked on
            pool.shutdown(cancel_futures=True)
            single.shutdown(cancel_futures=True)


def warm_up(classifier: Classifier, facts: Facts) -> int:
    """Ask about as many empty pictures as a part holds, for what happens once: compiling, loading a GPU's kernels.

    Returns how many classes it answers with. Raises ImgclsError.
    """
    return int(asking.logits(classifier, facts, asking.blank(facts)[: PART[facts.device]]).shape[1])


class _Line:
    """What every thread does with the pictures it takes."""

    def __init__(self, lanes: Sequence[Lane], exif: Literal["ignore", "apply"], single: ThreadPoolExecutor) -> None:
        self.lanes, self.exif, self.single = lanes, exif, single
        self.recipes = list(dict.fromkeys(lane.recipe for lane in lanes))
        self.device = lanes[0].facts.device  # one run, one device

    def work(self, pictures: Sequence[ImageRef]) -> Part:
        part, started = Part(len(pictures)), time.perf_counter()
        good, crops = [], []
        for image in pictures:
            prepared = prepared_or_rejected(image, self.recipes, self.exif)
            if isinstance(prepared, Rejected):
                part.rejected.append(prepared)
            else:
                good.append(image)
                crops.append(prepared)
        try:
            inputs = {recipe: self._inputs(recipe, crops) for recipe in self.recipes if crops}
        except STUCK as error:
            part.failures = {lane.name: _unprepared(crops, error) for lane in self.lanes}
            return part
        part.decode_seconds = time.perf_counter() - started
        for lane in self.lanes:
            rows = [row for row, image in enumerate(good) if image.sha256 in lane.missing]
            if rows and not lane.stopped:
                self._ask(lane, good, rows, inputs[lane.recipe], part)
        return part

    def _inputs(self, recipe: Recipe, crops: Sequence[Mapping[Recipe, NDArray[np.uint8]]]) -> Inputs:
        stacked = np.stack([crop[recipe] for crop in crops])
        try:
            return Inputs(preprocess.normalize(recipe.input, stacked, self.device))
        except torch.OutOfMemoryError:  # then networks are brought as much of it as they have room for
            return Inputs(preprocess.normalize(recipe.input, stacked))

    def _ask(self, lane: Lane, good: Sequence[ImageRef], rows: Sequence[int], inputs: Inputs, part: Part) -> None:
        """Put a model's answers about some of the good pictures, or why there are none, into the part."""
        pictures = [good[row] for row in rows]
        clock = _Clock()
        turn = (
            clock.timed if lane.classifier.concurrent else lambda *call: self.single.submit(clock.timed, *call).result()
        )
        try:
            if len(rows) < len(good):  # to select is to copy
                inputs = Inputs(inputs.batch[rows])
            logits = asking.logits(lane.classifier, lane.facts, inputs.batch, turn)
            found = scoring.answers(logits, inputs.fingerprints, pictures)
            part.answers[lane.name] = list(zip(pictures, found, strict=True))
        except ImgclsError as error:
            part.failures[lane.name] = error
        except STUCK as error:
            part.failures[lane.name] = _unprepared(pictures, error)
        part.seconds[lane.name] = clock.seconds


def _unprepared(pictures: Sequence[Any], error: Exception) -> MachineError:
    return MachineError(f"{len(pictures)} pictures could not be prepared for the networks: {one_line(error)}")


class _Clock:
    """How long what it calls has taken, all in all."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Any, argument: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(argument)
        finally:
            self.seconds += time.perf_counter() - started


def prepared_or_rejected(
    image: ImageRef, recipes: Sequence[Recipe], exif: Literal["ignore", "apply"]
) -> Mapping[Recipe, NDArray[np.uint8]] | Rejected:
    """A picture cropped for every recipe, uint8 (h, w, 3), or why it is not."""
    data = None
    try:
        data = images.read(image)
        return _exact(data, recipes, exif) | _fast(data, recipes, exif)
    except Undecodable as error:
        lasting = data is not None and error.reason != "out_of_memory"
        return Rejected(image, error.reason, error.detail, lasting)


def _exact(data: bytes, recipes: Sequence[Recipe], exif: Literal["ignore", "apply"]) -> dict[Recipe, NDArray[np.uint8]]:
    asked = [recipe for recipe in recipes if recipe.decode == "exact"]
    if not asked:
        return {}
    picture = pixels.decode(data, exif)
    return {recipe: preprocess.crop(recipe.input, picture) for recipe in asked}


def _fast(data: bytes, recipes: Sequence[Recipe], exif: Literal["ignore", "apply"]) -> dict[Recipe, NDArray[np.uint8]]:
    asked = [recipe for recipe in recipes if recipe.decode == "fast"]
    if not asked:
        return {}
    pictures = pixels.decode_fast(data, exif, [recipe.input for recipe in asked])
    return {recipe: preprocess.crop_fast(recipe.input, pic) for recipe, pic in zip(asked, pictures, strict=True)}
