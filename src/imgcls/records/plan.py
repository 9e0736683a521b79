"""Runtimes that were chosen once, for every shard of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgcls.records.runtime import RuntimeChoice


@dataclass(frozen=True, slots=True)
class PlannedRuntime:
    """The runtime of a model on a dataset; ``parts``: what its prediction key is the hash of, by name, as JSON."""

    model: str
    dataset: str
    choice: RuntimeChoice
    prediction_key: str
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The document of ``imgcls plan``."""

    format: int
    made_at: str
    runtimes: tuple[PlannedRuntime, ...]
