"""The steps of a part: each is recorded as it ends, and one that fails does not keep the others from being tried."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]

Record = Callable[[str, Figures], None]
"""Takes the figures of a step by its name."""


class Steps:
    """What a part is given to record with."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.failed: list[str] = []

    def take(self, name: str, step: Callable[[], Figures]) -> None:
        """Run a step and record what it returns with its seconds, or why it failed."""
        started = time.perf_counter()
        try:
            figures = step()
        except Exception:  # noqa: BLE001 - whatever it is, the next step may work
            self.fail(name, {"error": traceback.format_exc()})
            return
        self.put(name, {**figures, "seconds": round(time.perf_counter() - started, 3)})

    def put(self, name: str, figures: Figures) -> None:
        """Record the figures of a step that has ended."""
        self._record(name, plain(figures))

    def fail(self, name: str, figures: Figures) -> None:
        """Record a step that did not show what it must show."""
        self.failed.append(name)
        self.put(name, figures)


def plain(value: Any) -> Any:
    """The value as JSON has it: a number that is not finite is None, and what JSON does not know is its text."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case Sequence():
            return [plain(each) for each in value]
        case _:
            return str(value)
