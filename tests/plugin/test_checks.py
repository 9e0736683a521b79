"""imgcls.plugin.checks: what the fixtures give, next to fixtures of others in the place of those that they need."""

from collections.abc import Callable

import pytest

from conftest import Project
from imgcls.system import machine

Command = Callable[..., pytest.RunResult]

QUICK = ("--benchmark-max-time=0.01", "-p", "no:xdist")


def test_another_benchmark_fixture_is_named(run_pytest: Command, project: Project) -> None:
    """CodSpeed's, for instance, or a project's own."""
    (project.folder / "conftest.py").write_text(
        "import pytest\n\n\nclass Stopwatch:\n    pass\n\n\n@pytest.fixture\ndef benchmark():\n    return Stopwatch()\n"
    )
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_latency\n")
    result = run_pytest(*QUICK)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["`latency` times under pytest-benchmark, and here `benchmark` is a conftest.Stopwatch: *"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_test_has_one_timing(run_pytest: Command, project: Project) -> None:
    """The second is refused in one line."""
    (project.folder / "test_models.py").write_text("def test_it(latency):\n    latency()\n    latency('Offline')\n")
    result = run_pytest(*QUICK)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["latency() was called twice: a test has one timing, so write a test for each"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("option", "why"),
    [("cpu", "--imgcls-device is cpu"), (None, "torch sees no device; imgcls doctor states why")],
)
def test_a_device_that_is_not_measured_states_why(
    run_pytest: Command, project: Project, monkeypatch: pytest.MonkeyPatch, option: str | None, why: str
) -> None:
    """A device that a mark names is skipped where another was requested, and where torch does not see it."""
    monkeypatch.setattr(machine, "devices", lambda requested: [requested or "cpu"])
    (project.folder / "pytest.ini").write_text("[pytest]\naddopts = --imgcls-require-gates=none\npythonpath = .\n")
    (project.folder / "test_models.py").write_text(
        "import pytest\n\n\n@pytest.mark.parametrize('device', ['cpu', 'cuda'], indirect=True)\n"
        "def test_it(model, device):\n    assert device == 'cpu'\n"
    )
    result = run_pytest("-rs", *([f"--imgcls-device={option}"] if option else []))
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED * cuda: {why}"])


def test_two_tests_of_one_failure_state_it_once(run_pytest: Command, project: Project) -> None:
    """The second names the first, and the summary refers to both."""
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:nan"))
    (project.folder / "test_models.py").write_text("def test_a(scores):\n    pass\n\n\ndef test_b(scores):\n    pass\n")
    result = run_pytest()
    result.assert_outcomes(failed=2)
    stated = [line for line in result.outlines if line.startswith("the model's logits are NaN on blue/0000.png")]
    assert len(stated) == 1
    result.stdout.fnmatch_lines(["fails for the same reason as test_models.py::test_a[[]colour-colours[]]"])
