"""How long a model takes, from pixels in host memory to logits in host memory, and what its parts take."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from imgcls import messages
from imgcls.errors import OutOfMemory
from imgcls.models import inference
from imgcls.models.model import Model
from imgcls.performance import conditions, stopwatch
from imgcls.performance.stopwatch import Budget, NanosecondClock, Rounds, Stopwatch, Timed, Timer
from imgcls.preprocessing import preprocess
from imgcls.records.performance import Latency, LatencyChange, Scenario, Status
from imgcls.stats import timing
from imgcls.system import machine

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

IMAGES = 16  # docs/decisions.md#timed-images
"""Different images that a model is given in turn, so that no input stays in a cache."""

MIN_BATCHES = 4  # docs/decisions.md#timed-images

SECONDS = 5.0  # docs/decisions.md#rounds
BUDGET_SECONDS = 60.0  # docs/decisions.md#budget-of-a-timing
INTERLEAVED_SECONDS = 30.0  # docs/decisions.md#rounds
MIN_ROUNDS, MAX_ROUNDS = 30, 1000  # docs/decisions.md#rounds
STAGE_ROUNDS = 7  # docs/decisions.md#rounds

WARM_UP_SHARE, ROUNDS_SHARE, STAGES_SHARE = 0.3, 0.75, 0.9  # docs/decisions.md#budget-of-a-timing
"""The parts of the budget after which the warm-up, the rounds and the parts end; what is left checks the outputs."""


def measure(
    model: Model,
    scenario: Scenario,
    batch: int | None = None,
    *,
    seconds: float = SECONDS,
    timer: Timer | None = None,
    clock: NanosecondClock = time.perf_counter_ns,
    say: Status = lambda _: None,
) -> Latency:
    """The latency of a loaded model with one image at a time, or with as many as scoring takes at once.

    Where so many do not fit into memory they are halved, as scoring does it.
    ``batch``: another number of images; ``seconds``: about how long rounds are timed, within 30 and 1000 of them.
    Everything together ends after 60 seconds or twice as many as given, however busy the machine is: then there may
    be fewer rounds. ``timer``: what calls and times, a plain loop by default; ``say``: is given what is being done.
    Raises ModelError where the outputs are not those of scoring, or come before the device has computed them, and
    OutOfMemory where one image, or ``batch``, does not fit.
    """
    classifier, seconds_in_all = model.classifier, max(BUDGET_SECONDS, 2 * seconds)
    with machine.fixed_threads():
        warm = _warmed_up(model, scenario, batch, lambda title: Budget(seconds_in_all, clock, _titled(title, say)))
        timed, budget, watch = warm.timed, warm.budget, Stopwatch(classifier.synchronize, clock)
        most = round(min(max(seconds * 1e9 / warm.typical_ns, MIN_ROUNDS), MAX_ROUNDS))
        rounds = Rounds(MIN_ROUNDS, most, seconds, budget, ROUNDS_SHARE, clock())
        rounds_ns = tuple((timer or _loop)(timed, watch, rounds))
        watch.check(rounds_ns, model.spec.name)
        preprocess_ns, copy_ns, model_ns, device_ns = _stages(timed, budget)
        timed.check(budget)
        return Latency(
            conditions=conditions.environment_of(model, timed.size),
            scenario=scenario,
            rounds_ns=rounds_ns,
            p50_ns=timing.percentile(rounds_ns, 0.50),
            p90_ns=timing.percentile(rounds_ns, 0.90),
            p95_ns=timing.percentile(rounds_ns, 0.95),
            p99_ns=timing.percentile(rounds_ns, 0.99),
            images_per_second=timed.size * len(rounds_ns) * 1e9 / sum(rounds_ns),
            steady=warm.is_steady,
            preprocess_ns=preprocess_ns,
            copy_ns=copy_ns,
            model_ns=model_ns,
            device_p50_ns=device_ns,
            cut_short=len(rounds_ns) < MIN_ROUNDS,
            blocks_ns=tuple(map(round, timing.block_medians(rounds_ns))),
        )


class _Warm(NamedTuple):
    """Batches that fit into memory, after their warm-up: whether it became steady, and the typical call then."""

    timed: Timed
    budget: Budget
    is_steady: bool
    typical_ns: int


def _warmed_up(model: Model, scenario: Scenario, batch: int | None, begun: Callable[[str], Budget]) -> _Warm:
    """``begun``: begins a budget with this title, for each number of images anew."""
    classifier = model.classifier
    while True:
        of_scoring = classifier.max_batch_size or inference.batch_size(model.info)  # fewer where more did not fit
        size = batch or (1 if scenario == "SingleStream" else of_scoring)
        budget = begun(f"{model.spec.name} on {model.info.device}, {scenario}, batch {size}")
        timed, watch = Timed(model, batches(model, size)), Stopwatch(classifier.synchronize, budget.clock)
        try:
            return _Warm(timed, budget, *stopwatch.warm_up(timed, watch, budget, WARM_UP_SHARE))
        except OutOfMemory:
            if batch or size == 1:
                raise
            classifier.max_batch_size = size // 2


def _titled(title: str, say: Status) -> Status:
    return lambda doing: say(f"{title}: {doing}")


def _loop(timed: Timed, watch: Stopwatch, rounds: Rounds) -> list[int]:
    while not rounds.are_over(len(watch.rounds_ns)):
        watch.time(timed)
    return watch.rounds_ns


def batches(model: Model, size: int) -> list[torch.Tensor]:
    """Batches of generated photographs, float32 (size, channels, h, w), each beginning with another image."""
    preprocessing = model.preprocessing._replace(decode="exact")
    crops = [preprocess.prepare(data, [preprocessing]).crops[preprocessing] for data in images()]
    count = max(MIN_BATCHES, IMAGES // size)
    starts = [number * size + number * size // IMAGES for number in range(count)]
    of_batches = [[crops[(start + number) % IMAGES] for number in range(size)] for start in starts]
    return [preprocess.batch(preprocessing.input, of_batch) for of_batch in of_batches]


@cache
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


def _stages(timed: Timed, budget: Budget) -> tuple[int, int, int, int | None]:
    """Medians of preprocessing, copying to the device, and the model on it; the last by the device's clock, too."""
    classifier, preprocessing = timed.model.classifier, timed.model.preprocessing._replace(decode="exact")
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

    watch = Stopwatch(classifier.synchronize, budget.clock)
    preprocess_ns, copy_ns, model_ns = (
        round(statistics.median(_repeated(partial(watch.time, stage), budget))) for stage in (prepare, copy, forward)
    )
    by_device = _repeated(partial(classifier.device_ns, on_device), budget)
    known = [ns for ns in by_device if ns is not None]
    return preprocess_ns, copy_ns, model_ns, round(statistics.median(known)) if known else None


