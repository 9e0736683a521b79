"""Names that a terminal would obey: they are seen as escapes on every door, are two where they are two, and documents
keep them.
"""

from __future__ import annotations

import csv
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from builders import HOSTILE, LFS_POINTER
from conftest import CONFIGURATION, Project

Command = Callable[..., pytest.RunResult]
Raw = Callable[..., str]

FOLDER = f"r{HOSTILE}ed"
SHOWN = r"r\x1b]0;owned\x07 \x1b[31m\n\r\t\u202egnp.exe\u2066\u200b\u009b\u2028ed"
STRIPPED = SHOWN[1:-2].removesuffix(r"\u2028")
BLANKS = "  green "
NAMES = (f"a{HOSTILE}.png".encode(), b"b\xff.png", rb"b\xff.png", b" c\n.png", rb" c\n.png")
SEEN = (r"b\xff.png", r"b\\xff.png", r" c\n.png", r" c\\n.png")
IMAGINARY = f"scarlet{HOSTILE}"


@pytest.fixture
def raw(capsys: pytest.CaptureFixture[str]) -> Raw:
    """What a run printed, of which no character is one that a terminal obeys."""

    def printed(done: pytest.RunResult, code: int | None = None, ours: str = "\n") -> str:
        text = "".join(capsys.readouterr())
        assert code is None or done.ret == code, text
        obeyed = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in ours}
        assert not obeyed
        return text

    return printed


