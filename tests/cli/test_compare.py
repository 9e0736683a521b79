"""``imgcls compare`` of models: quality, time and memory side by side, from a configuration or from a folder."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import make_memory
from conftest import CONFIGURATION, NETWORK, Project
from imgcls.config import datasets
from imgcls.performance import memory
from imgcls.records.config import DatasetSpec
from imgcls.reporting import progress
from imgcls.system import machine

Command = Callable[..., pytest.RunResult]

TWO = CONFIGURATION + f'[models.dull]\narch = "python:nets:colour"\noptions = {{ gain = 0.5 }}\n{NETWORK}\n'


@pytest.mark.slow
@pytest.mark.usefixtures("forked_memory")
def test_models_side_by_side(project: Project, imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """One table in the terminal, in Markdown and as CSV, and every figure in the JSON document."""
    measure = memory.measure  # in a process for each model, of which one is enough here
    monkeypatch.setattr(
        memory, "measure", lambda spec, *more: make_memory("dull") if spec.name == "dull" else measure(spec, *more)
    )
    project.configure(TWO)
    tables = ("--markdown", "t.md", "--csv", "t.csv", "--json", "t.json")
    result = imgcls("compare", "colour", "dull", "--device", "cpu", *tables)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["colours (* torch *)", " memory in MB *"])
    result.stdout.fnmatch_lines([" model * top-1 % * p50 ms * images/s * peak MB*"])
    result.stdout.fnmatch_lines(["colours: colour, dull cannot be told apart on 12 images*"])
    result.stderr.fnmatch_lines(["measuring colour on cpu", "measuring dull on cpu"])
    with (project.folder / "t.csv").open() as file:
        lines = {line["model"]: line for line in csv.DictReader(file)}
    assert [lines[name]["top1"] for name in ("colour", "dull")] == ["100.0", "100.0"]
    assert all(float(line["infer_samples_per_sec"]) > 0 for line in lines.values())
    assert re.search(r"^\| colour \| cpu \| 100.0", (project.folder / "t.md").read_text(), re.MULTILINE)
    document = json.loads((project.folder / "t.json").read_text())
    assert {memory["conditions"]["model"] for memory in document["memories"]} == {"colour", "dull"}
    assert len(document["latencies"]) == 4


@pytest.mark.usefixtures("gpu", "quick_memory")
def test_what_knows_no_gpu_is_compared_on_the_cpu(project: Project, imgcls: Command) -> None:
    """Where there is a GPU and nobody requested it, models that run only on the CPU have one row."""
    project.configure(CONFIGURATION.replace(NETWORK, f'runtime = "openvino"\n{NETWORK}'))
    result = imgcls("compare", "colour")
    assert result.ret == 0
    result.stderr.fnmatch_lines(["measuring colour on cpu"])
    result.stderr.no_fnmatch_line("*cuda*")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_memory")
def test_seconds_are_known_of_what_comes_from_the_store(project: Project, imgcls: Command) -> None:
    """They are those of the pass that computed the predictions; listing the files again takes a little of its own."""
    project.configure(TWO)
    seconds = []
    for _ in range(2):
        assert imgcls("compare", "colour", "dull", "--csv", "t.csv").ret == 0
        with (project.folder / "t.csv").open() as file:
            seconds.append([float(line["set_seconds"]) for line in csv.DictReader(file)])
    assert project.images_inferred() >= 24
    assert min(seconds[0]) > 0
    assert seconds[1] == pytest.approx(seconds[0], abs=0.5)


@pytest.mark.usefixtures("project", "quick_memory")
def test_what_is_being_measured_is_stated(imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then, here at every occasion: scenario by scenario, round by round."""
    monkeypatch.setattr(progress, "LOG_S", 0.0)
    result = imgcls("compare", "colour", "--device", "cpu", "--store", "off")
    assert result.ret == 0
    titles = [f"colour on cpu, {of}" for of in ("SingleStream, batch 1", "Offline, batch 8")]
    for title in titles:
        result.stderr.fnmatch_lines([f"{title}: warming up", f"{title}: round 12 of up to *"])


@pytest.mark.usefixtures("quick_memory")
def test_a_folder_of_ones_own(project: Project, imgcls: Command) -> None:
    """``--data`` goes instead of the configured datasets, its folders read as ``--labels`` states."""
    project.configure(TWO)
    project.add_images("red", 2, folder="my photos")
    (project.folder / "map.csv").write_text("folder,name\nred,red\n")
    result = imgcls("compare", "colour", "dull", "--data", "my photos", "--labels", "map.csv", "--json", "t.json")
    assert result.ret == 0
    document = json.loads((project.folder / "t.json").read_text())
    assert {(result["dataset"], result["scored"]) for result in document["results"]} == {("my-photos", 2)}


