"""imgcls.plugin.attempts: what tests evaluate, and the last attempt of each."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from conftest import CONFIGURATION, Project

Command = Callable[..., pytest.RunResult]

LIMIT = "[latency.colour]\np95_ms = 10000\n"
IMPORTS = "from imgcls.suite import test_accuracy, test_latency\n"
QUICK = ("--benchmark-max-time=0.01", "-p", "no:xdist", "--imgcls-store=off")
MISSED = "FAILED gate not evaluated: latency of colour, p95_ms "


@pytest.fixture
def limited(project: Project) -> Project:
    """The project with a limit on latency that is never exceeded, and its tests."""
    project.also(LIMIT)
    (project.folder / "test_models.py").write_text(IMPORTS)
    return project


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ("--benchmark-skip", "(Skipping benchmark (--benchmark-skip active).)"),
        ("--benchmark-disable", "(timings are disabled with --benchmark-disable: nothing was timed)"),
        ("--imgcls-require-gates=latency -m accuracy", "(its test was deselected by *)"),
        ("--imgcls-require-gates=all -k accuracy", "(its test was deselected by *)"),
        ("-m accuracy --imgcls-require-gates", "(its test was deselected by *)"),
    ],
)
def test_a_limit_that_nothing_measured_is_not_green(run_pytest: Command, arguments: str, cause: str) -> None:
    """It fails the run by default where its tests were selected, else where it is required, and the cause is named."""
    result = run_pytest(*QUICK, *arguments.split())
    assert result.ret == 1
    assert result.parseoutcomes().get("failed", 0) == 0
    result.stdout.fnmatch_lines([MISSED.replace("[", "[[]") + cause])


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "-m accuracy",
        "-k accuracy",
        "-k SingleStream",
        "test_models.py::test_accuracy",
        "--benchmark-skip --imgcls-require-gates=accuracy",
        "--benchmark-skip --imgcls-require-gates=none",
        "--benchmark-only",
    ],
)
def test_what_was_not_selected_is_not_asked_for(run_pytest: Command, arguments: str) -> None:
    """Neither by markers, keywords and names of tests, nor where an option requires less."""
    assert run_pytest(*QUICK, *arguments.split()).ret == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("", 1),
        (".", 1),
        ("tests -o testpaths=tests", 1),
        ("tests", 0),
        ("-m accuracy", 0),
        ("tests/test_all.py", 0),
        ("--ignore=elsewhere", 0),
        ("--ignore-glob=*_timing.py", 0),
    ],
)
def test_a_limit_without_a_test_fails_a_run_of_the_whole(
    run_pytest: Command, limited: Project, arguments: str, code: int
) -> None:
    """Which names the import; a run of a file, a folder or a marker is not of the whole, nor one that ignores some."""
    (limited.folder / "tests").mkdir()
    (limited.folder / "test_models.py").unlink()
    (limited.folder / "tests" / "test_all.py").write_text("from imgcls.suite import test_accuracy\n")
    result = run_pytest(*QUICK, *arguments.split())
    assert result.ret == code
    cause = "(no test requests it: from imgcls.suite import test_latency)"
    word = "FAILED gate not evaluated:" if code else "  not evaluated:"
    result.stdout.fnmatch_lines([f"{word} latency of colour, p95_ms {cause}"])
    if code:
        result.stdout.fnmatch_lines(["  where this run is not to evaluate them: --imgcls-require-gates=accuracy"])


@pytest.mark.usefixtures("limited")
def test_a_path_behind_the_option_is_a_usage_error(run_pytest: Command) -> None:
    """It names the form with =, instead of running other tests than those that were meant."""
    result = run_pytest("--imgcls-require-gates", "test_models.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'test_models.py' is not a kind of gate: write --imgcls-require-gates=all, *"])


@pytest.mark.parametrize("mark", ["skip(reason='not today')", "xfail(run=False, reason='not today')"])
def test_a_gate_of_a_test_that_was_not_run_is_named_with_its_reason(
    run_pytest: Command, limited: Project, mark: str
) -> None:
    """A skip is no verdict, nor is an expected failure that was not run."""
    limited.configure(CONFIGURATION)
    (limited.folder / "test_models.py").write_text(
        f"import pytest\n\n@pytest.mark.{mark}\ndef test_it(scores, gates):\n    gates.check(scores)\n"
    )
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED gate not evaluated: colour on colours (*not today)"])


@pytest.mark.slow
@pytest.mark.parametrize(("option", "code"), [("", 0), ("--imgcls-require-gates", 1)])
def test_with_xdist_tests_of_others_are_not_asked_for_our_gates(
    pytest_process: Command, limited: Project, option: str, code: int
) -> None:
    """As without it: a run in which nothing requests imgcls has no gates, unless an option requires them."""
    (limited.folder / "test_models.py").write_text("def test_nothing():\n    pass\n")
    result = pytest_process("-n", "1", *option.split())
    assert result.ret == code, result.outlines
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_with_xdist_the_cause_comes_from_the_workers(pytest_process: Command, limited: Project) -> None:
    """They know which tests were deselected, and why nothing was timed."""
    result = pytest_process("-n", "2", "-m", "latency", "-W", "ignore")
    assert result.ret == 1
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines([f"{MISSED}(timings are disabled with -n 2: nothing was timed)"])
    result.stdout.fnmatch_lines(["  not evaluated: colour on colours (its test was deselected by *"])
    assert not limited.images_inferred()


AGAIN = """
from _pytest.runner import runtestprotocol


