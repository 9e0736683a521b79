"""imgcls.evaluation.plans: a plan comes back as it was written, and what does not agree with it is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from imgcls import hashing
from imgcls.errors import ConfigError, MachineError
from imgcls.evaluation import plans
from imgcls.records.plan import PlannedRuntime
from imgcls.records.runtime import PredictionChange, RuntimeChoice

PARTS: dict[str, Any] = {"arch": "timm:net", "torch": "2.14.1", "input": (1, 2)}
CHOICE = RuntimeChoice(
    "eager", 600, "scored with eager, not openvino: it is not there", {"decode": PredictionChange(64, 1, 2)}
)
PLANNED = PlannedRuntime("net", "photos", CHOICE, hashing.of_json(PARTS), json.loads(hashing.canonical(PARTS)))


def test_a_plan_comes_back(tmp_path: Path) -> None:
    """With the reason for a runtime and what it changes, which are part of the result."""
    plans.write(tmp_path / "plan.json", [PLANNED])
    plan = plans.read(tmp_path / "plan.json")
    assert plans.of(plan, "net", "photos") == PLANNED
    with pytest.raises(
        ConfigError, match="the plan has no runtime for this pair of model and dataset: write it again with imgcls plan"
    ):
        plans.of(plan, "vit", "photos")


def test_what_is_not_a_plan_is_one_line(tmp_path: Path) -> None:
    """Missing, edited, or of another format."""
    file = tmp_path / "plan.json"
    with pytest.raises(ConfigError, match="there is no plan of this name; make one with imgcls plan -o"):
        plans.read(file)
    plans.write(file, [PLANNED])
    file.write_text(file.read_text().replace("eager", "numpy"))
    with pytest.raises(ConfigError, match="its seal does not match"):
        plans.read(file)
    file.write_text('{"format": 2, "made_at": "", "runtimes": []}')
    with pytest.raises(ConfigError, match="its format is 2, and this version of imgcls reads 1"):
        plans.read(file)


def test_the_key_is_that_of_the_plan_or_the_reason_is_said() -> None:
    """By name, with both values."""
    plans.check(PLANNED, hashing.of_json(PARTS), PARTS)
    other = {**PARTS, "torch": "2.0.0"}
    message = (
        r"predictions would not be those of the plan: torch 2\.14\.1 in the plan and 2\.0\.0 here\. "
        "Run where these agree, or plan again with imgcls plan -o FILE"
    )
    with pytest.raises(MachineError, match=message):
        plans.check(PLANNED, hashing.of_json(other), other)
