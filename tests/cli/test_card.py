"""imgcls card: printed, written, or put into a card that is there."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelCardData

import run_parts
from imgcls.cli.main import main

Card = Callable[..., pytest.RunResult]

IMAGES = {"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/1.jpg": 1}


@pytest.fixture
def card(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Card:
    """The command in a folder with ``run.json`` of one model, and ``two.json`` of two on two datasets."""
    one = run_parts.make_part("run.json", IMAGES)
    others = [run_parts.make_part("x", IMAGES, **of) for of in ({"model": "other"}, {"dataset": "animals"})]
    results = (*one.report.results, *(result for part in others for result in part.report.results))
    run_parts.write(one, tmp_path)
    run_parts.write(replace(one, file=Path("two.json"), report=replace(one.report, results=results)), tmp_path)

    def run(*arguments: object) -> pytest.RunResult:
        code = main(["card", *map(str, arguments)])
        printed = capsys.readouterr()
        return pytest.RunResult(code, printed.out.splitlines(), printed.err.splitlines(), 0.0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return run


def _data(text: str) -> ModelCardData:
    data = ModelCard(text).data
    assert isinstance(data, ModelCardData)
    return data


def test_it_is_printed_or_written(card: Card) -> None:
    """The same text; a file that is there is completed."""
    printed = card("run.json")
    assert printed.ret == 0
    assert _data("\n".join(printed.outlines) + "\n").model_name == "net"
    assert card("run.json", "-o", "card.md").ret == 0
    assert Path("card.md").read_text().splitlines() == printed.outlines
    Path("README.md").write_text("# Mine\n")
    assert card("two.json", "--model", "net", "-o", "README.md").ret == 0
    text = Path("README.md").read_text()
    assert "# Mine" in text
    assert {result.dataset_type for result in _data(text).eval_results or []} == {"photos", "animals"}


def test_evaluation_results_are_a_file(card: Card) -> None:
    """Of a benchmark of the Hub, for the folder .eval_results of a repository."""
    hub = ("--hub-dataset", "ILSVRC/imagenet-1k", "--hub-task", "default")
    assert card("run.json", *hub, "--eval-results", "e.yaml").ret == 0
    assert (
        Path("e.yaml")
        .read_text()
        .startswith("- dataset:\n    id: ILSVRC/imagenet-1k\n    task_id: default\n  value: 0.66")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two.json"], "a card is about one model: add --model with one of net, other"),
        (["two.json", "--model", "x"], "two.json: it has no model 'x'; known: net, other"),
        (
            ["two.json", "--model", "net", "--hub-dataset", "a/b"],
            "--hub-dataset is one dataset: add --dataset with one of",
        ),
        (["run.json", "--eval-results", "e.yaml"], "add --hub-dataset ID and --hub-task TASK"),
        (["none.json"], "there is no result document of this name"),
        (["run.json", "-o", "none/card.md"], "cannot be written: name a file in a folder that exists"),
        (
            ["run.json", "-o", "bytes.md"],
            "bytes.md: not a text in UTF-8, so it is not a card: name another file with -o",
        ),
        (["cut.json"], "not a result document of imgcls"),
        (["failed.json"], "failed.json: no image was scored by net; imgcls show failed.json is why"),
    ],
)
def test_what_is_wrong_is_one_message(card: Card, arguments: list[str], message: str) -> None:
    """And exit code 2; nothing is written."""
    Path("bytes.md").write_bytes(b"\xff\xfe")
    Path("cut.json").write_bytes(Path("run.json").read_bytes()[:200])
    part = run_parts.make_part("failed.json", IMAGES)
    empty = replace(part.report.results[0], scored=0)
    run_parts.write(replace(part, report=replace(part.report, results=(empty,))), Path())
    result = card(*arguments)
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert message in result.errlines[0]
    assert Path("bytes.md").read_bytes() == b"\xff\xfe"
    assert not Path("e.yaml").exists()


def test_help_ends_with_two_examples(card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    """As they are typed."""
    with pytest.raises(SystemExit, match="0"):
        card("--help")
    assert all(line.startswith("  imgcls card ") for line in capsys.readouterr().out.strip().splitlines()[-2:])
