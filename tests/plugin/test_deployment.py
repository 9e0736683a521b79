"""The tests of what ships: exports, serving and contracts, as a project runs them."""

import json
from pathlib import Path

import pytest

from conftest import Command, Project
from imgcls.contracts import check as contracts
from imgcls.errors import ConfigError
from imgcls.session.deployment import Deployment
from shipped import RED_TO_GREEN, write_onnx

EXPORTS = """
[models.colour.exports]
same = "same.onnx"
other = "other.onnx"

[parity.colour]
colours = { flips = 0.1 }
"""

SERVING = """
[models.colour.serving]
preprocess = "python:app:prepare"
"""

PREPARE = """
import io
import numpy as np
from PIL import Image


def prepare(data: bytes):
    image = Image.open(io.BytesIO(data))
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    width, height = image.size
    scale = 8 / min(width, height)
    image = image.resize((max(8, int(width * scale)), max(8, int(height * scale))), Image.Resampling.BILINEAR)
    left, top = round((image.width - 8) / 2), round((image.height - 8) / 2)
    pixels = np.asarray(image.crop((left, top, left + 8, top + 8)), np.float32)[..., ::ORDER] / 255
    return ((pixels - 0.5) / 0.5).transpose(2, 0, 1)
"""


@pytest.fixture
def shipping(project: Project) -> Project:
    """The project with two exports, of which one calls every red image green."""
    write_onnx(Path("same.onnx"))
    write_onnx(Path("other.onnx"), *RED_TO_GREEN)
    project.also(EXPORTS)
    return project


def test_each_export_is_a_test_with_a_verdict(shipping: Project, run_pytest: Command) -> None:
    """The one that is the same passes; the other fails, and names its flips."""
    result = run_pytest("-m", "parity", "--imgcls-json=r.json", "--imgcls-markdown=r.md")
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "PASS colour/same on colours: *",
            "*parity of colour on colours*",
            "*same (onnx) * identical",
            "*other (onnx) * different",
            "gates: 2 of 3 evaluated",
            "PASSED test_models.py::test_parity[[]colour/same-colours[]]",
            "FAILED test_models.py::test_parity[[]colour/other-colours[]]*",
        ]
    )
    document = json.loads((shipping.folder / "r.json").read_text())
    assert [(parity["export"], parity["agreement"]) for parity in document["parities"]] == [
        ("same", "identical"),
        ("other", "different"),
    ]
    assert [[verdict["status"] for verdict in parity["verdicts"]] for parity in document["parities"]] == [
        ["pass"],
        ["fail"],
    ]
    assert "### Deployment" in (shipping.folder / "r.md").read_text()


def test_an_export_without_a_gate_is_a_skip_with_what_was_seen(shipping: Project, run_pytest: Command) -> None:
    """As scores without a gate; the table is there all the same."""
    shipping.also(EXPORTS.partition("[parity")[0])
    result = run_pytest("-m", "parity")
    result.assert_outcomes(skipped=2, deselected=2)
    result.stdout.fnmatch_lines(["*no gate for colour/other on colours: different, 4 flips on 12 images"])


def test_a_missing_file_fails_its_test_only(shipping: Project, run_pytest: Command) -> None:
    """The other export is compared."""
    (shipping.folder / "other.onnx").unlink()
    result = run_pytest("-m", "parity")
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*colour/other on colours: *other.onnx*"])


def test_a_gate_on_an_export_that_no_test_compares_fails_the_run(shipping: Project, run_pytest: Command) -> None:
    """A whole run without its test names the import; one that deselects it names the export."""
    (shipping.folder / "test_models.py").write_text("from imgcls.suite import test_accuracy\n")
    result = run_pytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["FAILED gate not evaluated: parity of colour/same on colours (*from imgcls.suite import test_parity)"]
    )
    (shipping.folder / "test_models.py").write_text("from imgcls.suite import *\n")
    result = run_pytest("-m", "accuracy")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*not evaluated: parity of colour/other on colours (*deselected*)"])
    assert run_pytest("-m", "accuracy", "--imgcls-require-gates=parity").ret == 1


def test_without_exports_there_is_no_test_of_them(project: Project, run_pytest: Command) -> None:
    """Nor one that is deselected or skipped."""
    run_pytest().assert_outcomes(passed=1, deselected=1)  # the golden record that this dataset does not have
    assert project.images_inferred() == 13  # one to count the classes


def test_tests_of_exports_are_selected_by_name(shipping: Project, run_pytest: Command) -> None:
    """By -k, by an indirect parameter, and by the marker of the plugin."""
    run_pytest("-k", "colour/same").assert_outcomes(passed=1, deselected=3)
    (shipping.folder / "test_models.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('parity', ['colour/same'], indirect=True)\n"
        "def test_it(parity):\n    assert parity.result.agreement == 'identical'\n"
    )
    run_pytest().assert_outcomes(passed=1)
    result = run_pytest("--imgcls-models", "others")
    result.stderr.fnmatch_lines(["*no model 'others'*"])
    (shipping.folder / "test_models.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('parity', ['colour/sane'], indirect=True)\ndef test_it(parity):\n    pass\n"
    )
    run_pytest().stdout.fnmatch_lines(["*no export 'colour/sane' in imgcls.toml; did you mean 'colour/same'?"])


@pytest.mark.parametrize(("order", "outcome"), [("1", "passed"), ("-1", "failed")])
def test_a_serving_is_a_test(project: Project, run_pytest: Command, order: str, outcome: str) -> None:
    """It passes where images become what they were in testing, and else names the culprit."""
    (project.folder / "app.py").write_text(PREPARE.replace("ORDER", order))
    project.also(SERVING)
    result = run_pytest("-m", "parity", "--imgcls-json=r.json")
    result.assert_outcomes(**{outcome: 1, "deselected": 2})
    [serving] = json.loads((project.folder / "r.json").read_text())["servings"]
    assert (serving["model"], serving["status"]) == ("colour", outcome.removesuffix("ed"))
    assert ("channel order" in str(serving["faults"])) is (outcome == "failed")


def test_contracts_are_tests_by_name(project: Project, run_pytest: Command) -> None:
    """One test for each contract and model, imported by name; what cannot be tried is skipped with the reason."""
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_contract\n")
    result = run_pytest("-m", "contract", "-k", "deterministic or finite", "--imgcls-json=r.json")
    result.assert_outcomes(passed=2, deselected=len(contracts.NAMES) - 2)
    result.stdout.fnmatch_lines(["PASS contract deterministic of colour: *"])
    checks = json.loads((project.folder / "r.json").read_text())["contracts"]
    assert {(check["contract"], check["status"]) for check in checks} == {("deterministic", "pass"), ("finite", "pass")}


def test_a_model_that_does_not_load_keeps_no_contract(project: Project, run_pytest: Command) -> None:
    """The reason stands once, and later tests only name the first one."""
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:broken"))
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_contract\n")
    result = run_pytest("-k", "deterministic or finite")
    result.assert_outcomes(failed=2, deselected=len(contracts.NAMES) - 2)
    result.stdout.fnmatch_lines(["*this factory is broken*", "*fails for the same reason as*"])


def test_what_cannot_be_listed_is_one_line(
    shipping: Project, run_pytest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the comparison itself is a failure without a traceback."""

    def refuse(*_: object) -> None:
        raise ConfigError("the dataset cannot be listed")

    monkeypatch.setattr(Deployment, "parity", refuse)
    result = run_pytest("-m", "parity")
    result.assert_outcomes(failed=2, deselected=2)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*another exception occurred*")
    assert shipping.images_inferred() == 0
