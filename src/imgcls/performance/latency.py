"""How long a model takes, from pixels in host memory to logits in host memory, and what its parts take."""

from __future__ import annotations

import functools
import io
import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from imgcls.models import inference
from imgcls.models.model import Model
from imgcls.performance import conditions, stopwatch
from imgcls.performance.stopwatch import NanosecondClock, Stopwatch, Timed, Timer
from imgcls.preprocessing import preprocess
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.performance import Latency, LatencyChange, Scenario
from imgcls.stats import timing

if TYPE_CHECKING:
    import torch

IMAGES = 16  # docs/decisions.md#timed-images
"""Different images that a model is given in turn, so that no input stays in a cache."""

MIN_BATCHES = 4  # docs/decisions.md#timed-images

SECONDS = 5.0  # docs/decisions.md#rounds
INTERLEAVED_SECONDS = 30.0  # docs/decisions.md#rounds
MIN_ROUNDS, MAX_ROUNDS = 30, 1000  # docs/decisions.md#rounds
STAGE_ROUNDS = 7  # docs/decisions.md#rounds


def measure(
    model: Model,
    scenario: Scenario,
    batch: int | None = None,
    *,
    seconds: float = SECONDS,
    timer: Timer | None = None,
    clock: NanosecondClock = time.perf_counter_ns,
) -> Latency:
    """The latency of a loaded model with one image at a time, or with as many as scoring takes at once.

    ``batch``: another number of images; ``seconds``: about how long it is measured, within 30 and 1000 rounds;
    ``timer``: what calls and times, a plain loop by default.
    Raises ModelError where the outputs are not those of scoring, or come before the device has computed them.
    """
    classifier = model.classifier
    batch = batch or (1 if scenario == "SingleStream" else inference.batch_size(model.info))
    with conditions.fixed_threads():
        timed, watch = Timed(model, batches(model, batch)), Stopwatch(classifier.synchronize, clock)
        steady, typical_ns = stopwatch.warm_up(timed, Stopwatch(classifier.synchronize, clock))
        rounds = round(min(max(seconds * 1e9 / typical_ns, MIN_ROUNDS), MAX_ROUNDS))
        rounds_ns = tuple((timer or _loop)(timed, watch, rounds))
        watch.check(rounds_ns, model.spec.name)
        timed.check()
        preprocess_ns, copy_ns, model_ns, device_ns = _stages(timed, clock)
        return Latency(
            conditions=conditions.environment_of(model, batch),
            scenario=scenario,
            rounds_ns=rounds_ns,
            p50_ns=timing.percentile(rounds_ns, 0.50),
            p90_ns=timing.percentile(rounds_ns, 0.90),
            p95_ns=timing.percentile(rounds_ns, 0.95),
            p99_ns=timing.percentile(rounds_ns, 0.99),
            images_per_second=batch * len(rounds_ns) * 1e9 / sum(rounds_ns),
            steady=steady,
            preprocess_ns=preprocess_ns,
            copy_ns=copy_ns,
            model_ns=model_ns,
            device_p50_ns=device_ns,
        )


def _loop(timed: Timed, watch: Stopwatch, rounds: int) -> list[int]:
    for _ in range(rounds):
        watch.time(timed)
    return watch.rounds_ns


def batches(model: Model, size: int) -> list[torch.Tensor]:
    """Batches of generated photographs, float32 (size, 3, h, w), each beginning with another image."""
    preprocessing = Preprocessing(model.info.input, "exact")
    crops = [preprocess.prepare(data, [preprocessing]).crops[preprocessing] for data in images()]
    count = max(MIN_BATCHES, IMAGES // size)
    starts = [number * size + number * size // IMAGES for number in range(count)]
    of_batches = [[crops[(start + number) % IMAGES] for number in range(size)] for start in starts]
    return [preprocess.batch(preprocessing.input, of_batch) for of_batch in of_batches]


@functools.cache
def images() -> tuple[bytes, ...]:
    """Generated JPEG files of 500 x 375, the usual size in ImageNet, and of about its number of bytes.

    The same everywhere, so that figures of two machines or commits are about the same work.
    """
    from PIL import Image

    files = []
    for seed in range(IMAGES):
        source = np.random.default_rng(seed)
        shapes = Image.fromarray(source.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((500, 375))
        grain = source.normal(0, 12, (375, 500, 3))
        photo = Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8))
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return tuple(files)


def _stages(timed: Timed, clock: NanosecondClock) -> tuple[int, int, int, int | None]:
    """Medians of preprocessing, copying to the device, and the model on it; the last by the device's clock, too."""
    classifier, preprocessing = timed.model.classifier, Preprocessing(timed.model.info.input, "exact")
    batch = timed.batches[0]
    files = (images() * len(batch))[: len(batch)]
    on_device = classifier.to_device(batch)

    def prepare() -> object:
        crops = [preprocess.prepare(data, [preprocessing]).crops[preprocessing] for data in files]
        return preprocess.batch(preprocessing.input, crops)

    def copy() -> None:
        classifier.to_device(batch)
        classifier.synchronize()

    def forward() -> None:
        classifier.forward(on_device)
        classifier.synchronize()

    watch = Stopwatch(classifier.synchronize, clock)
    preprocess_ns, copy_ns, model_ns = (
        round(statistics.median(watch.time(stage) for _ in range(STAGE_ROUNDS))) for stage in (prepare, copy, forward)
    )
    by_device = [classifier.device_ns(on_device) for _ in range(STAGE_ROUNDS)]
    known = [ns for ns in by_device if ns is not None]
    return preprocess_ns, copy_ns, model_ns, round(statistics.median(known)) if known else None


def interleaved(
    before: Timed,
    after: Timed,
    effect: float,
    *,
    seconds: float = INTERLEAVED_SECONDS,
    clock: NanosecondClock = time.perf_counter_ns,
) -> LatencyChange:
    """How much slower the second is than the first, both run in turn, so that the machine's drift affects both.

    Goes on until the interval is no wider than ``effect`` (a fraction), or for ``seconds``.
    Raises ModelError as :func:`measure` does.
    """
    with conditions.fixed_threads():
        watches = [Stopwatch(timed.model.classifier.synchronize, clock) for timed in (before, after)]
        for timed, watch in zip((before, after), watches, strict=True):
            stopwatch.warm_up(timed, Stopwatch(watch.synchronize, clock))
        ends = clock() + round(seconds * 1e9)
        for change in _in_turn(before, after, *watches):
            if change.high / change.low <= 1 + effect or clock() > ends:
                break
        for timed, watch in zip((before, after), watches, strict=True):
            watch.check(watch.rounds_ns, timed.model.spec.name)
            timed.check()
        return change


def _in_turn(before: Timed, after: Timed, first: Stopwatch, second: Stopwatch) -> Iterator[LatencyChange]:
    """Rounds without end, A B B A; after every few of them, what all rounds so far show."""
    while True:
        for _ in range(timing.BLOCKS):
            for timed, watch in ((before, first), (after, second), (after, second), (before, first)):
                watch.time(timed)
        yield timing.shift(first.rounds_ns, second.rounds_ns)