def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in (1, 2):
        item.attempt = attempt
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            if attempt == 1 and report.failed:
                report.outcome = "rerun"
                item.ihook.pytest_runtest_logreport(report=report)
                item._initrequest()
                break
            item.ihook.pytest_runtest_logreport(report=report)
        else:
            return True
    return True


def pytest_report_teststatus(report):
    if report.outcome == "rerun":
        return "rerun", "R", "RERUN"
"""
"""What pytest-rerunfailures does with a test that failed."""

FLAKY = """
import dataclasses
import pytest


def test_it(scores, gates, request):
    if request.node.attempt == 1:
        scores = dataclasses.replace(scores, top1_count=3)
    gates.check(scores)


@pytest.mark.latency
def test_time(latency, gates, request):
    gates.check(latency())
    assert request.node.attempt == 2
"""


def test_the_last_attempt_is_the_result_everywhere_and_once(run_pytest: Command, limited: Project) -> None:
    """Verdicts, tables, counts, the document and the saved benchmarks know nothing of the attempt before it."""
    (limited.folder / "conftest.py").write_text(AGAIN)
    (limited.folder / "test_models.py").write_text(FLAKY)
    result = run_pytest(*QUICK, "--imgcls-json=r.json", "--imgcls-markdown=r.md", "--benchmark-autosave")
    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 2, "rerun": 2}
    result.stdout.fnmatch_lines(["PASS colour on colours: top1 1.0000 *", "gates: 2 of 2 evaluated"])
    result.stdout.no_fnmatch_line("FAIL*")
    assert sum(line.startswith("PASS latency of colour") for line in result.outlines) == 1
    document: Any = json.loads((limited.folder / "r.json").read_text())
    assert [verdict["status"] for verdict in document["results"][0]["verdicts"]] == 3 * ["pass"]
    assert len(document["latencies"]) == 1
    assert "FAIL" not in (limited.folder / "r.md").read_text()
    [saved] = (limited.folder / ".benchmarks").rglob("*.json")
    assert len(json.loads(saved.read_text())["benchmarks"]) == 1


def test_an_attempt_that_was_skipped_evaluated_nothing(run_pytest: Command, limited: Project) -> None:
    """What an attempt before it measured does not count for it."""
    limited.configure(CONFIGURATION)
    (limited.folder / "conftest.py").write_text(AGAIN)
    (limited.folder / "test_models.py").write_text(
        "import pytest\n\n\ndef test_it(scores, gates, request):\n    if request.node.attempt == 2:\n"
        "        pytest.skip('too late')\n    gates.check(scores)\n    assert request.node.attempt == 2\n"
    )
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED gate not evaluated: colour on colours (too late)"])


def test_an_attempt_that_failed_is_forgotten_with_its_failure(run_pytest: Command, limited: Project) -> None:
    """Also where another plugin reports it: the last one passed, and held nothing against the gate."""
    limited.configure(CONFIGURATION)
    (limited.folder / "conftest.py").write_text(AGAIN.replace('report.outcome = "rerun"', "pass"))
    (limited.folder / "test_models.py").write_text(
        "def test_it(scores, gates, request):\n    assert request.node.attempt == 2\n"
    )
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED gate not evaluated: colour on colours (its test did not check it)"])
