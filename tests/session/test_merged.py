"""imgcls.session.merged: documents of several jobs are judged as if one session had done it all."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import make_latency, make_memory
from imgcls.comparison.parts import Part
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError, ImgclsError
from imgcls.records.evaluation import Failure, Verdict
from imgcls.session.merged import MergedResults
from imgcls.session.options import RunOptions
from imgcls.session.session import Session
from run_parts import make_part, write

MODELS = """
[datasets.photos]
path = "photos"
[models.net]
arch = "timm:test_resnet"
[models.vit]
arch = "timm:test_vit"
"""

GATES = '[gates."*"]\nphotos = { top1 = 0.6, worst_class = 0.4 }\n'

RIGHT = {"cat/1.png": 0, "cat/2.png": 0, "dog/1.png": 1, "dog/2.png": 1}

DIED = {**RIGHT, "cat/1.png": 1, "cat/2.png": 2}


@contextmanager
def _merged(folder: Path, *parts: Part, text: str = MODELS + GATES, **options: Any) -> Iterator[MergedResults]:
    (folder / "imgcls.toml").write_text(text)
    settings = configuration.load([folder / "imgcls.toml"])
    with closing(Session(RunOptions(working=folder, store=None, **options), settings)) as session:
        yield MergedResults(session, [write(part, folder) for part in parts])


def _parts(**vit: Any) -> list[Part]:
    return [make_part("b.json", RIGHT, model="vit", **vit), make_part("a.json", RIGHT)]


def _with(part: Part, **values: Any) -> Part:
    return replace(part, report=replace(part.report, **values))


def test_all_gates_are_evaluated(tmp_path: Path) -> None:
    """Those of every part, in the order of the configuration, with the verdicts in the document."""
    with _merged(tmp_path, *_parts()) as results:
        assert results.gates_line() == "gates: 2 of 2 evaluated"
        assert results.exit_code() == 0
        verdicts = [(r.model, [(v.metric, v.status) for v in r.verdicts]) for r in results.document.results]
    passed = [("top1", "pass"), ("worst_class", "pass"), ("rejected", "pass")]
    assert verdicts == [("net", passed), ("vit", passed)]


def test_a_gate_that_does_not_hold_fails_the_whole(tmp_path: Path) -> None:
    """The job that scored it may have had no gates at all."""
    parts = [make_part("a.json", RIGHT), make_part("b.json", DIED, model="vit")]
    with _merged(tmp_path, *parts) as results:
        assert results.exit_code() == 1
        assert [verdict.metric for verdict in results.failed_verdicts()] == ["top1", "worst_class"]
        assert "vit on photos: class cat: 0 of 2 right" in "\n".join(results.tables(200))


def test_a_pair_that_no_part_has_is_not_evaluated(tmp_path: Path) -> None:
    """A shard that is missing is not green."""
    with _merged(tmp_path, make_part("a.json", RIGHT)) as results:
        assert results.unevaluated_gates() == ["vit on photos"]
        assert results.exit_code() == 1


@pytest.mark.parametrize("code", [1, 2, 3])
def test_the_exit_code_of_a_model_that_failed_is_its_own(tmp_path: Path, code: int) -> None:
    """As in the job that it failed in."""
    parts = [make_part("a.json", RIGHT), make_part("b.json", RIGHT, model="vit", failure=Failure(code, "NaN"))]
    with _merged(tmp_path, *parts) as results:
        assert results.exit_code() == code


def test_a_part_that_was_cut_short_is_not_green(tmp_path: Path) -> None:
    """Also where there is no gate."""
    parts = [make_part("a.json", RIGHT), _with(make_part("b.json", RIGHT, model="vit"), complete=False)]
    with _merged(tmp_path, *parts, text=MODELS) as results:
        assert results.exit_code() == 1


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("fail", 1), ("error", 1), ("skipped", 0)])
def test_verdicts_on_golden_records_are_those_of_the_parts(tmp_path: Path, status: Any, code: int) -> None:
    """They need the model; what a test found out holds."""
    part = make_part("a.json", RIGHT)
    golden = Verdict("golden", None, "golden", status, "what moved")
    part = _with(part, results=(replace(part.report.results[0], verdicts=(golden,)),))
    with _merged(tmp_path, part, make_part("b.json", RIGHT, model="vit")) as results:
        assert results.exit_code() == code
        assert golden in results.document.results[0].verdicts


def test_limits_are_held_against_what_the_parts_measured(tmp_path: Path) -> None:
    """On the device that models were scored on; one that no part measured is named."""
    text = MODELS + '[latency.net]\np95_ms = 90\n[memory.net]\nhost = "1 GB"\n[latency.vit]\np95_ms = 90\n'
    measured = {"latencies": (replace(make_latency(), rounds_ns=()),), "memories": (make_memory(),)}
    parts = [_with(make_part("a.json", RIGHT), **measured), make_part("b.json", RIGHT, model="vit")]
    with _merged(tmp_path, *parts, text=text) as results:
        assert [(verdict.metric, verdict.status) for verdict in results.limit_verdicts] == [
            ("p95_ms", "fail"),
            ("host_bytes", "pass"),
            ("growth", "pass"),
        ]
        message = "latency of net on cpu, batch 1: p95 95.00 ms, allowed 90 ms"
        assert results.limit_verdicts[0].message == message
        assert results.unevaluated_limits() == ["latency of vit, p95_ms"]
        assert results.document.latencies == measured["latencies"]
        assert results.exit_code() == 1


def test_the_whole_is_compared_with_a_baseline(tmp_path: Path) -> None:
    """Image by image, with the margins of the configuration."""
    with _merged(tmp_path, *_parts(), save=tmp_path / "main.json") as results:
        results.write(passed=True)
    died = [make_part("a.json", RIGHT), make_part("b.json", DIED, model="vit")]
    margins = "[compare]\ntop1 = { margin = 0.1 }\n"
    with _merged(tmp_path, *died, text=MODELS + margins, baseline="main.json") as results:
        assert results.unevaluated_gates() == []
        assert [len(comparison.flips) for comparison in results.document.comparisons] == [0, 2]
        assert [[each.label for each in of.classes] for of in results.document.comparisons] == [[], ["cat"]]
        statuses = [[verdict.status for verdict in result.verdicts] for result in results.document.results]
        assert statuses == [["pass", "pass"], ["pass", "inconclusive"]]


def test_the_joined_run_is_a_baseline(tmp_path: Path) -> None:
    """It is written like any other, and states that it is whole."""
    with _merged(tmp_path, *_parts(), save=tmp_path / "main.json", json=tmp_path / "all.json") as results:
        results.write(passed=True)
    for name in ("main.json", "all.json"):
        document = json.loads((tmp_path / name).read_text())
        assert document["selection"] == {"complete": True, "left_out": []}
        assert len(document["predictions"]) == 8


def test_a_baseline_needs_predictions(tmp_path: Path) -> None:
    """The file that has none is named, and nothing is written."""
    parts = [make_part("a.json", RIGHT), replace(make_part("b.json", RIGHT, model="vit"), predictions=None)]
    no_predictions = pytest.raises(ImgclsError, match=r"b\.json: it holds no predictions")
    with _merged(tmp_path, *parts, save=tmp_path / "main.json") as results, no_predictions:
        results.write(passed=True)
    assert not (tmp_path / "main.json").exists()


def test_parts_of_the_images_of_a_pair_are_judged_together(tmp_path: Path) -> None:
    """Half of the images of a class that died are in each part."""
    halves = [dict(list(DIED.items())[place::2]) for place in (0, 1)]
    parts = [make_part(f"{place}.json", half) for place, half in enumerate(halves)]
    with _merged(tmp_path, *parts, text=MODELS + GATES.replace('"*"', "net")) as results:
        [result] = results.document.results
        assert (result.scored, result.top1_count) == (4, 2)
        assert results.verdicts["net", "photos"][1].message.startswith("net on photos: worst class cat 0 of 2 right")


def test_parts_of_several_runs_are_refused_before_anything_is_judged(tmp_path: Path) -> None:
    """In one line."""
    parts = [make_part("a.json", RIGHT), make_part("b.json", DIED)]
    other = r"a\.json and in .*b\.json, with other predictions of cat/1\.png, cat/2\.png"
    with pytest.raises(ConfigError, match=other), _merged(tmp_path, *parts):
        pass
