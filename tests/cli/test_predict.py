"""imgcls predict: classes of images that need no labels."""

import csv
import json

import pytest

from conftest import Command, Project


def test_predict_prints_the_five_best_per_image_and_overall(project: Project, imgcls: Command) -> None:
    """Class number, name and probability, for a file and for a folder without labels."""
    result = imgcls("predict", "colours/red/0000.png", "colours/blue", "--models", "colour")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["colours/red/0000.png  colour", "*class*name*probability*", "*0  red *", "colours/blue/0003.png  colour",
         "*2  blue *", "overall, 5 images  colour"]
    )  # fmt: skip
    assert not (project.folder / ".imgcls").exists()


def test_predict_says_which_image_it_could_not_read(project: Project, imgcls: Command) -> None:
    """The others are predicted all the same; the exit code is 1."""
    (project.folder / "broken.png").write_bytes(b"no image")
    result = imgcls("predict", "broken.png", "nowhere.jpg", "colours/red/0000.png", "--models", "colour")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["colours/red/0000.png  colour"])
    result.stderr.fnmatch_lines_random(["imgcls: broken.png: not_an_image: *", "imgcls: nowhere.jpg: missing: *"])


def test_predict_takes_architectures_without_a_configuration(project: Project, imgcls: Command) -> None:
    """A name that is no configured model is an architecture; an unknown one names the nearest."""
    (project.folder / "imgcls.toml").unlink()
    result = imgcls("predict", "colours/red/0000.png", "--models", "resnet5O")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*neither torchvision nor timm has a model 'resnet5O'; nearest: resnet50*"])
    assert imgcls("predict", "colours/red/0000.png").ret == 2


@pytest.mark.usefixtures("project")
def test_as_many_classes_as_requested(imgcls: Command) -> None:
    """Of three classes at most three; more than ten are not stored."""
    result = imgcls("predict", "colours/red/0000.png", "--models", "colour", "--topk", "2", "--csv", "-")
    assert result.ret == 0
    rows = list(csv.DictReader(result.outlines))
    assert [(row["path"], row["place"], row["class"], row["name"]) for row in rows] == [
        ("colours/red/0000.png", "1", "0", "red"),
        ("colours/red/0000.png", "2", "1", "green"),
    ]
    assert imgcls("predict", "colours/red/0000.png", "--topk", "11").ret == 2


def test_predictions_are_documents(project: Project, imgcls: Command) -> None:
    """As JSON with hashes and the overall five, and as Markdown; -q prints neither tables nor notes."""
    result = imgcls("predict", "colours/red", "--models", "colour", "-q", "--json", "p.json", "--markdown", "p.md")
    assert (result.ret, result.outlines) == (0, [])
    document = json.loads((project.folder / "p.json").read_text())
    assert [prediction["path"][-8:] for prediction in document["predictions"]] == [f"000{n}.png" for n in range(4)]
    assert document["overall"][0]["images"] == 4
    assert len(document["predictions"][0]["sha256"]) == 64
    assert "| 0 | red | 0.7" in (project.folder / "p.md").read_text()
