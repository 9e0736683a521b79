"""imgcls.plugin.locations: a failure is in the user's test file or at the gate's line, never in our package."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from conftest import CONFIGURATION, Project

Command = Callable[..., pytest.RunResult]

OWN = "import pytest\n\n\ndef test_it(scores, gates):\n    gates.check(scores)\n"
IMPORTED = '"""Our models."""\n\nfrom imgcls.suite import *\n'
PRINTING = (
    "def pytest_runtest_logreport(report):\n    crash = getattr(report.longrepr, 'reprcrash', None)\n"
    "    if crash:\n        print('crash', crash.path, crash.lineno)\n"
)


@pytest.fixture
def failing(project: Project) -> Project:
    """Its gate does not hold."""
    (project.folder / "names.txt").write_text("green\nred\nblue\n")
    (project.folder / "pytest.ini").write_text("[pytest]\npythonpath = .\njunit_family = xunit1\n")
    (project.folder / "conftest.py").write_text(PRINTING)
    return project


def _place(project: Project) -> tuple[str | None, str | None]:
    """File and line of the failed test in JUnit XML, which counts from 0."""
    [case] = ET.parse(project.folder / "j.xml").getroot().iter("testcase")  # noqa: S314 - pytest wrote it
    return case.get("file"), case.get("line")


@pytest.mark.parametrize(("tests", "line"), [(OWN, 4), (IMPORTED, 3)])
def test_a_failure_is_in_the_users_file(run_pytest: Command, failing: Project, tests: str, line: int) -> None:
    """A test of ones own is where it is written, and a ready-made one where it is imported."""
    (failing.folder / "test_models.py").write_text(tests)
    result = run_pytest("--junitxml=j.xml", "-s")
    result.assert_outcomes(failed=1, deselected=int(tests == IMPORTED))
    assert _place(failing) == ("test_models.py", str(line - 1))
    result.stdout.fnmatch_lines([f"*crash {failing.folder / 'test_models.py'} {line}"])


@pytest.mark.parametrize("table", ["[gates.colour]", '[gates."*"]'])
def test_without_a_test_file_it_is_at_the_gate(run_pytest: Command, failing: Project, table: str) -> None:
    """In the configuration, at the line of the dataset in the table of the gate."""
    failing.configure(CONFIGURATION.replace("[gates.colour]", table))
    result = run_pytest("--junitxml=j.xml", "-s", "-p", "conftest", "--pyargs", "imgcls.suite", "-m", "accuracy")
    result.assert_outcomes(failed=1)
    lines = (failing.folder / "imgcls.toml").read_text().splitlines()
    [number] = [number for number, line in enumerate(lines) if line.startswith("colours = {")]
    assert lines[number - 1] == table
    assert _place(failing) == ("imgcls.toml", str(number))
    result.stdout.fnmatch_lines([f"*crash {failing.folder / 'imgcls.toml'} {number + 1}"])


def test_a_limit_that_is_not_there_is_at_its_model(run_pytest: Command, failing: Project) -> None:
    """What has no table of its own stands at the table of the model."""
    failing.configure(CONFIGURATION.replace("nets:colour", "nets:broken"))
    run_pytest("--junitxml=j.xml", "--pyargs", "imgcls.suite", "-k", "latency and Single")
    lines = (failing.folder / "imgcls.toml").read_text().splitlines()
    assert _place(failing) == ("imgcls.toml", str(lines.index("[models.colour]")))


def test_an_error_of_ours_ends_in_the_users_code(run_pytest: Command, failing: Project) -> None:
    """With its message once, however many exceptions it was made of, and no line of our package."""
    failing.configure(CONFIGURATION.replace("nets:colour", "nets:absent"))
    (failing.folder / "test_models.py").write_text("def test_it(model):\n    model.load()\n")
    result = run_pytest("-s")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [">       model.load()", "E *python:nets:absent cannot be imported: *", "test_models.py:2: *"]
    )
    assert result.stdout.str().count("module 'nets' has no attribute 'absent'") == 1
    result.stdout.fnmatch_lines([f"*crash {failing.folder / 'test_models.py'} 2"])
    result.stdout.no_fnmatch_line("*direct cause*")
    result.stdout.no_fnmatch_line("*sources/python.py*")
