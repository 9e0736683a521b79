"""imgcls parity: what ships against what was tested."""

import csv
import fnmatch
import json
from pathlib import Path

import pytest

from conftest import Command, Project
from shipped import RED_TO_GREEN, write_onnx


@pytest.fixture
def shipping(project: Project) -> Project:
    """The project with an export that is the same, and a file that calls every red image green."""
    write_onnx(Path("same.onnx"))
    write_onnx(Path("other.onnx"), *RED_TO_GREEN)
    project.also('\n[models.colour.exports]\nsame = "same.onnx"\n')
    return project


def test_configured_exports_are_compared_on_configured_datasets(shipping: Project, imgcls: Command) -> None:
    """One table; without a gate nothing can fail."""
    result = imgcls("parity", "colour", "--no-costs", "--json", "r.json", "--markdown", "r.md")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*parity of colour on colours*", "*same (onnx)*12*0*100.0*identical"])
    document = json.loads((shipping.folder / "r.json").read_text())
    assert [parity["agreement"] for parity in document["parities"]] == ["identical"]
    assert "same (onnx)" in (shipping.folder / "r.md").read_text()


def test_files_are_compared_without_being_configured(shipping: Project, imgcls: Command) -> None:
    """--exports takes files, --data a folder; every flip is named with both predictions."""
    result = imgcls(
        "parity", "colour", "--exports", "other.onnx", "--data", str(shipping.folder / "colours"), "--no-costs"
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*other (onnx)*12*4*different", "*red/0000.png*0 red*1 green*"])


def test_a_gate_that_does_not_hold_is_exit_code_1(shipping: Project, imgcls: Command) -> None:
    """And the verdict names the export."""
    shipping.also('\n[models.colour.exports]\nother = "other.onnx"\n[parity.colour]\ncolours = { flips = 0.1 }\n')
    result = imgcls("parity", "colour", "--no-costs")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL *colour/other on colours*4 of 12*"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["colour", "--exports", "sane"], 2, "*no export of colour, and no file of one; did you mean 'same'?"),
        (["colour", "--exports", "gone.onnx"], 3, "*gone.onnx*"),
        (["colours"], 2, "*no model 'colours' in the configuration; did you mean 'colour'?*"),
        (["colour", "--data", "nowhere"], 2, "*nowhere: No such file*"),
    ],
)
def test_what_is_wrong_is_one_line(
    shipping: Project, imgcls: Command, arguments: list[str], code: int, message: str
) -> None:
    """With the next step, and the exit code of its kind."""
    result = imgcls("parity", *arguments, "--no-costs")
    assert result.ret == code
    assert [line for line in result.outlines + result.errlines if "Traceback" in line] == []
    assert len(fnmatch.filter(result.outlines + result.errlines, message)) == 1
    assert shipping.images_inferred() <= 24


def test_a_model_without_exports_says_how_to_name_one(project: Project, imgcls: Command) -> None:
    """In the command line, or in the configuration."""
    result = imgcls("parity", "colour")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*colour has no exports: name files with --exports build/colour.onnx*"])
    assert project.images_inferred() == 0


def test_exports_are_a_spreadsheet(shipping: Project, imgcls: Command) -> None:
    """A line per export; -q prints nothing of what holds."""
    result = imgcls("parity", "colour", "--no-costs", "-q", "--csv", "-")
    assert result.ret == 0
    [line] = csv.DictReader(result.outlines)
    assert (line["export"], line["flips"], line["agreement"]) == ("same", "0", "identical")
    assert shipping.images_inferred() > 0
