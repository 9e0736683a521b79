"""What a model costs, measured while the terminal shows it: both scenarios of latency, and memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, get_args

from imgcls.records.performance import Latency, Memory, Scenario
from imgcls.reporting import progress

if TYPE_CHECKING:
    from imgcls.models.pool import ModelPool


def measure(pool: ModelPool, name: str, latencies: list[Latency], memories: list[Memory]) -> None:
    """Append each measurement when it is made; the model is released before another process measures its memory.

    Raises ImgclsError.
    """
    from imgcls.performance import latency, memory

    with progress.notices(sys.stderr) as notice, progress.status(sys.stderr) as say:
        notice(f"measuring {name} on {pool.device}")
        for scenario in get_args(Scenario):
            latencies.append(latency.measure(pool.get(name), scenario, say=say))  # noqa: PERF401 - those before a failure stay
        pool.release(name)
        with progress.waiting(say, f"{name} on {pool.device}: measuring its memory"):
            memories.append(memory.measure(pool.specs[name], pool.device))
