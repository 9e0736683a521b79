"""A limited number of requests per second to each host, whichever thread makes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from imgcls.collect.refusal import Stopped

PRECISION_S = 1e-3
"""By how much a request may be early; the next one is not."""


class Pace:
    """Spaces the requests to each host evenly.

    ``clock`` returns seconds. ``sleep`` waits for seconds, and returns True where the run ends before, as
    ``threading.Event.wait`` does.
    """

    def __init__(
        self, per_second: float, sleep: Callable[[float], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s, self._sleep, self._clock = 1 / per_second, sleep, clock
        self._next_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, host: str) -> None:
        """Wait for the turn of a request to this host. Raises Stopped where the run ends before."""
        while (early_s := self._early(host)) > 0:
            if self._sleep(early_s):
                raise Stopped

    def pause(self, host: str, seconds: float) -> None:
        """Let no request to this host have its turn before these seconds have passed."""
        with self._lock:
            until = self._clock() + seconds
            self._next_s[host] = max(until, self._next_s.get(host, until))

    def _early(self, host: str) -> float:
        """For how many seconds a request to the host still has to wait; 0 where it has its turn now, which is taken."""
        with self._lock:
            now = self._clock()
            next_s = self._next_s.get(host, now)
            if next_s - now > PRECISION_S:
                return next_s - now
            self._next_s[host] = max(now, next_s) + self._interval_s
            return 0.0
