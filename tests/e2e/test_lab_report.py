"""``imgcls report MODEL…``: a folder that somebody hands in as it is."""

import csv
import json
import re
import shutil
import statistics
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from PIL import Image

import in_process
import markdown_pages
import training_runs as trainings
from builders import HOSTILE, make_latency, make_memory
from conftest import Command, Project
from imgcls.performance import latency, memory
from imgcls.records.performance import Latency, Memory, Scenario

CONFIGURATION = """
[models.digits_resnet]
arch = "timm:test_resnet"
weights = "builtin:digits_resnet"
options = { num_classes = 10 }
labels = "digits"
input = { resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }
[models.chance]
arch = "timm:test_resnet"
weights = "random:0"
options = { num_classes = 10 }
labels = "digits"
input = { resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }
[models.imagenet]
arch = "timm:test_resnet"
weights = "random:1"
labels = "imagenet-1k"
"""


def _latency(model: Any, scenario: Scenario, **_: object) -> Latency:
    return make_latency(scenario, model=model.spec.name)


def _memory(spec: Any, _: str) -> Memory:
    return make_memory(spec.name)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times and sizes as if they had been measured."""
    monkeypatch.setattr(latency, "measure", _latency)
    monkeypatch.setattr(memory, "measure", _memory)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a trained and an untrained network on the built-in digits, with two trainings."""
    place = tmp_path_factory.mktemp("lab")
    (place / "imgcls.toml").write_text(CONFIGURATION)
    (place / "data").mkdir()
    data = trainings.copy_digits(place / "data")
    with trainings.one_thread(place / "cache"):
        trainings.run(data, place / "first run", config=replace(trainings.CONFIG, epochs=2))
    shutil.copytree(place / "first run", place / "zweiter Lauf ü")
    with (
        chdir(place),
        mock.patch.object(latency, "measure", _latency),
        mock.patch.object(memory, "measure", _memory),
    ):
        result = in_process.run_command(
            "report", "digits_resnet", "chance", "--data", "builtin:digits", "--store", "off", "-o", "report/",
            "--runs", "first run", "zweiter Lauf ü",
        )  # fmt: skip
    assert result.ret == 0
    result.stdout.fnmatch_lines(["the report is report/report.md; hand in the whole folder"])
    return place / "report"


@pytest.mark.slow
def test_every_figure_is_that_of_the_result_document(digits: Path) -> None:
    """Accuracies, intervals, classes, parameters and the five best of every image that is shown."""
    text, document = (digits / "report.md").read_text(), json.loads((digits / "result.json").read_text())
    tables = markdown_pages.tables(text)
    [accuracy] = [table for table in tables if "95 % interval of top-1" in table[0]]
    for row, result in zip(accuracy[1:], document["results"], strict=True):
        assert row[1:] == [
            str(result["scored"]),
            *(f"{result['top1']:.1f}", f"{result['top1_low']:.1f} to {result['top1_high']:.1f}"),
            *(f"{result['top5']:.1f}", f"{result['top5_low']:.1f} to {result['top5_high']:.1f}"),
        ]
    [classes] = [table for table in tables if table[0][0] == "class"]
    for label, count, *of_models in classes[1:]:
        scores = [result["classes"][label] for result in document["results"]]
        assert count == str(scores[0]["scored"])
        assert of_models == [f"{score['top1_count']} ({score['top5_count']})" for score in scores]
    of_images = [table for table in tables if table[0][0] == "rank"][1:]
    predictions = {(p["path"], p["model"]): p["top"] for p in document["predictions"]}
    paths = re.findall(r"^!\[(.*?)\]\(images/.*\) \1$", text.replace("\\", ""), re.MULTILINE)
    assert len(paths) == len(of_images) == 180
    for path, table in zip(paths, of_images, strict=True):
        for column, model in enumerate(("digits_resnet", "chance"), 1):
            five = [f"{index} {name} {probability:.4f}" for index, name, probability in predictions[path, model]]
            assert [row[column] for row in table[1:]] == five


