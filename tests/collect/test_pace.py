"""imgcls.collect.pace: so many requests per second to each host, and not one more."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from collect_site import Clock
from imgcls.collect.pace import Pace
from imgcls.collect.refusal import Stopped


def test_two_per_second_and_host() -> None:
    """Requests to one host are half a second apart; one to another host does not wait."""
    clock = Clock()
    pace = Pace(2, clock.sleep, clock)
    turns = []
    for host in ("a", "a", "b", "a", "a"):
        pace.wait(host)
        turns.append((host, clock()))
    assert turns == [("a", 0.0), ("a", 0.5), ("b", 0.5), ("a", 1.0), ("a", 1.5)]


def test_unused_time_is_not_saved_up() -> None:
    """After ten seconds without a request there is one at once, and not twenty."""
    clock = Clock()
    pace = Pace(2, clock.sleep, clock)
    pace.wait("a")
    clock.sleep(10)
    pace.wait("a")
    assert clock() == 10
    pace.wait("a")
    assert clock() == 10.5


def test_threads_share_the_pace() -> None:
    """Twenty requests of eight threads take nine and a half seconds."""
    clock = Clock()
    pace = Pace(2, clock.sleep, clock)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(pace.wait, ["a"] * 20))
    assert clock() >= 9.5


def test_a_pause_holds_for_all() -> None:
    """A server that states a minute gets it, and the requests after it are spaced again."""
    clock = Clock()
    pace = Pace(2, clock.sleep, clock)
    pace.wait("a")
    pace.pause("a", 60)
    pace.wait("a")
    assert clock() == 60
    pace.wait("a")
    assert clock() == 60.5


def test_a_turn_ends_with_the_run() -> None:
    """Who waits when the run ends has no turn any more."""
    pace = Pace(2, lambda _: True, Clock())
    pace.wait("a")
    with pytest.raises(Stopped):
        pace.wait("a")
