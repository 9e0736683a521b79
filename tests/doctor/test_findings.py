"""imgcls.doctor.findings: what is installed, by the names that indexes compare."""

import os
from concurrent.futures import Future
from importlib import metadata
from pathlib import Path

import pytest

from imgcls.doctor import findings


def test_packages_by_normalised_names() -> None:
    """Whichever way a package spells its own name."""
    packages = findings.installed()
    assert packages["huggingface-hub"] == metadata.version("huggingface_hub")


def test_what_an_interrupted_installation_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without metadata is passed over, and of two of one name the first on the path counts."""
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "timm-0.0.1.dist-info").mkdir()
    (tmp_path / "timm-0.0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: timm\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    packages = findings.installed()
    assert packages["timm"] == "0.0.1"
    assert "broken" not in packages


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised where a container has only a number for its user."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert findings.home() == Path("~")


def test_the_evidence_of_this_process() -> None:
    """Its variables and its folder, and whatever the child process will report."""
    libraries: Future[findings.Steps] = Future()
    evidence = findings.collect(libraries)
    assert (evidence.environ, evidence.folder, evidence.libraries) == (os.environ, Path.cwd(), libraries)
