"""How long a model takes, from pixels in host memory to logits in host memory, and what its parts take."""

from __future__ import annotations

import functools
import io
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgcls import asking, conditions, noise, pixels, preprocess
from imgcls.errors import ModelError
from imgcls.measures import Latency, Scenario, Shift
from imgcls.models import Model

if TYPE_CHECKING:
    import torch

Clock = Callable[[], int]
"""Nanoseconds that never go back."""

Timer = Callable[["Timed", "Stopwatch", int], Sequence[int]]
"""Calls the first so many times under the second; the rounds in nanoseconds."""

PICTURES = 16
"""Different pictures that a model is asked about in turn, so that no input stays in a cache."""
FEWEST_BATCHES = 4

WINDOW = 5
STEADY = 0.97
MOST_WINDOWS = 20
"""The warm-up ends when the median of five calls is above 97 % of that of the five before, or after twenty times."""

SECONDS = 5.0
FEWEST_ROUNDS, MOST_ROUNDS = 30, 1000
STAGE_ROUNDS = 7

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2, "float16": 0.05}
"""How far logits may be from those of scoring, in standard deviations of the logits: batches round differently."""


class Stopwatch:
    """Times calls, each from an idle device on, and finds out where one returned before the device was done."""

    def __init__(self, synchronize: Callable[[], None], clock: Clock) -> None:
        self.synchronize, self.clock = synchronize, clock
        self.rounds_ns: list[int] = []
        self.late_ns: list[int] = []

    def time(self, call: Callable[[], object]) -> int:
        """One round, with what has to be done before and after."""
        self.synchronize()
        started = self.clock()
        call()
        self.rounds_ns.append(self.clock() - started)
        self.settle()
        return self.rounds_ns[-1]

    def settle(self) -> None:
        """How long the device goes on after a call has returned."""
        started = self.clock()
        self.synchronize()
        self.late_ns.append(self.clock() - started)

    def check(self, rounds_ns: Sequence[int], name: str) -> None:
        """Raise ModelError where the clock was stopped while the device was still at work."""
        late, taken = statistics.median(self.late_ns), statistics.median(rounds_ns)
        if late > 0.1 * taken + 50_000:
            raise ModelError(
                f"{name}: its calls returned after {taken / 1e6:.3f} ms, and the device worked on for "
                f"{late / 1e6:.3f} ms: an asynchronous launch was timed without synchronisation; "
                "let `logits` wait for the device"
            )


class Timed:
    """A model, and the batches that it is asked about in turn; the last answer to each is kept."""

    def __init__(self, model: Model, batches: Sequence[torch.Tensor]) -> None:
        self.model, self.batches = model, batches
        self.answers: dict[int, NDArray[np.float32]] = {}
        self.calls = 0

    def __call__(self) -> None:
        turn = self.calls % len(self.batches)
        self.answers[turn] = self.model.classifier.logits(self.batches[turn])
        self.calls += 1

    def check(self) -> None:
        """Raise ModelError where what was timed is not what scoring computes from the same pictures."""
        facts = self.model.facts
        for turn, timed in self.answers.items():
            scored = asking.logits(self.model.classifier, facts, self.batches[turn])
            apart = float(np.abs(timed - scored).max() / (scored.std() or 1.0))
            if not apart <= TOLERANCE[facts.precision]:
                raise ModelError(
                    f"{self.model.spec.name}: what was timed is not what is scored: logits of the same pictures are "
                    f"{apart:.2g} standard deviations apart (allowed {TOLERANCE[facts.precision]:g}); "
                    "a network that answers differently from call to call has no latency worth stating"
                )


