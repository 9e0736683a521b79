"""imgcls.performance.stopwatch: a warm-up ends when calls are steady."""

from imgcls.performance import stopwatch


def test_the_warm_up_ends_when_calls_are_no_longer_faster() -> None:
    """Windows of five: 100, 90, 80 ms, then steady; the typical time is the last one."""
    pace = iter([*[100] * 5, *[90] * 5, *[80] * 5, *[79] * 5, *[10] * 500])
    now = 0

    def clock() -> int:
        return now

    def call() -> None:
        nonlocal now
        now += next(pace) * 1_000_000

    assert stopwatch.warm_up(call, stopwatch.Stopwatch(lambda: None, clock)) == (True, 79_000_000)


def test_a_warm_up_that_never_ends_is_given_up() -> None:
    """Calls that always become faster are given up, and not called steady."""
    now, step = 0.0, 1e9

    def clock() -> int:
        return int(now)

    def call() -> None:
        nonlocal now, step
        now, step = now + step, step * 0.99

    steady, _ = stopwatch.warm_up(call, stopwatch.Stopwatch(lambda: None, clock))
    assert not steady
