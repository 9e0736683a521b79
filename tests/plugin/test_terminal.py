"""imgcls.plugin.terminal: what a test is doing reaches the terminal, and what it prints stays captured."""

import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcls.plugin import terminal

SLOW = """
import sys
from imgcls.plugin import terminal

def test_first():
    pass

def test_second(pytestconfig, monkeypatch):
    from imgcls.reporting import progress
    monkeypatch.setattr(progress, "TERMINAL_S", 0.0)
    print("printed by the test")
    with terminal.status(pytestconfig) as say:
        say("net on cpu: round 12")
        print("on standard error", file=sys.stderr)
    assert %s
"""


def _on_a_terminal(folder: Path, *options: str) -> str:
    """What pytest writes where all its streams are one terminal."""
    import subprocess

    shown, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    with subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(shown, 4096):
                parts.append(part)
        except OSError:  # Linux: the other side is closed
            pass
        process.wait()
    os.close(shown)
    return b"".join(parts).decode()


@pytest.mark.slow
def test_pytests_own_line_is_not_erased(tmp_path: Path) -> None:
    """The line below is written to between two of pytest's dots, and what the test prints is captured."""
    (tmp_path / "test_it.py").write_text(SLOW % "True")
    shown = _on_a_terminal(tmp_path)
    assert "printed by the test" not in shown
    assert "on standard error" not in shown
    line = next(line for line in shown.split("\r\n") if "test_it.py" in line)
    assert line.count("\x1b7\x1bE\x1b[2Knet on cpu: round 12\x1b8") == 1
    assert line.index("\x1bD\x1bM\x1b7") < line.index("round 12") < line.index("\x1b7\x1bE\x1b[2K\x1b8")
    assert line.count(".") >= 3  # of the file's name, and of both tests


@pytest.mark.usefixtures("project")
def test_elsewhere_nothing_is_written_for_what_is_quick(run_pytest: Callable[..., pytest.RunResult]) -> None:
    """A log has no escapes and no line within the first half minute; captured output stays where it was."""
    Path("test_models.py").write_text(SLOW % "False")
    result = run_pytest()
    result.assert_outcomes(passed=1, failed=1)
    for stream in (result.stdout, result.stderr):
        stream.no_fnmatch_line("net on cpu*")
    result.stdout.fnmatch_lines(["*Captured stdout call*", "printed by the test", "*Captured stderr call*"])


def test_workers_of_xdist_have_no_terminal(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their streams are not anybody's terminal."""
    monkeypatch.setattr(pytestconfig, "workerinput", {}, raising=False)
    with terminal.status(pytestconfig) as say:
        say("net on cpu: round 12")
    assert capfd.readouterr().err == ""