def measure(
    model: Model,
    scenario: Scenario,
    batch: int | None = None,
    *,
    seconds: float = SECONDS,
    timer: Timer | None = None,
    clock: Clock = time.perf_counter_ns,
) -> Latency:
    """The latency of a loaded model with one picture at a time, or with as many as scoring asks about at once.

    ``batch``: another number of pictures; ``seconds``: about how long it is measured, within 30 and 1000 rounds;
    ``timer``: who calls and times, a plain loop where none is given.
    Raises ModelError where the answers are not those of scoring, or come before the device has computed them.
    """
    classifier = model.classifier
    batch = batch or (1 if scenario == "SingleStream" else asking.part_size(model.facts))
    with conditions.fixed_threads():
        timed, watch = Timed(model, batches(model, batch)), Stopwatch(classifier.synchronize, clock)
        steady, typical_ns = warm_up(timed, Stopwatch(classifier.synchronize, clock))
        rounds = round(min(max(seconds * 1e9 / typical_ns, FEWEST_ROUNDS), MOST_ROUNDS))
        rounds_ns = tuple((timer or _loop)(timed, watch, rounds))
        watch.check(rounds_ns, model.spec.name)
        timed.check()
        preprocess_ns, copy_ns, model_ns, device_ns = _stages(timed, clock)
        return Latency(
            conditions=conditions.of(model, batch),
            scenario=scenario,
            rounds_ns=rounds_ns,
            p50_ns=noise.percentile(rounds_ns, 0.50),
            p90_ns=noise.percentile(rounds_ns, 0.90),
            p95_ns=noise.percentile(rounds_ns, 0.95),
            p99_ns=noise.percentile(rounds_ns, 0.99),
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


def warm_up(timed: Callable[[], None], watch: Stopwatch) -> tuple[bool, int]:
    """Call until calls do not become faster any more; whether that came about, and how long a call takes then."""
    before = _window(timed, watch)
    for _ in range(MOST_WINDOWS):
        now = _window(timed, watch)
        if now >= STEADY * before:
            return True, now
        before = now
    return False, before


def _window(timed: Callable[[], None], watch: Stopwatch) -> int:
    return max(1, round(statistics.median(watch.time(timed) for _ in range(WINDOW))))


def batches(model: Model, size: int) -> list[torch.Tensor]:
    """Batches of generated photographs as the model takes them, each beginning with another picture."""
    spec = model.facts.input
    crops = [preprocess.crop(spec, pixels.decode(data)) for data in pictures()]
    count = max(FEWEST_BATCHES, PICTURES // size)
    starts = [number * size + number * size // PICTURES for number in range(count)]
    chosen = [[crops[(start + number) % PICTURES] for number in range(size)] for start in starts]
    return [preprocess.normalize(spec, np.stack(some)) for some in chosen]


@functools.cache
def pictures() -> tuple[bytes, ...]:
    """Generated JPEG files of 500 x 375, the usual size in ImageNet, and of about its number of bytes.

    The same for everybody, so that figures of two machines or commits are about the same work.
    """
    from PIL import Image

    files = []
    for seed in range(PICTURES):
        source = np.random.default_rng(seed)
        shapes = Image.fromarray(source.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((500, 375))
        grain = source.normal(0, 12, (375, 500, 3))
        photo = Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8))
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return tuple(files)


def _stages(timed: Timed, clock: Clock) -> tuple[int, int, int, int | None]:
    """Medians of preprocessing, copying to the device, and the model on it; the last by the device's clock, too."""
    classifier, spec = timed.model.classifier, timed.model.facts.input
    batch = timed.batches[0]
    files = (pictures() * len(batch))[: len(batch)]
    placed = classifier.placed(batch)

    def prepare() -> object:
        return preprocess.normalize(spec, np.stack([preprocess.crop(spec, pixels.decode(data)) for data in files]))

    def place() -> None:
        classifier.placed(batch)
        classifier.synchronize()

    def forward() -> None:
        classifier.forward(placed)
        classifier.synchronize()

    watch = Stopwatch(classifier.synchronize, clock)
    host = [
        round(statistics.median(watch.time(stage) for _ in range(STAGE_ROUNDS))) for stage in (prepare, place, forward)
    ]
    on_device = [classifier.device_ns(placed) for _ in range(STAGE_ROUNDS)]
    known = [ns for ns in on_device if ns is not None]
    return host[0], host[1], host[2], round(statistics.median(known)) if known else None


# Two at hand.


def interleaved(
    before: Timed, after: Timed, effect: float, *, seconds: float = 30.0, clock: Clock = time.perf_counter_ns
) -> Shift:
    """How much slower the second is than the first, both asked in turn, so that the machine's drift hits both.

    Goes on until the interval tells half of ``effect`` (a fraction), or for ``seconds``.
    """
    with conditions.fixed_threads():
        watches = [Stopwatch(timed.model.classifier.synchronize, clock) for timed in (before, after)]
        for timed, watch in zip((before, after), watches, strict=True):
            warm_up(timed, Stopwatch(watch.synchronize, clock))
        ends = clock() + round(seconds * 1e9)
        for seen in _in_turn(before, after, *watches):
            if seen.high / seen.low <= 1 + effect or clock() > ends:
                break
        for timed, watch in zip((before, after), watches, strict=True):
            watch.check(watch.rounds_ns, timed.model.spec.name)
            timed.check()
        return seen


def _in_turn(before: Timed, after: Timed, first: Stopwatch, second: Stopwatch) -> Iterator[Shift]:
    """Rounds without end, A B B A, and every now and then what is known by then."""
    while True:
        for _ in range(noise.BLOCKS):
            for timed, watch in ((before, first), (after, second), (after, second), (before, first)):
                watch.time(timed)
        yield noise.shift(first.rounds_ns, second.rounds_ns)
