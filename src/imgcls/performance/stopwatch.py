"""A clock around calls of a model: it waits for the device, and checks that what is timed is what is scored."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgcls.errors import ModelError
from imgcls.models import inference
from imgcls.models.model import Model
from imgcls.records.performance import Status

if TYPE_CHECKING:
    import torch

NanosecondClock = Callable[[], int]
"""Nanoseconds that never go back."""

Timer = Callable[["Timed", "Stopwatch", "Rounds"], Sequence[int]]
"""Calls the first under the second until the third are over; returns the rounds in nanoseconds."""

WINDOW = 5  # docs/decisions.md#warm-up
"""The warm-up compares the median of as many calls with that of as many before."""

STEADY = 0.97  # docs/decisions.md#warm-up
"""The warm-up ends when that median is above this share of the one before."""

MAX_WINDOWS = 20  # docs/decisions.md#warm-up

FEWEST_CALLS = 4  # docs/decisions.md#budget-of-a-timing
"""A warm-up that runs out of time compares the two halves of its calls, from this number on."""

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2, "float16": 0.05}  # docs/decisions.md#timed-is-scored
"""How far logits may be from those of scoring, in standard deviations of the logits: batches round differently."""

LATE_SHARE, LATE_NS = 0.1, 50_000  # docs/decisions.md#asynchronous-launches
"""How long a device may work on after a call: this share of the call's time, and these nanoseconds."""


class Budget:
    """The seconds that a timing may take in all, by its own clock; ``say`` is given what is being done."""

    def __init__(self, seconds: float, clock: NanosecondClock, say: Status) -> None:
        self.clock, self.say = clock, say
        self.started_ns, self.budget_ns = clock(), round(seconds * 1e9)

    def is_spent(self, share: float, doing: str) -> bool:
        """Whether this share of it is over; ``doing``: what it is used for."""
        self.say(doing)
        return self.clock() - self.started_ns >= share * self.budget_ns


@dataclass(frozen=True, slots=True)
class Rounds:
    """How many rounds are timed: ``most``, or from ``fewest`` on those that fit into ``seconds``.

    ``share``: the part of the budget after which no further round begins, however few there are.
    """

    fewest: int
    most: int
    seconds: float
    budget: Budget
    share: float
    started_ns: int

    def are_over(self, done: int) -> bool:
        """Whether these are all; one round is always timed."""
        spent = self.budget.is_spent(self.share, f"round {done + 1} of up to {self.most}")
        late = self.budget.clock() - self.started_ns >= self.seconds * 1e9
        return done >= self.most or (done >= self.fewest and late) or (done > 0 and spent)


class Stopwatch:
    """Times calls, each from an idle device on, and detects calls that return before the device is done."""

    def __init__(self, synchronize: Callable[[], None], clock: NanosecondClock) -> None:
        self.synchronize, self.clock = synchronize, clock
        self.rounds_ns: list[int] = []
        self.late_ns: list[int] = []

    def time(self, call: Callable[[], object]) -> int:
        """The nanoseconds of one round, which begins and ends with an idle device."""
        self.synchronize()
        started = self.clock()
        call()
        self.rounds_ns.append(self.clock() - started)
        self.settle()
        return self.rounds_ns[-1]

    def settle(self) -> None:
        """Wait for the device, and note how long it worked on after a call had returned."""
        started = self.clock()
        self.synchronize()
        self.late_ns.append(self.clock() - started)

    def check(self, rounds_ns: Sequence[int], name: str) -> None:
        """Raise ModelError where the clock was stopped while the device was still at work."""
        late, call = statistics.median(self.late_ns), statistics.median(rounds_ns)
        if late > LATE_SHARE * call + LATE_NS:
            raise ModelError(
                f"{name}: its calls returned after {call / 1e6:.3f} ms, and the device worked on for "
                f"{late / 1e6:.3f} ms: an asynchronous launch was timed without synchronisation; "
                "let `logits` wait for the device"
            )


class Timed:
    """A model, and the batches that it is given in turn; its last output for each batch is kept."""

    def __init__(self, model: Model, batches: Sequence[torch.Tensor]) -> None:
        self.model, self.batches = model, batches
        self.outputs: dict[int, NDArray[np.float32]] = {}
        self.calls = 0

    @property
    def size(self) -> int:
        """The number of images in a batch."""
        return len(self.batches[0])

    def __call__(self) -> None:
        turn = self.calls % len(self.batches)
        self.outputs[turn] = self.model.classifier.logits(self.batches[turn])
        self.calls += 1

    def check(self, budget: Budget) -> None:
        """Raise ModelError where what was timed is not what scoring computes from the same images.

        As many of the images as the budget leaves time for, and those of one batch of scoring at least.
        """
        turns, at_once = list(self.outputs), max(1, inference.batch_size(self.model.info) // self.size)
        for start in range(0, len(turns), at_once):
            self._check(turns[start : start + at_once])
            if budget.is_spent(1.0, "comparing its outputs with those of scoring"):
                return

    def _check(self, turns: Sequence[int]) -> None:
        import torch

        info, images = self.model.info, torch.cat([self.batches[turn] for turn in turns])
        all_scored = np.split(inference.logits(self.model.classifier, info, images), len(turns))
        for timed, scored in zip([self.outputs[turn] for turn in turns], all_scored, strict=True):
            distance = float(np.abs(timed - scored).max() / (scored.std() or 1.0))
            if not distance <= TOLERANCE[info.precision]:
                raise ModelError(
                    f"{self.model.spec.name}: what was timed is not what is scored: logits of the same images are "
                    f"{distance:.2g} standard deviations apart (allowed {TOLERANCE[info.precision]:g}); "
                    "a network whose output differs from call to call has no latency worth stating"
                )


def warm_up(call: Callable[[], None], watch: Stopwatch, budget: Budget, share: float) -> tuple[bool, int]:
    """Call until calls do not become faster any more; whether that was reached, and the nanoseconds of a call then.

    Where that takes more than ``share`` of the budget, the calls until then are compared half by half.
    """
    before, first = 0, len(watch.rounds_ns)
    for number in range(MAX_WINDOWS + 1):
        for _ in range(WINDOW):
            watch.time(call)
            if budget.is_spent(share, "warming up"):
                return _halves(watch.rounds_ns[first:])
        now = _typical(watch.rounds_ns[-WINDOW:])
        if number and now >= STEADY * before:
            return True, now
        before = now
    return False, before


def _halves(calls_ns: Sequence[int]) -> tuple[bool, int]:
    earlier, later = calls_ns[: len(calls_ns) // 2], calls_ns[len(calls_ns) // 2 :]
    is_steady = len(calls_ns) >= FEWEST_CALLS and _typical(later) >= STEADY * _typical(earlier)
    return is_steady, _typical(later)


def _typical(calls_ns: Sequence[int]) -> int:
    return max(1, round(statistics.median(calls_ns)))
