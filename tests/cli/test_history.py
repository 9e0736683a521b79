"""imgcls history: saved runs as a table, a page and documents, and an exit code for what was lost."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import run_parts
from imgcls.cli.main import main
from run_rows import make_run

Command = Callable[..., pytest.RunResult]


@pytest.fixture
def history(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in a terminal of 80 columns, in an empty folder."""

    def run(*arguments: object) -> pytest.RunResult:
        code = main(["history", *map(str, arguments)])
        printed = capsys.readouterr()
        return pytest.RunResult(code, printed.out.splitlines(), printed.err.splitlines(), 0.0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", [*sys.path])
    return run


def _save(folder: Path, *lost: int) -> Path:
    folder.mkdir()
    for number, wrong in enumerate(lost):
        run_parts.write(make_run(number, wrong), folder)
    return folder


@pytest.mark.slow
def test_a_folder_becomes_a_table_a_page_and_documents(tmp_path: Path, history: Command) -> None:
    """With the same rows everywhere; the exit code is 1, because the last run has drifted."""
    _save(tmp_path / "runs", 0, 4, 8, 12)
    result = history("runs", "-o", "h.html", "--json", "h.json", "--csv", "h.csv", "--markdown", "h.md")
    assert result.ret == 1
    assert max(map(len, result.outlines)) <= 80
    assert result.outlines[1].startswith("DRIFT since r0, shown by run 4 (r3)")
    rows = json.loads(Path("h.json").read_text())["rows"]
    assert [row["drift_since"] for row in rows] == [None, None, None, "r0"]
    assert [row["run"] for row in csv.DictReader(Path("h.csv").read_text().splitlines())] == ["r0", "r1", "r2", "r3"]
    assert "DRIFT since r0" in Path("h.md").read_text()
    assert "DRIFT since r0" in Path("h.html").read_text()


@pytest.mark.parametrize(
    ("lost", "options", "code"),
    [
        ((0, 4), (), 0),
        ((0, 60, 0), (), 0),
        ((0, 60), (), 1),
        ((0, 60), ("--margin", "0.1"), 0),
        ((30, 30), ("--reference", "main.json"), 1),
    ],
)
def test_the_exit_code_is_that_of_the_last_run(
    tmp_path: Path, history: Command, lost: tuple[int, ...], options: tuple[str, ...], code: int
) -> None:
    """1 where it lost more than the margin: in one step, step by step, or against the reference."""
    _save(tmp_path / "runs", *lost)
    run_parts.write(make_run(9, 0), tmp_path)
    (tmp_path / "r9.json").rename(tmp_path / "main.json")
    assert history("runs", *options).ret == code


def test_the_margin_of_the_configuration_counts(tmp_path: Path, history: Command) -> None:
    """That of [compare] in reach, unless the command line has another."""
    _save(tmp_path / "runs", 0, 60)
    data = '[datasets.photos]\npath = "runs"\n[models.net]\narch = "torchvision:alexnet"\n'
    (tmp_path / "imgcls.toml").write_text(f"{data}[compare]\ntop1 = {{ margin = 0.1, confidence = 0.95 }}\n")
    assert history("runs").ret == 0
    assert history("runs", "--margin", "0.005").ret == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: git has no versions of it"),
        (["none/runs"], "there is no folder or file of this name"),
        (["empty"], "no saved run in it; save one there with imgcls score --save FILE.json"),
        (["runs", "--reference", "none.json"], "none.json: there is no result document of this name"),
        (["runs", "-o", "-"], "-o writes the page next to the printed table: name a file for it"),
        (["runs", "-o", "none/h.html"], "cannot be written: name a file in a folder that exists"),
    ],
)
def test_what_is_wrong_is_one_message(tmp_path: Path, history: Command, arguments: list[str], message: str) -> None:
    """And exit code 2."""
    _save(tmp_path / "runs", 0)
    _save(tmp_path / "empty")
    result = history(*arguments)
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert message in result.errlines[0]


def test_help_ends_with_two_examples(history: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """As they are typed."""
    with pytest.raises(SystemExit, match="0"):
        history("--help")
    assert all(line.startswith("  imgcls history ") for line in capsys.readouterr().out.strip().splitlines()[-2:])
