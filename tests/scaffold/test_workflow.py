"""The workflows that init writes: cached by hash, three suites, a baseline of the main branch, the report."""

from pathlib import Path

import pytest

from imgcls.scaffold import workflow
from imgcls.scaffold.workflow import SERVICES, Service


@pytest.mark.parametrize("service", SERVICES)
def test_a_workflow_has_what_ci_needs(service: Service) -> None:
    """Weights and store are kept by the hash of the configuration, and a run compares and leaves its report."""
    text = workflow.text(service)
    assert ".imgcls" in text
    assert ".cache" in text
    assert 'pytest -m "accuracy or latency or memory"' in text
    assert "--imgcls-baseline=main.json" in text
    assert "--imgcls-save=main.json" in text
    assert "--imgcls-report=report.html" in text
    assert f"pip install -r {workflow.REQUIREMENTS}" in text
    by_hash = "hashFiles('imgcls.toml', 'requirements.txt')" if service == "github" else "files: [imgcls.toml, "
    assert by_hash in text
    assert "Copy to" not in text
    assert text.startswith("# Each ")


def test_what_ci_installs(tmp_path: Path) -> None:
    """The plugin, with what reads HEIC where there is one; a file that lacks it is told from one that has it."""
    assert workflow.requirements(heif=False) == "imgcls\n"
    assert workflow.requirements(heif=True) == "imgcls[heif]\n"
    assert not workflow.lacks_plugin(tmp_path)
    (tmp_path / "requirements.txt").write_text("torch\n")
    assert workflow.lacks_plugin(tmp_path)
    (tmp_path / "requirements.txt").write_text("torch\nimgcls>=0.1\n")
    assert not workflow.lacks_plugin(tmp_path)


def test_only_the_root_of_a_repository_has_workflows(tmp_path: Path) -> None:
    """Below it nothing reads them."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "models").mkdir()
    assert workflow.repository(tmp_path) is None
    assert workflow.repository(tmp_path / "models") == tmp_path
