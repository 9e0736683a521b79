"""in_process: a run inside of this process is what it is in a process of its own, and leaves nothing behind."""

import gc
import os
import re
import sys
import warnings
from types import ModuleType

import pytest
import torch

import in_process
from conftest import Command, Project

PASSING = re.compile(r"\d+(\.\d+)?(?= MB|s =|s$)|\d+(\.\d+)? +\d+(\.\d+)?(?= +[\d.]+ M$)|(?<= )-(?= )|[-=─ ]+")
"""Times, memory, and the width of what is drawn around them."""


def _lasting(lines: list[str]) -> list[str]:
    return [PASSING.sub(" ", line) for line in lines if line.strip()]


@pytest.mark.slow
@pytest.mark.parametrize("top1", ["1.0", "{ min = 0.9 }", "2.0"], ids=["holds", "fails", "wrong"])
def test_what_a_run_prints_does_not_depend_on_its_process(
    project: Project, run_pytest: Command, pytest_process: Command, imgcls: Command, imgcls_process: Command, top1: str
) -> None:
    """Exit code, every line of stdout and every line of stderr are the same, times aside."""
    project.configure((project.folder / "imgcls.toml").read_text().replace("top1 = 1.0", f"top1 = {top1}"))
    for inside, outside, arguments in (
        (run_pytest, pytest_process, ("--imgcls-store", "off")),
        (imgcls, imgcls_process, ("score", "--store", "off")),
    ):
        here, there = inside(*arguments), outside(*arguments)
        assert here.ret == there.ret
        assert _lasting(here.outlines) == _lasting(there.outlines)
        assert _lasting(here.errlines) == _lasting(there.errlines)


def test_a_run_imports_the_modules_of_its_folder_anew(
    project: Project, run_pytest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two edits within a second, of the same length, are two programs; a module of the same name outside returns."""
    ours = ModuleType("conftest")
    monkeypatch.setitem(sys.modules, "conftest", ours)
    for name in ("one", "two"):
        (project.folder / "conftest.py").write_text(f"NAME = '{name}'\n")
        (project.folder / "test_models.py").write_text(
            f"import conftest, nets\n\ndef test_it():\n    assert conftest.NAME == '{name}'\n"
        )
        run_pytest().assert_outcomes(passed=1)
    assert sys.modules["conftest"] is ours
    assert not {"nets", "test_models"} & sys.modules.keys()


def test_a_run_leaves_nothing_behind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, import path, threads, warning filters and streams are as they were, and it does not see ours."""
    monkeypatch.setenv("CI", "true")
    (project.folder / "test_models.py").write_text(
        "import gc, os, sys, warnings, torch\n\n"
        "def test_it():\n"
        "    assert 'CI' not in os.environ and os.environ['MINE'] == '1' and torch.get_num_threads() == 2\n"
        "    os.environ['LEFT'] = '1'\n"
        "    torch.set_num_threads(1)\n"
        "    sys.path.insert(0, 'left')\n"
        "    gc.freeze()\n"
        "    warnings.warn('not an error')\n"
        "    warnings.simplefilter('ignore')\n"
    )
    in_process.run(lambda: 0)  # the first run imports libraries
    before = dict(os.environ), list(sys.path), torch.get_num_threads(), list(warnings.filters)
    streams, frozen = (sys.stdout, sys.stderr), gc.get_freeze_count()
    in_process.run_pytest(MINE="1", OMP_NUM_THREADS="2").assert_outcomes(passed=1, warnings=1)
    after = dict(os.environ), list(sys.path), torch.get_num_threads(), list(warnings.filters)
    assert after == before
    assert gc.get_freeze_count() <= frozen
    assert (sys.stdout, sys.stderr) == streams


def test_output_below_python_is_seen(project: Project, run_pytest: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """What C writes, and processes that a run starts, is in its output."""
    (project.folder / "conftest.py").write_text(
        "import os\n\nos.write(1, b'out of C\\n')\nos.system('echo shell >&2')\n"
    )
    result = run_pytest("--collect-only", "-s")
    result.stdout.fnmatch_lines(["out of C"])
    result.stderr.fnmatch_lines(["shell"])
    assert "out of C" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("code", "ret", "printed"),
    [
        ("raise SystemExit('no')", 1, "no"),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("1 / 0", 1, "*ZeroDivisionError*"),
    ],
)
@pytest.mark.usefixtures("project")
def test_the_end_of_a_call_is_what_the_system_would_see(code: str, ret: int, printed: str) -> None:
    """An exit code as Python makes it, and a traceback for what nobody caught."""
    result = in_process.run(lambda: exec(code))  # noqa: S102 - a line of this test
    assert result.ret == ret
    result.stderr.fnmatch_lines([printed] if printed else [])
