"""imgcls score: the plugin's run without pytest."""

import json
from typing import Any

import pytest

from conftest import NETWORK, Command, Project


def test_score_is_the_pytest_run_without_pytest(project: Project, imgcls: Command, run_pytest: Command) -> None:
    """Same table, same verdicts, same predictions as the plugin's document."""
    result = imgcls("score", "--json", "command.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["* colour*colours*12*100.0*", "gates: 1 of 1 evaluated"])
    assert run_pytest("--imgcls-json", "plugin.json").ret == 0
    command, plugin = (json.loads((project.folder / f"{n}.json").read_text()) for n in ("command", "plugin"))
    assert list(command) == list(plugin)
    assert command["predictions"] == plugin["predictions"]

    def lasting(document: Any) -> list[dict[str, Any]]:
        passing = {"images_per_second", "set_seconds", "from_store"}
        return [{k: v for k, v in r.items() if k not in passing} for r in document["results"]]

    assert lasting(command) == lasting(plugin)


def test_the_summary_document_leaves_predictions_out(project: Project, imgcls: Command) -> None:
    """--json-summary keeps everything but the predictions."""
    assert imgcls("score", "--json", "r.json", "--json-summary", "--store", "off").ret == 0
    document = json.loads((project.folder / "r.json").read_text())
    assert "predictions" not in document
    assert document["format"] == 1
    assert not (project.folder / ".imgcls").exists()


def test_no_gates_is_printed(project: Project, imgcls: Command) -> None:
    """Without gates the exit code is 0 and the line is ``no gates``."""
    project.configure((project.folder / "imgcls.toml").read_text().partition("[gates")[0])
    result = imgcls("score")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["no gates"])


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("top1 = 1.0", "top1 = 1.5"), 2, "*top1: 1.5 is not a fraction*"),
        (('"colours"\n', '"nowhere"\n'), 2, "*nowhere*"),
        (("min_images = 12", "min_images = 13"), 1, "FAIL*12 different images scored, wanted 13"),
        (("python:nets:colour", "python:nets:broken"), 1, "*this factory is broken*"),
        (('labels = "names.txt"', 'labels = "names.txt"\nweights = "gone.safetensors"'), 3, "*gone.safetensors*"),
        (("names.txt", "none.txt"), 2, "*none.txt*"),
        (("top1 = 1.0, min_images = 12", ""), 2, "*a gate needs a threshold*"),
        (("[datasets.colours]", "[datasets.others]"), 2, "*unknown key*others*"),
    ],
)  # fmt: skip
def test_exit_codes(project: Project, imgcls: Command, change: tuple[str, str], code: int, message: str) -> None:
    """1: a gate was not shown to hold; 2: wrong configuration; 3: the machine could not do it. Never a traceback."""
    project.configure((project.folder / "imgcls.toml").read_text().replace(*change))
    result = imgcls("score")
    assert result.ret == code
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    pytest.LineMatcher(result.outlines + result.errlines).fnmatch_lines([message])


def test_the_worst_code_wins(project: Project, imgcls: Command) -> None:
    """A wrong configuration of one model comes before missing weights of another, and that before a failed gate."""
    project.also(
        f'[models.gone]\narch = "python:nets:colour"\nweights = "gone.pth"\n{NETWORK}'
        f'[models.broken]\narch = "python:nets:broken"\n{NETWORK}'
    )
    assert imgcls("score", "--models", "broken,colour").ret == 1
    assert imgcls("score", "--models", "gone,broken").ret == 3
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text + f'[models.absent]\narch = "python:nets:absent"\n{NETWORK}')
    assert imgcls("score").ret == 2


def test_a_store_in_a_folder_of_ones_own_leaves_its_files(project: Project, imgcls: Command) -> None:
    """--store . writes the store and nothing over what is there."""
    (project.folder / ".gitignore").write_text("mine\n")
    assert imgcls("score", "--store", ".", "--json", "nowhere/r.json").ret == 2
    assert imgcls("score", "--store", ".").ret == 0
    assert (project.folder / ".gitignore").read_text() == "mine\n"
    assert (project.folder / "predictions.sqlite3").exists()


def test_score_names_the_limits_that_it_does_not_evaluate(project: Project, imgcls: Command) -> None:
    """Time and memory are measured by tests and by compare; the exit code is that of the pairs."""
    project.also('[latency.colour]\np95_ms = 40\n[memory."*"]\nhost = "1 GB"\n')
    result = imgcls("score")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gates: 1 of 3 evaluated"])
    result.stdout.fnmatch_lines(["  not evaluated here: latency of colour, p95_ms; pytest measures it"])
    result.stdout.fnmatch_lines(["  not evaluated here: memory of colour, host_bytes; pytest measures it"])