@pytest.mark.usefixtures("quick_memory")
def test_one_models_failure_does_not_stop_the_others(project: Project, imgcls: Command) -> None:
    """The broken one is named, the other has its row, and the exit code states that something is wrong."""
    project.configure(TWO.replace('"python:nets:colour"\noptions', '"python:nets:broken"\noptions'))
    result = imgcls("compare", "colour", "dull")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*nets:broken*"])
    result.stdout.fnmatch_lines([" colour * cpu *"])
    result.stderr.no_fnmatch_line("*measuring dull*")
    result.stderr.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("option", ["--markdown", "--csv", "--json"])
def test_a_file_that_cannot_be_written_is_named_before_the_work(project: Project, imgcls: Command, option: str) -> None:
    """Nothing is scored for a table that has nowhere to go."""
    project.configure(TWO)
    result = imgcls("compare", "colour", "dull", option, "nowhere/t")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["imgcls: nowhere/t cannot be written: name a file in a folder that exists"])
    assert project.images_inferred() == 0


@pytest.mark.parametrize(
    ("labels", "read"), [("auto", "auto"), ("wnid", "wnid"), ("maps/a.csv", Path("maps/a.csv")), ("index", "index")]
)
def test_a_dataset_of_the_command_line(labels: str, read: object) -> None:
    """The same keys as in a file, from the working folder on."""
    assert datasets.dataset("command line", "my/photos", labels) == DatasetSpec(
        "photos",
        Path("my/photos"),
        read,  # type: ignore[arg-type]  # one of them each time
    )


def test_a_model_that_only_one_of_two_runs_has_is_named(project: Project, imgcls: Command) -> None:
    """A new model is no difference; what both runs have is held against the margin."""
    project.configure(TWO)
    assert imgcls("score", "--save", "two.json").ret == 0
    assert imgcls("score", "--models", "colour", "--save", "one.json").ret == 0
    added = imgcls("compare", "one.json", "two.json", "--compare-fail", "top1:0.5")
    added.stdout.fnmatch_lines(["NEW: dull on colours: not in one.json*, so nothing is compared", "*SAME*"])
    removed = imgcls("compare", "two.json", "one.json", "--compare-fail", "top1:0.5")
    removed.stdout.fnmatch_lines(["dull on colours is in two.json*, and no more in one.json*", "*SAME*"])
    assert (added.ret, removed.ret) == (0, 0)


def test_two_saved_runs_are_documents(project: Project, imgcls: Command) -> None:
    """A line per pair and accuracy as CSV, and the verdicts as Markdown."""
    assert imgcls("score", "--save", "a.json").ret == 0
    project.configure(
        CONFIGURATION.replace("top1 = 1.0, ", "").replace(NETWORK, f"options = {{ gain = -1.0 }}\n{NETWORK}")
    )
    assert imgcls("score", "--save", "b.json").ret == 0
    documents = ("--csv", "-", "--markdown", "t.md", "--json", "t.json")
    result = imgcls("compare", "a.json", "b.json", "--compare-fail", "top1:0.1", *documents)
    assert result.ret == 1
    [top1, top5] = csv.DictReader(result.outlines)
    assert (top1["accuracy"], top1["losses"], top1["flips"], top5["accuracy"]) == ("top1", "12", "12", "top5")
    assert result.errlines[0].startswith("FAIL WORSE: colour on colours")
    assert result.errlines[-1].endswith("the images that flipped: imgcls show b.json --flips a.json")
    assert "FAIL WORSE: colour on colours" in (project.folder / "t.md").read_text()
    assert len(json.loads((project.folder / "t.json").read_text())["comparisons"]) == 1


def test_a_model_that_runs_on_no_device_here_is_refused(
    project: Project, imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name and with its reason, and is not passed over."""
    monkeypatch.setattr(machine, "devices", lambda requested: [requested or "cpu"])
    project.configure(CONFIGURATION.replace(NETWORK, f'runtime = "cuda-graph"\n{NETWORK}'))
    for command in (("compare", "colour"), ("report", "colour", "-o", "out")):
        result = imgcls(*command)
        assert result.ret == 3
        assert '[models.colour] runtime = "cuda-graph" runs on the device cuda' in "\n".join(
            result.outlines + result.errlines
        )
