"""imgcls.session.judged: every gate of a session, with its status, its line and its status in the baseline."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import make_parity
from conftest import CONFIGURATION, Project
from imgcls.comparison import saved_run
from imgcls.config import loader as configuration
from imgcls.gates.verdicts import verdict
from imgcls.records.evaluation import Failure
from imgcls.records.parity import ContractCheck, ServingCheck
from imgcls.reporting.ci.run import JudgedGate
from imgcls.session import judged
from imgcls.session import results as session_results
from imgcls.session.events import (
    ContractChecked,
    GoldenChecked,
    LimitsJudged,
    ParityChecked,
    ServingChecked,
)
from imgcls.session.options import PYTEST_PREFIX, RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session

TEXT = CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true') + (
    "[latency.colour]\np95_ms = 40\n[memory.colour]\nhost = '1 GB'\n"
    "[compare]\ntop1 = { margin = 0.2 }\n[parity.colour]\ncolours = { flips = 0.0 }\n"
    '[models.colour.exports]\nonnx = "colour.onnx"\n'
)


@pytest.fixture
def sessions(importable: Project) -> Iterator[Any]:
    """Makes results of a session with gates of every kind; keywords are its options."""
    importable.configure(TEXT)
    made: list[Results] = []

    def results(**options: Any) -> Results:
        settings = configuration.load([Path("imgcls.toml")])
        run_options = RunOptions(working=Path(), store=None, **options)
        session = Session(run_options, settings, show_progress=lambda: nullcontext(lambda *_: None))
        made.append(Results(session))
        return made[-1]

    yield results
    for each in made:
        each.session.close()


def _scored(results: Results) -> Results:
    results.finished = results.session.evaluate()
    session_results.judge_all(results.session, results)
    return results


def _gates(results: Results) -> dict[tuple[str, str], JudgedGate]:
    return {(gate.kind, gate.verdict.metric): gate for gate in results.ci_run.gates}


def _line(text: str) -> int:
    return TEXT.splitlines().index(text) + 1


def test_gates_on_scores_have_the_line_of_their_dataset(sessions: Any) -> None:
    """And a status; a document of nothing but scores has no status before."""
    gate = _gates(_scored(sessions()))["accuracy", "top1"]
    assert (gate.status, gate.holds, gate.before, gate.in_test) == ("pass", True, None, False)
    assert (gate.subject, gate.model, gate.dataset) == ("colour on colours", "colour", "colours")
    assert gate.place is not None
    assert (gate.place.path, gate.place.line) == ("imgcls.toml", _line("colours = { top1 = 1.0, min_images = 12 }"))


@pytest.mark.parametrize(
    ("event", "kind", "line"),
    [
        (LimitsJudged("latency", "colour", (verdict("p95_ms", "fail", "x", 40),)), "latency", "p95_ms = 40"),
        (LimitsJudged("memory", "colour", (verdict("host_bytes", "fail", "x", 1e9),)), "memory", "host = '1 GB'"),
        (GoldenChecked("colour", "colours", "f", verdict("golden", "fail", "x")), "golden", "golden = true"),
        (ServingChecked(ServingCheck("colour", "function", "fail", "x")), "serving", "[models.colour]"),
        (ContractChecked(ContractCheck("colour", "batch", "fail", "x")), "contract", "[models.colour]"),
        (
            ParityChecked(make_parity(model="colour", dataset="colours", verdicts=(verdict("flips", "fail", "x", 0),))),
            "parity",
            "colours = { flips = 0.0 }",
        ),
    ],
)
def test_every_kind_has_its_line(sessions: Any, event: Any, kind: str, line: str) -> None:
    """Where it is configured, or else the table of the model."""
    results = _scored(sessions())
    results.add(event)
    [gate] = [gate for (each, _), gate in _gates(results).items() if each == kind]
    assert gate.place is not None
    assert (gate.status, gate.holds, gate.place.line) == ("fail", False, _line(line))


def test_margins_are_at_their_table_and_statuses_are_known_before(sessions: Any, project: Project) -> None:
    """A baseline has the verdicts of the run that it was."""
    _scored(sessions(save=Path("main.json"))).write(passed=True)
    results = _scored(sessions(baseline="main.json"))
    gates = _gates(results)
    margin = gates["compare", "not worse top1"]
    assert margin.place is not None
    assert margin.place.line == _line("top1 = { margin = 0.2 }")
    assert (gates["accuracy", "top1"].before, margin.before) == ("pass", None)
    assert (project.folder / "main.json").exists()


def test_a_model_that_failed_is_a_gate_that_fails(sessions: Any) -> None:
    """Once, with or without a gate of its own."""
    results = _scored(sessions())
    [outcome] = results.outcomes
    failed = replace(outcome.pairs[0], failure=Failure(3, "no weights"))
    results.outcomes = [replace(outcome, pairs=(failed,))]
    results.verdicts["colour", "colours"] = (verdict("scored", "error", "no weights"),)
    [gate] = [gate for gate in results.ci_run.gates if gate.verdict.metric != "evaluated"]
    assert (gate.kind, gate.status, gate.seen, gate.holds) == ("accuracy", "error", "no weights", False)


def test_what_was_not_evaluated_fails_where_the_run_does(sessions: Any) -> None:
    """A command requires gates on scores; pytest what its tests were for, or what an option names."""
    results = sessions()
    results.outcomes, results.finished = [], True
    messages = [gate.seen for gate in results.ci_run.gates]
    assert messages[0] == "not evaluated: colour on colours"
    assert messages[1] == "not evaluated: colour on colours, compare (no baseline was named)"
    assert len(messages) == 2
    of_pytest = sessions(prefix=PYTEST_PREFIX, require_gates=frozenset({"latency"}))
    of_pytest.outcomes, of_pytest.finished = [], True
    [gate] = of_pytest.ci_run.gates
    assert (gate.kind, gate.status, gate.in_test) == ("latency", "error", False)
    assert gate.condition == "latency of colour, evaluated"


def test_what_may_be_inconclusive_holds(sessions: Any) -> None:
    """On scores; limits on time have to be shown."""
    for option, holds in (("fail", False), ("warn", True)):
        results = _scored(sessions(inconclusive=option))
        results.verdicts["colour", "colours"] = (verdict("top1", "inconclusive", "x", 0.9),)
        results.add(LimitsJudged("latency", "colour", (verdict("p95_ms", "inconclusive", "x", 40),)))
        gates = _gates(results)
        assert gates["accuracy", "top1"].holds is holds
        assert not gates["latency", "p95_ms"].holds


def test_the_rest_is_where_people_look(sessions: Any) -> None:
    """In the report, the document or the log, by the names that files have in CI."""
    json, report = {"json": Path("run.json")}, {"report": Path("report.html")}
    rests = [_scored(sessions(**options)).ci_run.rest for options in ({}, json, {**json, **report})]
    assert rests == ["the log of this run", "the result document run.json", "the report report.html"]


def test_commands_have_the_names_of_files(sessions: Any, project: Project) -> None:
    """What CI keeps has no folders of the machine that it ran on."""
    places = _scored(sessions(json=project.folder / "run.json")).ci_run.places
    assert (places.prefix, places.run, places.before) == ("--", "run.json", "BASELINE.json")


def test_paths_are_those_of_the_repository(sessions: Any, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI names it, or else by the nearest .git; without either, from the configuration."""
    results = _scored(sessions())
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.folder.parent))
    place = _gates(results)["accuracy", "top1"].place
    assert place is not None
    assert place.path == f"{project.folder.name}/imgcls.toml"


def test_saved_runs_have_the_gates_that_they_were_judged_by(sessions: Any, project: Project) -> None:
    """With the status before; verdicts of their own comparisons are about other runs."""
    for name in ("main.json", "run.json"):
        _scored(sessions(save=Path(name))).write(passed=True)
    (file := project.folder / "run.json").write_text(
        file.read_text()
        .replace('"check":"top1 >= 1","status":"pass"', '"check":"top1 >= 1","status":"fail"')
        .partition(',"seal"')[0]
        + "}"
    )
    before, after = saved_run.read(project.folder / "main.json"), saved_run.read(file)
    gates = {gate.verdict.metric: gate for gate in judged.of_saved(before, after)}
    assert (gates["top1"].before, gates["top1"].status, gates["top1"].holds) == ("pass", "fail", False)
    assert gates["images"].before == "pass"
    with closing(sessions().session):
        assert not any(gate.kind == "compare" for gate in gates.values())
