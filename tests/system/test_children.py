"""imgcls.system.children: a child process imports what this one does."""

import subprocess
import sys
from pathlib import Path

import pytest

from imgcls.system import children


def _imported(*names: str) -> str:
    command = [sys.executable, "-P", "-c", f"import {', '.join(names)}\nprint({names[-1]}.__file__)"]
    return subprocess.run(
        command, env=children.environment(), capture_output=True, text=True, check=True
    ).stdout.strip()


def test_what_was_made_importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an absolute place, or by one relative to the working folder."""
    (tmp_path / "beside.py").touch()
    (tmp_path / "lower").mkdir()
    (tmp_path / "lower" / "below.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "lower", *sys.path])
    assert _imported("beside", "below") == str(tmp_path / "lower" / "below.py")


def test_modules_with_the_names_of_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Next to tests they hurt nobody who has imported Python's own before; nor do they hurt a child."""
    (tmp_path / "random.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    assert _imported("random") != str(tmp_path / "random.py")
