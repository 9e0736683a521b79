"""imgcls.session.results: which gates were evaluated, what is written, and the exit code."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from builders import make_latency
from conftest import CONFIGURATION, Project
from imgcls.config import loader as configuration
from imgcls.errors import ImgclsError
from imgcls.records.evaluation import Verdict
from imgcls.session import results as session_results
from imgcls.session.events import GoldenChecked, LatencyMeasured, LimitsJudged, PairJudged
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session

LIMITS = '[latency.colour]\np95_ms = 40\n\n[memory.colour]\nhost = "400 MB"\n'


def _results(options: RunOptions) -> Results:
    settings = configuration.load([Path("imgcls.toml")])
    return Results(Session(options, settings, show_progress=lambda: nullcontext(lambda *_: None)))


@pytest.fixture
def results(importable: Project) -> Iterator[Results]:
    """Of a session with a gate, two limits and a golden record, before anything is evaluated."""
    importable.configure(CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true') + LIMITS)
    results = _results(RunOptions(working=Path(), store=None))
    with closing(results.session):
        yield results


def _scored(results: Results) -> Results:
    results.finished = results.session.evaluate()
    session_results.judge_all(results.session, results)
    return results


def test_nothing_evaluated_is_said_gate_by_gate(results: Results) -> None:
    """One gate, two limits, one golden record, none of them shown."""
    assert results.gates_line() == "gates: 0 of 3 evaluated"
    assert results.goldens_line() == "goldens: 0 of 1 compared"
    assert results.unevaluated_gates() == ["colour on colours"]
    assert results.unevaluated_limits() == ["latency of colour, p95_ms", "memory of colour, host_bytes"]
    assert results.unchecked_goldens() == ["golden of colour on colours"]


def test_events_evaluate_gates_by_their_data(results: Results) -> None:
    """A limit is evaluated by the metric of its verdict, not by words of its text."""
    passed = Verdict("top1", 1.0, "words", "pass", "words")
    results.add(PairJudged("colour", "colours", (passed,)))
    results.add(LimitsJudged("latency", "colour", (replace(passed, metric="p95_ms"),)))
    results.add(GoldenChecked("colour", "colours", "golden/colours/colour.json", passed))
    results.add(LatencyMeasured(make_latency()))
    assert [gate.words for gate in results.unevaluated()] == ["memory of colour, host_bytes"]
    assert results.goldens_line() == "goldens: 1 of 1 compared"
    assert results.all_verdicts["colour", "colours"] == [passed, passed]
    assert len(results.latencies) == 1


def test_the_exit_code_is_about_gates_on_scores(results: Results) -> None:
    """Limits and golden records are pytest's to evaluate; a gate that was not shown to hold is 1."""
    results.finished = True
    results.outcomes = []
    assert results.exit_code() == 1
    assert _scored(_fresh(results)).exit_code() == 0


def _fresh(results: Results) -> Results:
    return Results(results.session)


def test_a_whole_run_is_written(results: Results, project: Project) -> None:
    """As the document and as a baseline, byte for byte the same."""
    options = replace(results.session.options, json=Path("r.json"), save=Path("main.json"))
    written = _results(options)
    with closing(written.session):
        _scored(written).write(passed=True)
    document = msgspec.json.decode((project.folder / "r.json").read_bytes())
    assert (document["complete"], document["results"][0]["top1_count"]) == (True, 12)
    assert (project.folder / "r.json").read_bytes() == (project.folder / "main.json").read_bytes()


def test_a_run_that_is_not_whole_is_no_baseline(results: Results, project: Project) -> None:
    """What stands there stays."""
    (project.folder / "main.json").write_text("older")
    _scored(results).finished = False
    with pytest.raises(ImgclsError, match="this run is not whole"):
        session_results.save_baseline(Path("main.json"), results.document, results.predictions())
    assert (project.folder / "main.json").read_text() == "older"
