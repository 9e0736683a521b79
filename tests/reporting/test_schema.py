"""The published schema: it is what the records are, and real documents are valid by it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

import run_parts
from builders import CONDITIONS, make_latency, make_memory, make_pair, make_parity, make_pass, make_report
from conftest import Command, Project
from imgcls.comparison import compare, pairwise, saved_run
from imgcls.comparison.parts import Part
from imgcls.records.comparison import SavedRun
from imgcls.records.data import Rejection
from imgcls.records.evaluation import Failure, Verdict
from imgcls.records.parity import ContractCheck, ExportCost, Fault, ServingCheck, ServingImage, StepError
from imgcls.records.performance import Operator, Profile
from imgcls.records.report import JudgedLimit, Report, Selection
from imgcls.records.runtime import PredictionChange, RuntimeChoice
from imgcls.reporting import document_units, result_document, schema

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def _written(report: Report, folder: Path) -> dict[str, Any]:
    file = folder / "run.json"
    result_document.save(file, report, iter([]))
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def _saved(part: Part) -> SavedRun:
    setups = map(saved_run.setup_of, part.report.results)
    scored = saved_run.scored_models(str(part.file), part.report.environment, setups, part.predictions or ())
    return SavedRun(str(part.file), scored)


def _rich_report() -> Report:
    """Everything that a document may hold, at least once."""
    failed = make_pair("broken", failure=Failure(3, "no weights", "model"), facts=None)
    drifting = make_pair(
        "drifting", choice=RuntimeChoice("compile", 1000, "it is faster", {"precision": PredictionChange(50, 1, 2)})
    )
    before, after = (_saved(run_parts.make_part(name, {"cat/1.jpg": best})) for name, best in (("a", 0), ("b", 1)))
    operator = Operator("conv", 1, 10, 20, 30, 40, 9, 11)
    fault = Fault("weights", "batch norm epsilon", "1e-3, not 1e-5", 0.9, 3)
    parity = make_parity(
        steps=(StepError("stem", "conv", 0.1, 0.9),),
        faults=(fault,),
        cost=ExportCost(4, 3, 2, 1),
        versions={"onnx": "1"},
    )
    return replace(
        make_report(make_pair(), failed, drifting, passes=(make_pass("net", "drifting"),)),
        rejections=(Rejection("photos", "a/\u202e.jpg", "truncated", "cut off", ("net",)),),
        contrasts=pairwise.pairwise_tests("photos", ["a", "b"], np.array([[True, False]] * 9)),
        comparisons=(compare.pair(before, after, "net", "photos"),),
        latencies=(make_latency(), make_latency("Offline")),
        memories=(make_memory(),),
        profiles=(Profile(CONDITIONS, (10, 11), (operator,)),),
        selection=Selection(complete=False, left_out=(("net", "digits"),)),
        parities=(parity, make_parity(failure=Failure(1, "cannot be read"), comparison=None, logits=None)),
        servings=(
            ServingCheck(
                "net", "preprocess", "fail", "it differs", (fault,), (ServingImage("a", "cmyk", None, None, "?"),)
            ),
        ),
        contracts=(ContractCheck("net", "batch size", "pass", "the same"),),
        limits=(JudgedLimit("net", Verdict("p95_ms", 40.0, "p95 <= 40 ms", "fail", "too slow")),),
    )


def test_the_published_file_is_what_the_records_are() -> None:
    """`python scripts/result_schema.py` writes it again."""
    assert (ROOT / "docs" / "result.schema.json").read_text() == schema.text()
    Draft202012Validator.check_schema(SCHEMA)


def test_every_kind_of_record_is_valid(tmp_path: Path) -> None:
    """Also one with exports, services, contracts, failures and a part of a configuration."""
    document = _written(_rich_report(), tmp_path)
    VALIDATOR.validate(document)
    empty = [key for key, value in document.items() if value in ([], {}, "") and key != "predictions"]
    assert empty == []


@pytest.mark.slow
def test_a_real_run_is_valid(project: Project, imgcls: Command) -> None:
    """With its predictions, each of which is valid by itself, and without them."""
    assert project
    imgcls("score", "--json", "run.json", "--save", "saved.json")
    imgcls("score", "--json", "short.json", "--json-summary")
    for name in ("run", "saved", "short"):
        VALIDATOR.validate(json.loads(Path(f"{name}.json").read_text()))
    line = next(line for line in Path("run.json").read_text().splitlines() if line.startswith('{"model"'))
    of_prediction = Draft202012Validator({**SCHEMA, "$ref": "#/$defs/Prediction"})
    of_prediction.validate(json.loads(line.rstrip(",")))
    with pytest.raises(ValidationError, match="'path' is a required property"):
        of_prediction.validate({key: value for key, value in json.loads(line.rstrip(",")).items() if key != "path"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, r"2 is not one of \[1\]"),
        ({"results": [{"model": "net"}]}, "'dataset' is a required property"),
        ({"complete": "yes"}, "'yes' is not of type 'boolean'"),
    ],
)
def test_other_documents_are_not_valid(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """Another format, a result without its counts, a text in the place of a truth value."""
    document = _written(make_report(make_pair()), tmp_path)
    with pytest.raises(ValidationError, match=message):
        VALIDATOR.validate(document | change)


def test_each_number_has_its_unit_twice() -> None:
    """As a keyword for programs, and first in the description for people."""
    top1 = SCHEMA["$defs"]["Result"]["properties"]["top1"]
    assert (top1["x-unit"], top1["description"]) == ("percent", "percent of the scored images")
    assert SCHEMA["$defs"]["ClassProbability"]["x-unit"] == "number of a class"


def test_a_number_without_a_unit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the field and the place to state it."""
    monkeypatch.setattr(document_units, "BY_ENDING", {})
    with pytest.raises(ValueError, match=r"ClassDifference.before_count have no unit: state it in imgcls.reporting"):
        schema.build()
