"""What a model costs, measured while the terminal shows it: both scenarios of latency, and memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from imgcls.records.performance import Latency, Memory, Scenario
from imgcls.reporting import progress

if TYPE_CHECKING:
    from imgcls.models.pool import ModelPool


def measured(pool: ModelPool, name: str) -> Iterator[Latency | Memory]:
    """Each measurement as it is made; the model is released before its memory is measured in another process.

    Raises ImgclsError.
    """
    from imgcls.performance import latency, memory

    with progress.notices(sys.stderr) as notice, progress.status(sys.stderr) as say:
        notice(f"measuring {name} on {pool.device}")
        for scenario in get_args(Scenario):
            yield latency.measure(pool.get(name), scenario, say=say)
        pool.release(name)
        with progress.waiting(say, f"{name} on {pool.device}: measuring its memory"):
            yield memory.measure(pool.specs[name], pool.device)
