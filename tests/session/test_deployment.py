"""One session compares what ships once, whoever requests it."""

from pathlib import Path

import pytest

from conftest import Project
from imgcls.config import loader as configuration
from imgcls.parity import check
from imgcls.records.parity import Parity
from imgcls.session.deployment import Deployment
from imgcls.session.options import RunOptions
from imgcls.session.session import Session
from shipped import write_onnx


@pytest.fixture
def deployment(importable: Project) -> Deployment:
    """A model with two exports and a gate."""
    write_onnx(Path("a.onnx"))
    importable.also(
        '\n[models.colour.exports]\na = "a.onnx"\nb = "a.onnx"\n[parity.colour]\ncolours = { flips = 0.5 }\n'
    )
    settings = configuration.load([importable.folder / "imgcls.toml"])
    return Deployment(Session(RunOptions(working=Path(), store=None), settings))


def test_all_exports_of_a_model_are_compared_at_once(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one is a lookup, and each has the verdicts of its gate."""
    first = deployment.parity("colour", "a", "colours")
    monkeypatch.setattr(check, "compare", pytest.fail)
    second = deployment.parity("colour", "b", "colours")
    assert (first.export, second.export) == ("a", "b")
    assert [[verdict.metric for verdict in parity.verdicts] for parity in (first, second)] == [["flips"], ["flips"]]
    deployment.session.close()


def test_options_reach_the_comparison(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs and layers are measured where they are requested."""
    seen: list[tuple[object, object]] = []

    def compare(*_: object, **options: object) -> list[Parity]:
        seen.append((options["costs"] is not None, options["localize"]))
        return []

    monkeypatch.setattr(check, "compare", compare)
    for costs, localize in ((False, True), (True, False)):
        Deployment(deployment.session, costs=costs, localize=localize).parities("colour", "colours")
    assert seen == [(False, True), (True, False)]
    deployment.session.close()


def test_contracts_are_tried_on_a_few_images(deployment: Deployment) -> None:
    """On images of the first dataset that the model is scored on."""
    result = deployment.contract("colour", "deterministic")
    assert (result.model, result.contract, result.status) == ("colour", "deterministic", "pass")
    deployment.session.close()
