"""imgcls.data.places.kept: what several threads need is loaded once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from imgcls.data.places.kept import Kept


def test_threads_that_need_the_same_wait_for_one() -> None:
    """Four threads, one load."""
    kept, loads, begun = Kept[str, int](2), list[int](), threading.Event()

    def load() -> int:
        loads.append(1)
        begun.wait(5)
        return 7

    with ThreadPoolExecutor(4) as threads:
        results = [threads.submit(kept.get, "a", load) for _ in range(4)]
        begun.set()
        assert [result.result() for result in results] == [7] * 4
    assert len(loads) == 1


def test_the_latest_are_kept() -> None:
    """One that was used again is later than one that was not."""
    kept, loads = Kept[str, str](2), list[str]()

    def load(key: str) -> str:
        loads.append(key)
        return key

    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, partial(load, key))
    assert loads == ["a", "b", "c", "b"]


def test_what_fails_is_loaded_again() -> None:
    """The error is raised, and not kept."""
    kept = Kept[str, int](2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 3) == 3
