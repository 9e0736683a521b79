"""imgcls merge: what several jobs scored is what one would have scored, to the last digit."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import CONFIGURATION, NETWORK, Command, Project

ROOT = Path(__file__).parents[2]

PASSING = {"images_per_second", "set_seconds", "from_store"}
"""What depends on the time, and on what is stored already."""

TWO = f'[models.grey]\narch = "python:nets:colour"\n{NETWORK}'


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(f"{name}.json").read_text())
    return document


def _lasting(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in PASSING} for row in document["results"]]


def _verdicts(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith(("PASS", "FAIL", "INCONCLUSIVE", "ERROR", "gates"))]


@pytest.mark.slow
def test_shards_of_the_digits_are_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imgcls: Command
) -> None:
    """A job for each network: rows, differences, predictions, verdict lines and exit code are those of one job."""
    monkeypatch.chdir(tmp_path)
    gates = "class_top1 = { min = 0.7 }, worst_class = 0.9"
    Path("imgcls.toml").write_text((ROOT / "imgcls.toml").read_text().replace("min_images = 360", gates))
    whole = imgcls("score", "--json", "whole.json")
    names = ["vit", "resnet", "efficientnet"]
    for name in names:
        imgcls("score", "--models", f"digits_{name}", "--json", f"{name}.json")

    merged = imgcls("merge", *(f"{name}.json" for name in names), "--json", "merged.json")

    assert _verdicts(merged) == _verdicts(whole)
    assert (merged.ret, whole.ret) == (1, 1)  # a class of the ResNet has 32 of 36
    one, other = _document("whole"), _document("merged")
    assert list(one) == list(other)
    assert _lasting(one) == _lasting(other)
    for key in ("contrasts", "datasets", "rejections", "environment", "complete", "selection"):
        assert one[key] == other[key]
    assert sorted(map(str, one["predictions"])) == sorted(map(str, other["predictions"]))


@pytest.fixture
def shards(project: Project, imgcls: Command) -> Project:
    """Two networks, each scored and saved by a job of its own."""
    project.configure(CONFIGURATION.replace("[gates.colour]", '[gates."*"]') + TWO)
    for name in ("colour", "grey"):
        assert imgcls("score", "--models", name, "--save", f"{name}.json").ret == 0
    return project


@pytest.mark.usefixtures("shards")
def test_a_part_states_that_it_is_one(imgcls: Command) -> None:
    """It names what it left out, and is not a baseline of the whole until its parts are joined."""
    assert _document("colour")["selection"] == {"complete": False, "left_out": [["grey", "colours"]]}
    result = imgcls("score", "--baseline", "colour.json")
    assert result.ret == 1
    expected = (
        "ERROR grey on colours cannot be compared with colour.json of *: colour.json of * was saved from a part of its "
        "configuration, without grey on colours; it has colour on colours: save a run of the whole, or join the saved "
        "parts with imgcls merge"
    )
    result.stdout.fnmatch_lines([expected])
    assert imgcls("merge", "colour.json", "grey.json", "--save", "main.json").ret == 0
    assert imgcls("score", "--baseline", "main.json").ret == 0


@pytest.mark.slow
@pytest.mark.usefixtures("shards")
def test_shards_of_a_test_run_are_the_whole_run(run_pytest: Command, imgcls: Command) -> None:
    """Tests that are divided among jobs write parts, each of which names the pairs of the others."""
    assert run_pytest("-m", "accuracy", "--imgcls-json", "whole.json").ret == 0
    for name in ("colour", "grey"):
        pair = f"test_models.py::test_accuracy[{name}-colours]"
        assert run_pytest(pair, "--imgcls-json", f"shard of {name}.json").ret == 0
    assert _document("shard of grey")["selection"]["left_out"] == [["colour", "colours"]]
    assert imgcls("merge", "shard of grey.json", "shard of colour.json", "--json", "merged.json").ret == 0
    assert _lasting(_document("merged")) == _lasting(_document("whole"))


@pytest.mark.usefixtures("shards")
def test_a_part_is_the_baseline_of_the_same_part(imgcls: Command) -> None:
    """Nothing has to be requested for it but the part itself."""
    result = imgcls("score", "--models", "colour", "--baseline", "colour.json", "--compare-fail", "top1:0.01")
    result.stdout.fnmatch_lines(["PASS SAME: colour on colours*"])
    assert "cannot be compared" not in result.stdout.str()


@pytest.mark.usefixtures("shards")
def test_a_part_is_not_the_last_run(imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of one model does not take the place of the last whole run."""
    monkeypatch.delenv("CI", raising=False)
    assert imgcls("score").ret == 0
    last = Path(".imgcls/last.json").read_bytes()
    imgcls("score", "--models", "colour")
    assert Path(".imgcls/last.json").read_bytes() == last


@pytest.mark.usefixtures("shards")
def test_a_part_that_is_missing_fails_by_name(imgcls: Command) -> None:
    """The gates of what no document has are not evaluated."""
    result = imgcls("merge", "colour.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["gates: 1 of 2 evaluated", "  not evaluated: grey on colours"])


@pytest.mark.usefixtures("shards")
def test_what_cannot_be_joined_is_one_line(imgcls: Command) -> None:
    """With exit code 2, and nothing is written."""
    document = _document("colour")
    document["predictions"][0]["top"][0][2] = 0.25
    del document["seal"]
    Path("other.json").write_text(json.dumps(document))
    result = imgcls("merge", "colour.json", "other.json", "--json", "merged.json")
    assert result.ret == 2
    assert result.errlines == [
        (
            "imgcls: colour on colours is in colour.json and in other.json, with other predictions of blue/0000.png: "
            "leave one of them out"
        )
    ]
    assert not Path("merged.json").exists()


@pytest.mark.usefixtures("shards")
def test_documents_without_predictions_are_joined(imgcls: Command) -> None:
    """All gates of the configuration are evaluated; the joined document has no predictions either."""
    for name in ("colour", "grey"):
        imgcls("score", "--models", name, "--json", f"{name}.json", "--json-summary")
    assert imgcls("merge", "colour.json", "grey.json", "--json", "all.json", "--markdown", "all.md").ret == 0
    assert "predictions" not in _document("all")
    assert "| grey | colours |" in Path("all.md").read_text()