@pytest.mark.slow
def test_it_is_whole_and_every_reader_reads_it(digits: Path) -> None:
    """All links exist and all files are linked; no HTML; what is untrained is called so everywhere."""
    text = (digits / "report.md").read_text()
    assert markdown_pages.missing(text, digits) == []
    files = {str(file.relative_to(digits)) for file in digits.rglob("*") if file.is_file()}
    assert files == {*markdown_pages.targets(text), "report.md"}
    assert not markdown_pages.has_html(text)
    names = [cell for table in markdown_pages.tables(text) for row in table for cell in row if "chance" in cell]
    assert set(names) == {"chance (untrained)"}
    assert "**Untrained: chance.** Its weights are random" in text
    assert "digits_resnet is better than chance (untrained): top-1" in markdown_pages.plain(text)
    assert "180 of 360 images are shown" in text
    for heading in ("Summary", "Models", "Accuracy", "Time", "Memory", "Operators", "Training", "The whole set"):
        assert f"\n## {heading}\n" in text


@pytest.mark.slow
def test_trainings_stand_side_by_side(digits: Path) -> None:
    """Names with spaces and letters of any alphabet; the seconds of each epoch, and the curves of both."""
    tables = markdown_pages.tables((digits / "report.md").read_text())
    how, best = (table for table in tables if table[0][0] == "run")
    with (digits.parent / "first run" / "metrics.csv").open() as lines:
        epochs = list(csv.DictReader(lines))
    chosen = max(epochs, key=lambda epoch: (float(epoch["val_top1"]), -float(epoch["val_loss"])))
    seconds = [float(epoch["seconds"]) for epoch in epochs]
    assert [row[0] for row in how[1:]] == [row[0] for row in best[1:]] == ["first run", "zweiter Lauf ü"]
    assert how[1][5:] == how[2][5:] == ["2", f"{statistics.median(seconds):.2f}", f"{sum(seconds):.1f}"]
    losses = [f"{float(chosen[name]):.4f}" for name in ("val_loss", "train_loss")]
    assert [best[1][1], best[1][2], *best[1][4:]] == [
        *(chosen["epoch"], f"{100 * float(chosen['val_top1']):.1f}", *losses),
    ]
    with Image.open(digits / "charts" / "training.png") as image:
        assert image.format == "PNG"


