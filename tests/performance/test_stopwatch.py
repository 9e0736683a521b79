"""imgcls.performance.stopwatch: a warm-up ends when calls are steady."""

import pytest

from imgcls.performance import stopwatch
from imgcls.performance.stopwatch import Budget, Rounds, Stopwatch


class Clock:
    """Seconds that pass only when a call takes them."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> int:
        return round(self.now_s * 1e9)

    def budget(self, seconds: float) -> Budget:
        return Budget(seconds, self, lambda _: None)


def test_the_warm_up_ends_when_calls_are_no_longer_faster() -> None:
    """Windows of five: 100, 90, 80 ms, then steady; the typical time is the last one."""
    pace = iter([*[100] * 5, *[90] * 5, *[80] * 5, *[79] * 5, *[10] * 500])
    now = 0

    def clock() -> int:
        return now

    def call() -> None:
        nonlocal now
        now += next(pace) * 1_000_000

    budget = Budget(3600, clock, lambda _: None)
    assert stopwatch.warm_up(call, Stopwatch(lambda: None, clock), budget, 1.0) == (True, 79_000_000)


def test_a_warm_up_that_never_ends_is_given_up() -> None:
    """Calls that always become faster are given up, and not called steady."""
    now, step = 0.0, 1e9

    def clock() -> int:
        return int(now)

    def call() -> None:
        nonlocal now, step
        now, step = now + step, step * 0.99

    steady, _ = stopwatch.warm_up(call, Stopwatch(lambda: None, clock), Budget(3600, clock, lambda _: None), 1.0)
    assert not steady


@pytest.mark.parametrize(
    ("seconds", "calls", "steady"),
    [([3] * 99, 7, True), ([9, 8, 7, 6, 5] * 9, 3, False), ([9, 9, 3, 3] * 9, 3, False), ([6, 6, 4, 4] * 9, 4, False)],
)
def test_a_warm_up_ends_with_its_share_of_the_budget(seconds: list[float], calls: int, steady: bool) -> None:
    """A third of 60 s: then the halves of its calls are compared, and fewer than four show nothing."""
    clock = Clock()
    pace = iter(seconds)

    def call() -> None:
        clock.now_s += next(pace)

    watch = Stopwatch(lambda: None, clock)
    assert stopwatch.warm_up(call, watch, clock.budget(60), 1 / 3)[0] is steady
    assert len(watch.rounds_ns) == calls


@pytest.mark.parametrize(
    ("seconds_per_round", "rounds"), [(0.05, 100), (0.1, 50), (0.5, 30), (1.0, 30), (1.5, 20), (4.0, 8), (50.0, 1)]
)
def test_rounds_fit_into_their_time(seconds_per_round: float, rounds: int) -> None:
    """5 s where 30 rounds fit into them, else 30 rounds, and what half of 60 s leave of these; one at least."""
    clock, done = Clock(), 0
    all_rounds = Rounds(30, 100, 5.0, clock.budget(60), 0.5, clock())
    while not all_rounds.are_over(done):
        clock.now_s += seconds_per_round
        done += 1
    assert done == rounds


def test_what_is_being_done_is_said() -> None:
    """Each look at the budget states it."""
    clock = Clock()
    said: list[str] = []
    budget = Budget(10, clock, said.append)
    Rounds(30, 100, 5.0, budget, 0.5, clock()).are_over(11)
    budget.is_spent(1.0, "timing its parts")
    assert said == ["round 12 of up to 100", "timing its parts"]