@pytest.fixture
def hostile(importable: Project) -> Project:
    """The project with folders, files and class names that a terminal would obey, and a map from the ones to the
    others.
    """
    images = importable.folder / "colours"
    (images / "red").rename(images / FOLDER)
    (images / "green").rename(images / BLANKS)
    for number, name in enumerate(NAMES):
        colour = Image.new("RGB", (16, 16), (255, number, 0))
        colour.save(file := images / FOLDER / "plain.png")
        file.rename(os.fsdecode(os.fsencode(images / FOLDER) + b"/" + name))
        Path(os.fsdecode(os.fsencode(images / FOLDER) + b"/broken " + name)).write_bytes(b"no image")
    (importable.folder / "names.json").write_text(json.dumps([IMAGINARY, "green", "blue"]))
    with (importable.folder / "map.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = [("folder", "index"), (FOLDER, 0), (BLANKS, 1), ("blue", 2)]
        csv.writer(stream).writerows(rows)
    text = CONFIGURATION.replace("names.txt", "names.json").replace("min_images = 12", "max_rejected = 0.5, top1 = 1.0")
    text = text.replace("top1 = 1.0, max", "max")
    importable.configure(text.replace('path = "colours"', 'path = "colours"\nlabels = { file = "map.csv" }'))
    return importable


def test_a_score_shows_names_and_its_document_keeps_them(hostile: Project, imgcls: Command, raw: Raw) -> None:
    """Rejected files and the best classes are seen; folders with blanks at their ends are mapped."""
    text = raw(imgcls("score", "-v", "--json", "run.json", COLUMNS="200"), 0)
    assert all(rf"colours/{SHOWN}/broken {name}: not_an_image: Pillow " in text for name in SEEN)
    assert r"scarlet\x1b]0;owned\x07" in text
    document = json.loads((hostile.folder / "run.json").read_text())
    assert document["results"][0]["scored"] == 17
    paths = {prediction["path"] for prediction in document["predictions"]}
    assert {f"{FOLDER}/{name}" for name in (r"b\xff.png", r"b\\xff.png", " c\n.png", r" c\n.png")} <= paths
    assert {prediction["label"] for prediction in document["predictions"]} == {FOLDER, BLANKS, "blue"}


@pytest.mark.usefixtures("hostile")
def test_predictions_are_titled_by_names_as_they_are_seen(imgcls: Command, raw: Raw) -> None:
    """Each file has its own title, and what is not an image its own line."""
    text = raw(imgcls("predict", f"colours/{FOLDER}", "--models", "colour"), 1)
    for name in SEEN:
        assert text.count(f"colours/{SHOWN}/{name}  colour\n") == 1
    for name in SEEN:
        assert text.count(f"imgcls: colours/{SHOWN}/broken {name}: not_an_image: ") == 1


def test_differences_between_models_are_seen(hostile: Project, imgcls: Command, raw: Raw) -> None:
    """Flips have their image, label and classes in one line of the table each."""
    text = (hostile.folder / "imgcls.toml").read_text()
    network = text[text.index('labels = "names') : text.index("[gates")]
    hostile.configure(f'{text}\n[models.dark]\narch = "python:nets:colour"\noptions = {{ gain = -1.0 }}\n{network}')
    raw(imgcls("score", "--json", "run.json"), 0)
    text = raw(imgcls("compare", "run.json", "colour", "dark", "--json", "compared.json", COLUMNS="600"), 0)
    flips = [line for line in text.splitlines() if line.startswith(" right to wrong ")]
    assert len(flips) == 10
    assert sum(f"{SHOWN}/" in line and r"0 scarlet\x1b]0;owned\x07 \x1b[31m\n" in line for line in flips) == 5
    [compared] = json.loads((hostile.folder / "compared.json").read_text())["comparisons"]
    assert {flip["label"] for flip in compared["flips"]} == {FOLDER, BLANKS, "blue"}


def test_goldens_and_gates_of_pytest_are_seen(hostile: Project, run_pytest: Command, raw: Raw) -> None:
    """Messages of failed tests, pytest's own summary and ours."""
    text = (hostile.folder / "imgcls.toml").read_text()
    hostile.configure(text.replace('map.csv" }', 'map.csv" }\ngolden = true'))
    raw(run_pytest("-m", "golden", "--imgcls-update-golden"), 0)
    images = hostile.folder / "colours" / FOLDER
    for file in images.glob("*[!0-9].png"):
        Image.new("RGB", (16, 16), (0, 255, 7)).save(file)
    (hostile.folder / "names.json").write_text(json.dumps([f"crimson{HOSTILE}", "green", "blue"]))
    text = raw(run_pytest("-rA", "--junitxml", "junit.xml"), 1)
    assert rf"0 'scarlet{STRIPPED}' -> 'crimson{STRIPPED}'" in text
    assert rf"{SHOWN}/b\xff.png" in text
    assert rf"most often wrong: {SHOWN} 1 of 5" in text
    assert ET.parse(hostile.folder / "junit.xml").findall(".//failure")  # noqa: S314 - our own


def test_names_of_tensors_are_seen(hostile: Project, imgcls: Command, raw: Raw) -> None:
    """Those that a network does not have."""
    save_file({f"gain{HOSTILE}": torch.ones(2), f"{HOSTILE}": torch.ones(3)}, hostile.folder / "net.safetensors")
    text = (hostile.folder / "imgcls.toml").read_text()
    hostile.configure(text.replace('colour"\n', 'colour"\nweights = "net.safetensors"\n'))
    text = raw(imgcls("score"), 1)
    assert rf"gain{SHOWN[1:-2]}" in text


def test_folders_and_classes_are_seen_where_they_are_matched(hostile: Project, imgcls: Command, raw: Raw) -> None:
    """A map that was suggested for them is one that matches them, byte for byte."""
    assert "3 folders, 3 classes of " in raw(imgcls("labels", "check"), 0)
    (hostile.folder / "map.csv").write_text("folder,index\nblue,2\n")
    assert rf"'  green ' is not in the map file; '{SHOWN}' is not in the map file" in raw(imgcls("labels", "check"), 2)
    names = [*json.loads((hostile.folder / "names.json").read_text()), FOLDER, "x\ty"]
    (hostile.folder / "names.json").write_text(json.dumps(names))
    listed = raw(imgcls("labels", "list", "names.json"), 0, ours="\n\t").splitlines()
    assert (listed[0], listed[-1]) == (f"0\tscarlet{STRIPPED}", "4\tx\\ty")
    assert f"  0\tscarlet{STRIPPED}\n" in raw(
        imgcls("labels", "search", "scarlet", "--list", "names.json"), 0, ours="\n\t"
    )
    raw(imgcls("labels", "suggest", "colours", "--list", "names.json", "--out", "suggested.csv"))
    with (hostile.folder / "suggested.csv").open(newline="", encoding="utf-8") as stream:
        assert {row["folder"] for row in csv.DictReader(stream)} == {FOLDER, BLANKS, "blue"}


@pytest.mark.slow
def test_what_git_lfs_did_not_fetch_is_named(project: Project, imgcls: Command, raw: Raw) -> None:
    """Images are rejected with the command; any other file of a user's is refused with it."""
    (project.folder / ".git").mkdir()
    for file in (project.folder / "colours" / "red").iterdir():
        file.write_bytes(LFS_POINTER)
    text = raw(imgcls("score"), 1)
    assert text.count("lfs_pointer: a Git LFS pointer, not the image itself: fetch it with `git lfs pull`") == 4
    configuration = (project.folder / "imgcls.toml").read_text()
    for name in ("pointer.json", "pointer.csv"):
        (project.folder / name).write_bytes(LFS_POINTER)
    for old, new, what, code in (
        ("names.txt", "pointer.json", "label list", 2),
        ('path = "colours"', 'path = "pointer.csv"', "manifest", 2),
        ('path = "colours"', 'path = "colours"\nlabels = { file = "pointer.json" }', "map file", 2),
        ('colour"\n', 'colour"\nweights = "pointer.json"\n', "weights file", 3),
    ):
        project.configure(configuration.replace(old, new, 1))
        expected = rf"a Git LFS pointer, not the {what} itself: fetch it with `git lfs pull --include pointer."
        assert expected in raw(imgcls("score"), code), what
    project.configure(configuration)
    expected = "a Git LFS pointer, not the {} itself: fetch it with `git lfs pull --include pointer.json`"
    assert expected.format("saved run") in raw(imgcls("score", "--baseline", "pointer.json"), 2)
    assert expected.format("configuration") in raw(imgcls("score", "--config", "pointer.json"), 2)


def test_what_a_command_line_holds_is_seen(hostile: Project, imgcls: Command, raw: Raw) -> None:
    """Options that do not exist and files that are not there."""
    assert r"unknown option --\x1b[31m" in raw(imgcls("score", "--\x1b[31m"), 2)
    assert r"no\x1b]0;owned\x07 \x1b[31m\n\r\t\u202e" in raw(imgcls("score", "--config", f"no{HOSTILE}.toml"), 2)
    assert hostile.images_inferred() == 0
