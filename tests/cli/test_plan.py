"""imgcls plan: a line for each model on each dataset, and a file for its shards."""

import json
from pathlib import Path

import pytest

from conftest import CONFIGURATION, NETWORK, Command, Project


def test_a_plan_has_a_line_for_each_model(project: Project, imgcls: Command) -> None:
    """Then the command of a shard; only what is selected is planned."""
    project.also(f'[models.grey]\narch = "python:nets:colour"\n{NETWORK}')
    result = imgcls("plan", "-o", "plan.json")
    assert result.ret == 0
    assert result.outlines == [
        "colour on colours: eager, 12 images",
        "grey on colours: eager, 12 images",
        "next, for each shard: imgcls score --shard 1/8 --plan plan.json",
    ]
    assert imgcls("plan", "--models", "grey", "-o", "plan.json").outlines[0] == "grey on colours: eager, 12 images"
    assert [one["model"] for one in json.loads(Path("plan.json").read_text())["runtimes"]] == ["grey"]


@pytest.mark.usefixtures("project")
def test_images_without_a_configured_dataset_are_planned(imgcls: Command) -> None:
    """As `imgcls score --data` scores them, with the options that the command of a shard repeats."""
    images = ("--models", "colour", "--data", "colours", "--labels", "name")
    planned = imgcls("plan", *images, "-o", "plan.json")
    command = "imgcls score --models colour --data colours --labels name --shard 1/8 --plan plan.json"
    assert (planned.ret, planned.outlines[-1]) == (0, f"next, for each shard: {command}")
    assert imgcls("score", *images, "--shard", "1/2", "--plan", "plan.json").ret == 0


@pytest.mark.usefixtures("project")
def test_a_plan_that_cannot_be_written_is_refused_first(imgcls: Command) -> None:
    """Before images are hashed."""
    result = imgcls("plan", "-o", "nowhere/plan.json")
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert not Path(".imgcls").exists()


def test_a_model_that_fails_leaves_no_plan(project: Project, imgcls: Command) -> None:
    """Its own error is the message."""
    project.configure(CONFIGURATION.replace(":colour", ":broken"))
    result = imgcls("plan", "-o", "plan.json")
    assert result.ret == 1
    assert "this factory is broken" in result.stderr.str()
    assert not Path("plan.json").exists()
