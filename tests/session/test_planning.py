"""imgcls.session.planning: a plan is what a whole run would choose, on all images."""

from contextlib import closing
from pathlib import Path

import pytest

from conftest import CONFIGURATION, Project
from imgcls.config import loader as configuration
from imgcls.errors import ImgclsError
from imgcls.evaluation import runtime_selection
from imgcls.records.plan import PlannedRuntime
from imgcls.session import planning
from imgcls.session.options import RunOptions
from imgcls.session.session import Session


def _planned(folder: Path, *, trust_mtime: bool = False) -> list[PlannedRuntime]:
    settings = configuration.load([folder / "imgcls.toml"])
    options = RunOptions(working=folder, store=folder / ".imgcls", trust_mtime=trust_mtime)
    with closing(Session(options, settings)) as session:
        return list(planning.runtimes(session))


@pytest.mark.parametrize("trust_mtime", [False, True])
def test_each_model_on_each_dataset_has_its_runtime(importable: Project, trust_mtime: bool) -> None:
    """With the number of all images, and the key with its parts."""
    [one] = _planned(importable.folder, trust_mtime=trust_mtime)
    assert (one.model, one.dataset, one.choice.runtime, one.choice.listed) == ("colour", "colours", "eager", 12)
    assert one.parts["arch"] == "python:nets:colour"


def test_the_choice_is_that_of_a_whole_run(importable: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the pixels of the whole dataset, of which each shard has too few."""
    monkeypatch.setattr(runtime_selection, "CONVERSION_PAYS_PIXELS", 12 * 8 * 8)
    requested: list[int] = []

    def requested_runtime(_model: object, listed: int) -> str:
        requested.append(listed)
        return "eager"

    monkeypatch.setattr(runtime_selection, "requested_runtime", requested_runtime)
    assert [one.choice.listed for one in _planned(importable.folder)] == requested == [12]


def test_a_model_that_fails_has_no_plan(importable: Project) -> None:
    """The error is the model's own."""
    importable.configure(CONFIGURATION.replace(":colour", ":broken"))
    with pytest.raises(ImgclsError, match="this factory is broken"):
        _planned(importable.folder)
