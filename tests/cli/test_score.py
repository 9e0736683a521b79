"""imgcls score: the plugin's run without pytest."""

import json
import shutil
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


@pytest.mark.parametrize(
    ("kind", "begin"), [("json", '{"format":1,'), ("csv", "model,top1,"), ("markdown", "## imgcls")]
)
@pytest.mark.usefixtures("project")
def test_a_hyphen_is_standard_output(imgcls: Command, kind: str, begin: str) -> None:
    """Where then only the document is, and every line for people is on standard error."""
    result = imgcls("score", f"--{kind}", "-", "--store", "off")
    assert result.ret == 0
    assert result.stdout.str().startswith(begin)
    result.stdout.no_fnmatch_line("PASS *")
    result.stderr.fnmatch_lines(["PASS colour on colours*", "* colour*colours*12*", "gates: 1 of 1 evaluated"])
    assert imgcls("score").outlines[0].startswith("PASS ")


@pytest.mark.usefixtures("project")
def test_a_baseline_does_not_go_to_standard_output(imgcls: Command) -> None:
    """It would be lost."""
    result = imgcls("score", "--save", "-")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["imgcls: --save -: other lines are on standard output, so name a file"])


def test_quiet_and_verbose(project: Project, imgcls: Command) -> None:
    """Only what does not pass and the gates; or also what documents the run. The last lines are what to do."""
    quiet = imgcls("score", "-q")
    assert quiet.outlines == ["gates: 1 of 1 evaluated"]
    verbose = imgcls("score", "-v")
    verbose.stdout.fnmatch_lines([" overall five *", "colour: input resize(8, bilinear)*"])
    project.configure((project.folder / "imgcls.toml").read_text().replace("min_images = 12", "min_images = 13"))
    failed = imgcls("score", "-q")
    assert failed.outlines == [
        "FAIL colour on colours: 12 different images scored, wanted 13",
        "gates: 1 of 1 evaluated",
    ]
    assert imgcls("score").outlines[-3:] == [
        "what to do:",
        "  colour on colours, images >= 13: add images, or lower min_images",
        "gates: 1 of 1 evaluated",
    ]


@pytest.mark.usefixtures("project")
def test_columns_are_picked(imgcls: Command) -> None:
    """In the order of their importance; an unknown one is named before anything is scored."""
    result = imgcls("score", "--columns", "top1, params")
    result.stdout.fnmatch_lines([" model * top-1 %  params"])
    wrong = imgcls("score", "--columns", "top-1,image")
    assert wrong.ret == 2
    assert wrong.errlines == ["imgcls: --columns image: no column of this name; did you mean 'images'?"]


@pytest.mark.usefixtures("project")
def test_verdicts_have_colours_where_they_are_wanted(imgcls: Command) -> None:
    """Words of verdicts only."""
    result = imgcls("score", FORCE_COLOR="1", PY_COLORS="", NO_COLOR="")
    assert result.stdout.str().count("\x1b[") == 2 * sum("PASS" in line for line in result.outlines)
    assert "\x1b[" not in imgcls("score", FORCE_COLOR="1", NO_COLOR="1", PY_COLORS="").stdout.str()


def test_a_folder_is_scored_as_it_is(project: Project, imgcls: Command) -> None:
    """--data names the images: with the models of the configuration, its labels, and none of its gates."""
    project.add_images("red", 2, folder="other")
    project.add_images("blue", 3, folder="other")
    result = imgcls("score", "--data", "other", "--json", "run.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines([" colour*other*5*100.0*", "no gates"])
    document = json.loads((project.folder / "run.json").read_text())
    assert [(row["model"], row["dataset"], row["scored"]) for row in document["results"]] == [("colour", "other", 5)]


def test_the_folders_of_data_may_have_a_map(project: Project, imgcls: Command) -> None:
    """--labels says how they are named, as in a configuration."""
    project.add_images("red", 2, folder="other")
    (project.folder / "other" / "red").rename(project.folder / "other" / "crimson")
    (project.folder / "classes.csv").write_text("folder,name\ncrimson,red\n")
    assert imgcls("score", "--data", "other").ret == 2
    result = imgcls("score", "--data", "other", "--labels", "classes.csv")
    assert result.ret == 0
    result.stdout.fnmatch_lines([" colour*other*2*100.0*"])


def test_data_needs_no_configuration(project: Project, imgcls: Command) -> None:
    """Where architectures are named; what is missing is named in one line."""
    (project.folder / "imgcls.toml").unlink()
    for arguments, missing in {
        ("--data", "colours"): "imgcls: name the models with --models A,B: there is no configuration that has any",
        ("--models", "resnet50"): "imgcls: name the images with --data DIR: there is no configuration that has any",
        ("--data", "colours", "--datasets", "x"): "imgcls: --data names the images, and --datasets does too: give one "
        "of them",
        ("--data", "nowhere", "--models", "resnet5"): "*resnet5*",
    }.items():
        result = imgcls("score", *arguments)
        assert result.ret == 2
        result.stderr.fnmatch_lines([missing])
        assert len(result.errlines) == 1
    result = imgcls("score", "--data", "builtin:digits", "--models", "torchvision:alexnet", "--offline")
    assert (result.ret, result.outlines) == (3, [])
    result.stderr.fnmatch_lines(["imgcls: torchvision:alexnet: cannot get alexnet-*: offline, *"])


def test_quiet_shows_no_progress(project: Project, imgcls: Command) -> None:
    """In a log there is a line for each tenth, with -q there is none."""
    assert imgcls("score").errlines == ["colours: 0 of 12 images", "colours: 12 of 12 images"]
    shutil.rmtree(project.folder / ".imgcls")
    assert imgcls("score", "-q").errlines == []
