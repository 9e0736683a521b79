"""imgcls.reporting.lab.folder: whole, or not there."""

import json
import re
from pathlib import Path

import pytest

import markdown_pages
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec
from imgcls.reporting.lab import charts, folder
from lab_parts import make_contents, make_run

DATASET = DatasetSpec("photos", Path("photos"))


@pytest.mark.slow
def test_the_folder_holds_the_report_and_all_that_it_links(tmp_path: Path) -> None:
    """Also where there was an empty folder before; twice the same is the same bytes."""
    contents, written = make_contents(runs=[make_run()]), []
    (tmp_path / "a").mkdir()
    for name in ("a", "b"):
        out = tmp_path / name
        folder.write(out, contents, (), DATASET)
        assert markdown_pages.missing((out / "report.md").read_text(), out) == []
        written.append({str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()})
    assert written[0] == written[1]
    assert sorted(written[0]) == [
        *("charts/accuracy.png", "charts/latency.png", "charts/memory.png", "charts/training.png"),
        *("report.md", "result.json"),
    ]
    assert len(json.loads(written[0]["result.json"])["predictions"]) == len(contents.predictions)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_after_a_failure_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half of a report."""

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(charts, "latency", full)
    with pytest.raises(OSError, match="No space left"):
        folder.write(tmp_path / "report", make_contents(), (), DATASET)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """What the folder holds is named, and what to do."""
    (tmp_path / "thesis.tex").write_text("x")
    message = f"{tmp_path} holds thesis.tex already, and a report overwrites nothing: name a folder that there is not"
    with pytest.raises(ConfigError, match=re.escape(message)):
        folder.require_new(tmp_path)
    with pytest.raises(ConfigError, match="thesis"):
        folder.write(tmp_path, make_contents(), (), DATASET)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", ["file", "file/report", "nowhere/report"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, name: str) -> None:
    """Before the work."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be made: name a folder within one that exists with -o"):
        folder.require_new(tmp_path / name)
