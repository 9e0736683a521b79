"""imgcls.cli.lab_report: what a report of models is about, and what is refused before the work."""

import json
import re
import shutil
from pathlib import Path

import pytest

from conftest import NETWORK, Command, Project
from imgcls.cli.lab_collection import Collected, Subject
from imgcls.records.config import BUILTIN_DIGITS, DatasetSpec


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["colour"], "a report of models is about one dataset, and the configuration has 2, colours, more: *"),
        (["colour", "--datasets", "colours", "--data", "colours"], "--data names the images, and --datasets does too*"),
        (
            ["colour", "--datasets", "colours,more"],
            "a report of models is about one dataset, and --datasets names 2, colours, more: name one with --datasets",
        ),
        (["--config", "imgcls.toml"], "*, and the configuration has 2, colours, more: name one with --datasets"),
        (
            ["--datasets", "colours", "--labels", "x.csv"],
            "--labels x.csv is for the images of --data; the dataset colours states itself how *",
        ),
        (["colour", "--data", "nowhere"], "nowhere is not there: put the images there, or name another folder with *"),
        (["colour", "--data", "bare"], "bare is empty: put the images there, or name another folder with --data DIR"),
        (
            ["colour", "--data", "x.tar", "--labels", "none"],
            "--labels none takes the images of a folder, and x.tar is not one: unpack it into a folder, or leave *",
        ),
        (
            ["colour", "--data", "list.csv", "--labels", "none"],
            "--labels none takes the images of a folder, and list.csv is a manifest: leave --labels none out, or *",
        ),
        (["colour", "-o", "out.html"], "-o out.html names a page, and a report of models is a folder: name one with *"),
        (
            ["colour", "--data", "colours", "--runs", "colours"],
            "--runs colours: not a folder that `imgcls train` wrote*",
        ),
        (["color", "--data", "colours"], "no model 'color' in the configuration; did you mean 'colour'?*"),
        (["colour", "--data", "colours", "-o", "colours"], "colours holds blue, green, red already, and a report*"),
        (["colour", "--data", "colours", "-o", "no/where"], "no/where cannot be made: name a folder within one*"),
    ],
)
def test_what_cannot_become_a_report_is_refused_before_the_work(
    project: Project, imgcls: Command, arguments: list[str], message: str
) -> None:
    """In one line that states what to write."""
    project.also('[datasets.more]\npath = "colours"\n')
    Path("bare").mkdir()
    Path("list.csv").write_text("path,label\ncolours/red/0000.png,red\n")
    result = imgcls("report", *arguments, *([] if "-o" in arguments else ["-o", "out"]))
    assert result.ret == 2
    result.stderr.fnmatch_lines([f"imgcls: {message}"])
    assert len(result.errlines) == 1
    assert project.images_inferred() == 0
    assert not Path("out").exists()


@pytest.mark.usefixtures("project")
def test_a_dataset_need_not_be_a_folder(imgcls: Command) -> None:
    """No file has the name of a pattern of shards: it is read as one, and its first shard is what is missing."""
    result = imgcls("report", "colour", "--data", "x-{0..1}.tar", "-o", "out")
    result.stderr.fnmatch_lines(["imgcls: colour: dataset 'x': x-0.tar: missing: *"])


def test_without_a_configuration_the_images_are_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imgcls: Command
) -> None:
    """By either option."""
    monkeypatch.chdir(tmp_path)
    result = imgcls("report", "resnet18", "-o", "out")
    result.stderr.fnmatch_lines(
        ["imgcls: a report of models is about one set of images: name a folder with --data DIR, or a dataset of *"]
    )
    assert result.ret == 2


@pytest.mark.slow
def test_without_names_it_is_about_all_models_and_the_only_dataset(
    project: Project, imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a name of a dataset, about the models that are for it; with images of one's own, about all of them."""
    monkeypatch.setattr(Collected, "_costs", lambda *_: None)
    assert imgcls("report", "-o", "only", "--store", "off").ret == 0
    assert _models("only") == ["colour"]
    other = f'[models.other]\narch = "python:nets:colour"\ndatasets = ["more"]\n{NETWORK}'
    project.also('[datasets.more]\npath = "colours"\n' + other)
    assert imgcls("report", "--datasets", "colours", "-o", "out", "--store", "off").ret == 0
    assert _models("out") == ["colour"]
    assert imgcls("report", "--data", "colours", "-o", "more", "--store", "off").ret == 0
    assert _models("more") == ["colour", "other"]


def _models(folder: str) -> list[str]:
    return [result["model"] for result in json.loads(Path(folder, "result.json").read_text())["results"]]


def test_without_any_score_there_is_no_report(project: Project, imgcls: Command) -> None:
    """The reason is there, and what to do where the folders are no classes."""
    project.add_images("red", 2, folder="holiday/day 1")
    result = imgcls("report", "colour", "--data", "holiday", "-o", "out", "--store", "off")
    assert result.ret == 2
    result.stderr.fnmatch_lines(
        [
            "imgcls: colour: *",
            "imgcls: no model was scored, so out was not written; where the folders * out with --labels none",
        ]
    )
    assert not Path("out").exists()


@pytest.mark.parametrize("labels", ["auto", "none"])
def test_images_that_all_are_rejected_are_the_reason(project: Project, imgcls: Command, labels: str) -> None:
    """The first of them by name, and nothing is measured."""
    shutil.rmtree(project.folder / "colours")
    for name in ("red", "blue"):
        (project.folder / "broken" / name).mkdir(parents=True)
        (project.folder / "broken" / name / "0.png").write_bytes(name.encode())
    result = imgcls("report", "colour", "--data", "broken", "--labels", labels, "-o", "out")
    assert result.ret == 1
    why, last = [line for line in result.errlines if line.startswith("imgcls: ")]
    assert re.match(r"imgcls: colour: no image could be scored: \S*blue/0.png: not_an_image: .*; \S*red/0.png: ", why)
    assert last == "imgcls: no model was scored, so out was not written"


def test_without_labels_the_digits_are_a_folder_too() -> None:
    """Of which only the pixels count."""
    subject = Subject(DatasetSpec("d", BUILTIN_DIGITS), has_labels=False)
    assert len(subject.images()) == 360
