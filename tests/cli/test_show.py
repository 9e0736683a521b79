"""imgcls show: answers about a saved run, printed or written, and messages for files that are none."""

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import run_parts
from conftest import Command, Project
from imgcls.cli.main import main
from imgcls.records.evaluation import ClassProbability

Show = Callable[..., pytest.RunResult]

IMAGES = {"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/1.jpg": 1, "dog/2.jpg": 2, "elk/1.jpg": 2}


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``run.json`` in the working folder, and ``main.json``, an earlier run in which one image more was right."""
    monkeypatch.chdir(tmp_path)
    before = {**IMAGES, "cat/2.jpg": 0}
    run_parts.write(run_parts.make_part("main.json", before, prediction_key="old"), tmp_path)
    overall = (ClassProbability(2, "elk", 0.4), ClassProbability(1, "dog", 0.3))
    return run_parts.write(run_parts.make_part("run.json", IMAGES, overall=overall), tmp_path)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Show:
    """The command in a terminal of 80 columns: exit code, and the lines of both streams."""

    def run(*arguments: object) -> pytest.RunResult:
        code = main(["show", *map(str, arguments)])
        printed = capsys.readouterr()
        return pytest.RunResult(code, printed.out.splitlines(), printed.err.splitlines(), 0.0)

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", [*sys.path])
    return run


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ([], ["net", "photos", "60.0 (23.1-88.2)"]),
        (["--mistakes"], ["2 of 5 images are wrong", "cat/2.jpg", "dog/2.jpg"]),
        (["--confusion"], ["which classes are taken for which", "1 of 2"]),
        (["--classes"], ["3 classes, the lowest accuracy first", "1 of 2", "9.5-90.5"]),
        (["--overall"], ["overall five of 5 images", "elk"]),
        (["--flips", "main.json"], ["flips: 1 lost, 0 gained, 0 other wrong", "cat/2.jpg"]),
    ],
)
def test_every_question_has_an_answer_of_80_columns(
    saved: Path, show: Show, question: list[str], words: list[str]
) -> None:
    """In a terminal of that width, without a browser."""
    result = show(saved, *question)
    assert result.ret == 0
    text = result.stdout.str()
    assert [word for word in words if word not in text] == []
    assert max(map(len, result.outlines)) <= 80


@pytest.mark.parametrize("question", ["run", "mistakes", "confusion", "classes", "overall", "flips"])
def test_every_answer_is_three_documents(saved: Path, show: Show, question: str) -> None:
    """With the same rows, in files or on standard output."""
    asked = {"run": [], "flips": ["--flips", "main.json"]}.get(question, [f"--{question}"])
    written = show(saved, *asked, "--json", "a.json", "--csv", "a.csv", "--markdown", "a.md")
    assert written.ret == 0
    document = json.loads(Path("a.json").read_text())
    assert (document["format"], document["run"], document["show"]) == (1, "run.json", question)
    rows = list(csv.DictReader(Path("a.csv").read_text().splitlines()))
    assert len(rows) == len(document["rows"]) > 0
    assert [list(row) for row in rows] == [list(row) for row in document["rows"]]
    assert Path("a.md").read_text().startswith("### ")
    assert show(saved, *asked, "--csv", "-").outlines == Path("a.csv").read_text().splitlines()


def test_links_are_made_of_the_images(saved: Path, show: Show, tmp_path: Path) -> None:
    """The files of this run are not there, which the message states with the next step."""
    result = show(saved, "--mistakes", "--links", "wrong", "--data", tmp_path)
    assert result.ret == 2
    assert "none of 2 images is below" in result.stderr.str()
    assert "name the folder of the images with --data DIR" in result.stderr.str()


@pytest.mark.slow
def test_links_of_a_configured_dataset(project: Project, imgcls: Command, show: Show) -> None:
    """Without --data, the configuration in reach has the folder; the table is the one without links."""
    assert project
    labels = Path("names.txt").read_text().replace("red", "x").replace("green", "red").replace("x", "green")
    Path("names.txt").write_text(labels)  # red and green are taken for each other
    imgcls("score", "--json", "run.json")
    result = show("run.json", "--mistakes", "--links", "wrong")
    assert (result.ret, result.errlines[-1]) == (0, "links to 8 images in wrong")
    assert all(link.resolve().is_file() for link in Path("wrong").glob("*.png"))
    assert "8 of 12 images are wrong" in result.stdout.str()
    unknown = show("run.json", "--mistakes", "--links", "wrong")
    assert (unknown.ret, "is not an empty folder" in unknown.stderr.str()) == (2, True)


@pytest.mark.parametrize(
    ("text", "question", "message"),
    [
        ("not JSON", [], "not a result document of imgcls"),
        ("[1, 2]", ["--mistakes"], "not a result document of imgcls"),
        ('{"format": 7}', [], "not a result document of imgcls"),
        (None, ["--classes"], "there is no result document of this name"),
    ],
)
def test_a_file_that_is_not_a_run_is_one_message(
    tmp_path: Path, show: Show, text: str | None, question: list[str], message: str
) -> None:
    """Never a traceback, and exit code 2."""
    file = tmp_path / "run.json"
    if text is not None:
        file.write_text(text)
    result = show(file, *question)
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert message in result.errlines[0]


@pytest.mark.parametrize("question", [[], ["--mistakes"], ["--confusion"], ["--classes"], ["--overall"]])
def test_a_file_that_is_cut_off_is_one_message(saved: Path, show: Show, question: list[str]) -> None:
    """Wherever it ends."""
    whole = saved.read_bytes()
    for length in (0, len(whole) // 2, len(whole) - 2):
        saved.write_bytes(whole[:length])
        result = show(saved, *question)
        assert (result.ret, len(result.errlines)) == (2, 1)
        assert re.search("not a result document of imgcls|its seal does not match", result.errlines[0])


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ([], 0),
        (["--classes"], 0),
        (["--overall"], 0),
        (["--mistakes"], 2),
        (["--confusion"], 2),
        (["--flips", "main.json"], 2),
    ],
)
def test_a_run_without_predictions_answers_what_it_can(
    saved: Path, show: Show, tmp_path: Path, question: list[str], code: int
) -> None:
    """What was counted is there; single images are not, and the message states how they are."""
    part = run_parts.make_part("short.json", IMAGES)
    run_parts.write(type(part)(part.file, part.report, None), tmp_path)
    result = show("short.json", *question)
    assert (saved.is_file(), result.ret) == (True, code)
    assert ("without the option json-summary" in result.stderr.str()) is (code == 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--links", "wrong"], "--links and --data are about single mistakes: add --mistakes"),
        (["--model", "ent"], "it has no model 'ent'; did you mean 'net'?"),
        (["--json", "-", "--csv", "-"], "--json - and --csv - would be printed as one text"),
        (["--mistakes", "--links", "wrong"], "name one with --config FILE"),
    ],
)
def test_wrong_options_are_one_message(saved: Path, show: Show, arguments: list[str], message: str) -> None:
    """With the next step."""
    result = show(saved, *arguments)
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert message in result.errlines[0]


def test_help_ends_with_two_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """Which the parser takes."""
    with pytest.raises(SystemExit, match="0"):
        main(["show", "--help"])
    *_, first, second = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("  imgcls show ")
    assert second.startswith("  imgcls show ")
