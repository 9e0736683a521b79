"""imgcls.system.background: what work returns and raises comes back, and the end of a process does not wait for it."""

import threading

import pytest

from imgcls.system.background import started


def test_what_work_returns_and_raises() -> None:
    """Also what is no Exception, such as SystemExit."""
    assert started(lambda: 3).result(timeout=5) == 3

    def ends() -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit, match="1"):
        started(ends).result(timeout=5)


def test_the_process_does_not_wait_for_it() -> None:
    """It runs in a daemon thread."""
    assert started(lambda: threading.current_thread().daemon).result(timeout=5)
