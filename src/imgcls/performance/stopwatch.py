"""A clock around calls of a model: it waits for the device, and checks that what is timed is what is scored."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgcls.errors import ModelError
from imgcls.models import inference
from imgcls.models.model import Model

if TYPE_CHECKING:
    import torch

NanosecondClock = Callable[[], int]
"""Nanoseconds that never go back."""

Timer = Callable[["Timed", "Stopwatch", int], Sequence[int]]
"""Calls the first N times under the second, N being the third; returns the rounds in nanoseconds."""

WINDOW = 5  # docs/decisions.md#warm-up
"""The warm-up compares the median of as many calls with that of as many before."""

STEADY = 0.97  # docs/decisions.md#warm-up
"""The warm-up ends when that median is above this share of the one before."""

MAX_WINDOWS = 20  # docs/decisions.md#warm-up

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2, "float16": 0.05}  # docs/decisions.md#timed-is-scored
"""How far logits may be from those of scoring, in standard deviations of the logits: batches round differently."""

LATE_SHARE, LATE_NS = 0.1, 50_000  # docs/decisions.md#asynchronous-launches
"""How long a device may work on after a call: this share of the call's time, and these nanoseconds."""


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

    def __call__(self) -> None:
        turn = self.calls % len(self.batches)
        self.outputs[turn] = self.model.classifier.logits(self.batches[turn])
        self.calls += 1

    def check(self) -> None:
        """Raise ModelError where what was timed is not what scoring computes from the same images."""
        import torch

        info, turns = self.model.info, list(self.outputs)
        all_scored = inference.logits(self.model.classifier, info, torch.cat([self.batches[turn] for turn in turns]))
        for timed, scored in zip(self.outputs.values(), np.split(all_scored, len(turns)), strict=True):
            distance = float(np.abs(timed - scored).max() / (scored.std() or 1.0))
            if not distance <= TOLERANCE[info.precision]:
                raise ModelError(
                    f"{self.model.spec.name}: what was timed is not what is scored: logits of the same images are "
                    f"{distance:.2g} standard deviations apart (allowed {TOLERANCE[info.precision]:g}); "
                    "a network whose output differs from call to call has no latency worth stating"
                )


def warm_up(call: Callable[[], None], watch: Stopwatch) -> tuple[bool, int]:
    """Call until calls do not become faster any more; whether that was reached, and the nanoseconds of a call then."""
    before = _window(call, watch)
    for _ in range(MAX_WINDOWS):
        now = _window(call, watch)
        if now >= STEADY * before:
            return True, now
        before = now
    return False, before


def _window(call: Callable[[], None], watch: Stopwatch) -> int:
    return max(1, round(statistics.median(watch.time(call) for _ in range(WINDOW))))
