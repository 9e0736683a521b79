"""imgcls.doctor.children: a library that raises, dies or hangs in a child process is one line here."""

import os
from pathlib import Path

import pytest

from imgcls.doctor import children

TIMM = {"torch": "class compiler:\n    disable = None", "torchvision": "", "timm": "__version__ = '9'"}
"""A timm that is imported at once, with what comes before it."""


def _plant(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Modules that child processes find before those that are installed."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))


def test_a_library_that_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next steps are tried all the same, and what libraries print is not read."""
    _plant(
        tmp_path,
        monkeypatch,
        memray="print('hello')\nraise ImportError('libunwind.so.8:\\n cannot open')",
        **TIMM,
    )
    steps = children.tried("memray", "timm")
    assert steps["memray"].error == "ImportError: libunwind.so.8: cannot open"
    assert (steps["timm"].error, steps["timm"].values["version"]) == (None, "9")


def test_a_library_that_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step in which the process died has the signal, and those after it are not there."""
    _plant(tmp_path, monkeypatch, memray="import os, signal\nos.kill(os.getpid(), signal.SIGILL)")
    steps = children.tried("memray", "timm")
    assert {name: step.error for name, step in steps.items()} == {"memray": "the process died of SIGILL"}


def test_a_library_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after the limit, and what came before it counts."""
    _plant(tmp_path, monkeypatch, **TIMM, memray="import time\ntime.sleep(60)")
    steps = children.tried("timm", "memray", limit_s=1.5)
    assert steps["timm"].error is None
    assert steps["memray"].error == "it was not done after 1.5 s"


def test_a_python_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even a step begins, the first one has the last line of what the process wrote."""
    monkeypatch.setattr(children, "_MODULE", "imgcls.doctor.absent")
    [step] = children.tried("torch").values()
    assert step.name == "torch"
    assert (step.error or "").endswith("No module named imgcls.doctor.absent")