def _bytes(folder: Path) -> dict[str, bytes]:
    """All files, without times: the date, what was profiled, and the seconds of passes."""
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    text = files.pop("report.md").decode()
    files.pop("result.json")
    text = re.sub(r"^- Date: .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^## Operators\n.*?^## ", "## ", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(\| \w+ \| cpu \| 50.0 \| 95.0 \| 8 \| 20.0 \|).*$", r"\1", text, flags=re.MULTILINE)
    return {**files, "report.md": text.encode()}


@pytest.mark.slow
def test_twice_is_the_same_apart_from_times(photographs: Path, project: Project, imgcls: Command) -> None:
    """Text, charts and thumbnails of photographs, byte for byte."""
    project.configure(CONFIGURATION)
    for out in ("a", "b"):
        assert imgcls("report", "imagenet", "--data", photographs, "-o", out).ret == 0
    assert _bytes(Path("a")) == _bytes(Path("b"))
    assert len(list(Path("a/images").iterdir())) == 3


@pytest.mark.slow
@pytest.mark.shared
def test_real_photographs(tmp_path: Path, shared_data: Path, imgcls: Command) -> None:
    """SqueezeNet is right on 39 of 50, and among the five best on 45, as its data's README counted."""
    configuration = ("--config", shared_data / "imgcls.toml", "--datasets", "photos10", "--store", "off")
    assert imgcls("report", "squeezenet", *configuration, "-o", tmp_path / "out").ret == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| squeezenet | 50 | 78.0 | 64.8 to 87.2 | 90.0 | 78.6 to 95.7 |" in text
    assert "| truck | 5 | 2 (3) |" in text
    assert len(list((tmp_path / "out" / "images").iterdir())) == 50
    assert markdown_pages.missing(text, tmp_path / "out") == []


@pytest.mark.slow
def test_a_folder_without_labels_has_no_accuracies(photographs: Path, project: Project, imgcls: Command) -> None:
    """Nowhere: neither in the text, nor in the document, nor as a chart; all else is there."""
    project.configure(CONFIGURATION)
    flat = project.folder / "my photos é"
    flat.mkdir()
    for file in photographs.rglob("*.jpg"):
        (flat / f"{file.stem} ü #1.jpg").write_bytes(file.read_bytes())
    assert imgcls("report", "imagenet", "--data", flat, "-o", "out").ret == 0
    text, document = Path("out/report.md").read_text(), json.loads(Path("out/result.json").read_text())
    assert text.startswith("# imagenet on my photos é\n")
    assert not re.search("top-1|accurac", text, re.IGNORECASE)
    assert [result["top1"] for result in document["results"]] == [None]
    assert not Path("out/charts/accuracy.png").exists()
    assert markdown_pages.missing(text, Path("out")) == []
    assert len([table for table in markdown_pages.tables(text) if table[0][0] == "rank"]) == 4
    assert "china%20%C3%BC%20_1-" in text


@pytest.mark.slow
def test_folders_that_are_no_classes_are_scored_without_labels(project: Project, imgcls: Command) -> None:
    """With ``--labels none``."""
    project.add_images("red", 2, folder="holiday/day 1")
    assert imgcls("report", "colour", "--data", "holiday", "--labels", "none", "-o", "out").ret == 0
    text = Path("out/report.md").read_text()
    assert "top-1" not in text
    assert "holiday/day 1/red/0000.png" in text


@pytest.mark.slow
def test_one_models_failure_is_in_the_report(project: Project, imgcls: Command) -> None:
    """The others are reported, and the exit code states that something is wrong."""
    project.also('[models.dull]\narch = "python:nets:broken"\nlabels = "names.txt"\n' + _input())
    result = imgcls("report", "colour", "dull", "--datasets", "colours", "-o", "out")
    assert result.ret == 1
    result.stderr.fnmatch_lines(["imgcls: dull: *this factory is broken*"])
    text = Path("out/report.md").read_text()
    assert re.search(r"^- dull: .*this factory is broken", text, re.MULTILINE)
    assert "| colour | cpu | 100.0 " in text


def _input() -> str:
    return (
        'input = { resize = 8, crop = 8, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }\n'
    )


@pytest.mark.slow
def test_hostile_names_of_files_are_inert(project: Project, imgcls: Command) -> None:
    """A folder of images that are named like markup, escapes and scripts."""
    flat = project.folder / "flat"
    flat.mkdir()
    names = [
        f"{HOSTILE}.png",
        "<b onload=alert(1)>.png",
        "a|b`c`*d*.png",
        "[x](javascript:alert(1)).png",
        "&lt; $x$.png",
    ]
    for number, name in enumerate(names):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(flat / name)
    result = imgcls("report", "colour", "--data", "flat", "-o", "out")
    assert result.ret == 0
    assert all(line.isprintable() for line in (*result.outlines, *result.errlines))
    text = Path("out/report.md").read_text()
    assert all(line.isprintable() for line in text.splitlines())
    assert not markdown_pages.has_html(text)
    assert markdown_pages.tables(text)
    assert markdown_pages.missing(text, Path("out")) == []
    assert len(list(Path("out/images").iterdir())) == 5
    assert not any(place.startswith(("http", "javascript")) for place in markdown_pages.targets(text))


def test_a_reports_folder_is_never_overwritten(project: Project, imgcls: Command) -> None:
    """Not even one with an earlier report: somebody may have written into it."""
    Path("out").mkdir()
    Path("out/report.md").write_text("mine")
    result = imgcls("report", "colour", "--datasets", "colours", "-o", "out")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["imgcls: out holds report.md already, and a report overwrites nothing: *"])
    assert Path("out/report.md").read_text() == "mine"
    assert project.images_inferred() == 0
