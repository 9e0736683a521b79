"""Plans: the runtime of every model on every dataset, chosen once for all shards of a run, as a document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imgcls import documents, hashing
from imgcls.errors import ConfigError, MachineError
from imgcls.records.plan import Plan, PlannedRuntime
from imgcls.store import identities

FORMAT = 1

WAY = "imgcls plan -o FILE"


def read(file: Path) -> Plan:
    """A plan. Raises ConfigError."""
    plan = documents.read(file, Plan, "plan", whose="a plan of imgcls", way=f"imgcls plan -o {file}")
    if plan.format != FORMAT:
        raise ConfigError(f"{file}: its format is {plan.format}, and this version of imgcls reads {FORMAT}")
    return plan


def write(file: Path, runtimes: Sequence[PlannedRuntime]) -> None:
    """Write a plan. Raises OSError; then the file is what it was before."""
    documents.write(file, Plan(FORMAT, datetime.now(UTC).isoformat(timespec="seconds"), tuple(runtimes)))


def of(plan: Plan, model: str, dataset: str) -> PlannedRuntime:
    """What a plan has for a model on a dataset. Raises ConfigError where it has nothing."""
    planned = next((one for one in plan.runtimes if (one.model, one.dataset) == (model, dataset)), None)
    if planned is None:
        raise ConfigError(f"the plan has no runtime for this pair of model and dataset: write it again with {WAY}")
    return planned


def check(planned: PlannedRuntime, key: str, parts: Mapping[str, Any]) -> None:
    """Raise MachineError, with what differs, where predictions would not be those of the plan."""
    if key == planned.prediction_key:
        return
    here = json.loads(hashing.canonical(parts))
    different = "; ".join(identities.unlike(planned.parts, "in the plan", here, "here"))
    raise MachineError(
        f"predictions would not be those of the plan: {different}. Run where these agree, or plan again with {WAY}"
    )
