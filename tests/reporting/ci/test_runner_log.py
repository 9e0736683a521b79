"""imgcls.reporting.ci.runner_log: no name in a log is a command to GitHub's runner."""

import pytest

from ci_runs import HOSTILE_NAMES
from imgcls.reporting.ci import runner_log

COMMANDS = ["::error::x", "  ::add-mask::x", "\t::stop-commands::x", "a ##[set-output name=a]b", "##[group]x"]


@pytest.mark.parametrize("line", [*COMMANDS, "a ::error::x", "plain"])
def test_elsewhere_a_line_stays_as_it_is(line: str) -> None:
    """Only the runner of GitHub Actions reads commands."""
    assert runner_log.inert(line) == line


@pytest.mark.parametrize("line", [*COMMANDS, *HOSTILE_NAMES])
def test_a_line_is_no_command(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Neither in the form of today nor in the older one."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    inert = runner_log.inert(line)
    assert not inert.lstrip().startswith("::")
    assert "##[" not in inert
    assert (inert == line) is not (line in COMMANDS or "##[" in line or line.startswith("::"))


def test_colons_within_a_line_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the names of tests."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert runner_log.inert("test_models.py::test_it") == "test_models.py::test_it"


def test_every_line_of_a_text_is_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of failed tests have several."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert runner_log.inert_lines("top1\n  ::error::x\n##[error]y") == "top1\n  \\x3a:error::x\n#\\x23[error]y"