def _repeated(measured: Callable[[], T], budget: Budget) -> list[T]:
    """The outcomes of several calls, of one where the budget leaves no time for more."""
    outcomes = [measured()]
    while len(outcomes) < STAGE_ROUNDS and not budget.is_spent(STAGES_SHARE, "timing its parts"):
        outcomes.append(measured())
    return outcomes


def interleaved(
    before: Timed,
    after: Timed,
    effect: float,
    *,
    seconds: float = INTERLEAVED_SECONDS,
    clock: NanosecondClock = time.perf_counter_ns,
    say: Status = lambda _: None,
) -> LatencyChange:
    """How much slower the second is than the first, both run in turn, so that the machine's drift affects both.

    Goes on until the interval is no wider than ``effect`` (a fraction), or until ``seconds`` are over, warm-ups and
    checks included. ``say``: is given what is being done. Raises ModelError as :func:`measure` does.
    """
    budget, both = Budget(seconds, clock, say), (before, after)
    with machine.fixed_threads():
        first, second = watches = [Stopwatch(timed.model.classifier.synchronize, clock) for timed in both]
        for timed, watch, share in zip(both, watches, (WARM_UP_SHARE / 2, WARM_UP_SHARE), strict=True):
            stopwatch.warm_up(timed, Stopwatch(watch.synchronize, clock), budget, share)
        change = None
        while change is None or not (change.high / change.low <= 1 + effect or _is_late(budget, first)):
            _in_turn(before, after, first, second, budget)
            change = timing.shift(first.rounds_ns, second.rounds_ns)
        for timed, watch in zip(both, watches, strict=True):
            watch.check(watch.rounds_ns, timed.model.spec.name)
            timed.check(budget)
        return change


def _in_turn(before: Timed, after: Timed, first: Stopwatch, second: Stopwatch, budget: Budget) -> None:
    """A few rounds of each, A B B A; fewer where time runs out."""
    for _ in range(timing.BLOCKS):
        for timed, watch in ((before, first), (after, second), (after, second), (before, first)):
            watch.time(timed)
        if len(first.rounds_ns) >= timing.FEWEST_BLOCKS and _is_late(budget, first):
            return


def _is_late(budget: Budget, watch: Stopwatch) -> bool:
    return budget.is_spent(STAGES_SHARE, f"{messages.counted(len(watch.rounds_ns), 'round')} of each model, in turn")
