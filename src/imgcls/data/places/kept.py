"""What several threads need of a container at once: loaded once, and the latest kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """The latest values by their keys. A thread that needs what another one is loading waits for it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[Key, Future[Value]] = OrderedDict()

    def get(self, key: Key, load: Callable[[], Value]) -> Value:
        """The value of a key, loaded where it is not kept. Raises what ``load`` raises, to every thread that waits."""
        with self._lock:
            value, is_new = self._values.get(key), key not in self._values
            value = value or Future()
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        if is_new:
            self._load(key, value, load)
        return value.result()

    def _load(self, key: Key, value: Future[Value], load: Callable[[], Value]) -> None:
        try:
            value.set_result(load())
        except BaseException as error:  # noqa: BLE001 - those who wait must not wait for ever, whatever it is
            with self._lock:
                self._values.pop(key, None)
            value.set_exception(error)
