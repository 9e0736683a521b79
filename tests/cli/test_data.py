"""imgcls data check: what is printed and written of a folder, a manifest or a dataset, and the exit code."""

import json
import os
import shutil
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

import hostile_dataset
from conftest import CONFIGURATION, Command, Project
from dataset_forms import files_below, serving, tar_of
from imgcls.records.inspection import Kind


@pytest.fixture(name="sets")
def _sets(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``test`` with three photographs, ``train`` with one of them and one of its own; the working folder."""
    shutil.copytree(photographs, tmp_path / "data" / "test")
    train = tmp_path / "data" / "train" / "n11939491"
    train.mkdir(parents=True)
    with Image.open(photographs / "n11939491" / "flower.jpg") as flower:
        flower.resize((300, 200)).save(train / "small.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def test_a_clean_folder_is_ok(sets: Path, imgcls: Command) -> None:
    """Exit code 0, also where something is for information."""
    result = imgcls("data", "check", "data/test")
    assert result.ret == 0
    assert result.outlines == [
        "data/test: 3 images in 3 classes (3 JPEG)",
        "ok: every file is an image, and none has two labels",
    ]
    Image.new("RGB", (90, 90)).save(sets / "test" / "n11939491" / "black.png")
    result = imgcls("data", "check", "data/test")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*blank*1", "blank: nearly one colour*", "  n11939491/black.png", "ok: *"])


@pytest.mark.usefixtures("sets")
def test_images_of_train_in_test_fail(imgcls: Command) -> None:
    """By name, in both sets, with what to do."""
    result = imgcls("data", "check", "data/test", "--against", "data/train/")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "looks the same in the other set: look at them, and remove them *",
            "  n11939491/flower.jpg ~ data/train/n11939491/small.jpg",
            "FAIL: looks the same in the other set: a test on these images is distorted",
        ]
    )


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize("arguments", [["-q"], ["-q", "--against", "data/test"]])
def test_quiet_prints_only_what_fails(imgcls: Command, arguments: list[str]) -> None:
    """Nothing at all of a clean set."""
    result = imgcls("data", "check", "data/test", *arguments)
    assert (result.ret, bool(result.outlines), result.errlines) == (len(arguments) > 1, len(arguments) > 1, [])


def test_the_document_has_everything(sets: Path, imgcls: Command) -> None:
    """On standard output by itself, lines on standard error; or in a file."""
    (sets / "test" / "n11939491" / "broken.jpg").write_bytes(b"")
    result = imgcls("data", "check", "data/test", "--against", "data/train", "--json", "-")
    document = json.loads(result.stdout.str())
    assert result.ret == 1
    assert result.errlines[-1].startswith("FAIL") or "distorted" in result.errlines[-1]
    assert (document["format"], document["data"], document["against"]) == (1, "data/test", "data/train")
    assert (document["is_clean"], document["images"], document["formats"]) == (False, 3, {"JPEG": 3})
    assert document["classes"] == {"n03763968": 1, "n03877845": 1, "n11939491": 1}
    assert list(document["counts"]) == list(get_args(Kind))
    assert {kind: count for kind, count in document["counts"].items() if count} == {"rejected": 1, "near_against": 1}
    assert document["findings"] == [
        {
            "kind": "rejected",
            "images": [{"path": "n11939491/broken.jpg", "label": None, "is_against": False}],
            "detail": "empty: it has 0 bytes",
        },
        {
            "kind": "near_against",
            "images": [
                {"path": "n11939491/flower.jpg", "label": "n11939491", "is_against": False},
                {"path": "n11939491/small.jpg", "label": "n11939491", "is_against": True},
            ],
            "detail": "",
        },
    ]
    imgcls("data", "check", "data/test", "--against", "data/train", "--json", "check.json")
    assert json.loads(Path("check.json").read_text())["findings"] == document["findings"]


@pytest.mark.usefixtures("sets")
def test_a_folder_without_class_folders_has_no_labels(imgcls: Command) -> None:
    """As `imgcls collect` writes one."""
    result = imgcls("data", "check", "data/test/n11939491", "--against", "data/test/n11939491")
    assert result.ret == 1
    assert result.outlines[0] == "data/test/n11939491: 1 image (1 JPEG)"
    result.stdout.fnmatch_lines(["  flower.jpg = data/test/n11939491/flower.jpg"])


@pytest.mark.usefixtures("sets")
def test_a_root_of_splits_is_met_with_the_command(imgcls: Command) -> None:
    """That holds the one to score against the one to train on."""
    result = imgcls("data", "check", "data/")
    assert result.ret == 2
    [line] = result.errlines
    assert line.startswith("imgcls: data/ holds test and train, which are not classes: run ")
    assert line.endswith("`imgcls data check data/test --against data/train`")
    shutil.rmtree("data/train")
    [line] = imgcls("data", "check", "data").errlines
    assert line == "imgcls: data holds test, which is not a class: run `imgcls data check data/test`"


def test_an_archive_with_its_images_in_one_folder_is_met_with_the_command(project: Project, imgcls: Command) -> None:
    """As CUB-200 is unpacked; a dataset of the configuration, too, by its path."""
    (project.folder / "birds").mkdir()
    (project.folder / "colours").rename(project.folder / "birds" / "images")
    (project.folder / "birds" / "images.txt").write_text("1 red/0000.png\n")
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "birds"'))
    for data in ("birds", "colours"):
        folder = "birds" if data == "birds" else project.folder / "birds"
        [line] = imgcls("data", "check", data).errlines
        assert line.startswith(f"imgcls: all images of {data} lie in folders of images, which is not a class: run ")
        assert line.endswith(f"`imgcls data check {folder}/images`")


def test_a_manifest_and_a_dataset_are_checked(project: Project, imgcls: Command) -> None:
    """The dataset by its name, with the same bytes under two labels, which scoring refuses."""
    image = project.folder / "colours" / "red" / "0000.png"
    (project.folder / "list.csv").write_text(f"path,label\n{image},red\ncolours/red/0001.png,blue\n")
    result = imgcls("data", "check", "list.csv")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["list.csv: 2 images in 2 classes (2 PNG)"])
    shutil.copy(image, project.folder / "colours" / "blue" / "same.png")
    result = imgcls("data", "check", "colours")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["  blue/same.png = red/0000.png", "FAIL: same bytes, several labels: *"])
    project.configure(CONFIGURATION.replace("datasets.colours", "datasets.tints").replace("colours =", "tints ="))
    result = imgcls("data", "check", "tints")
    assert result.ret == 1
    assert result.outlines[0] == "tints: 13 images in 3 classes (13 PNG)"


def test_exif_of_a_dataset_is_applied(project: Project, imgcls: Command) -> None:
    """Then nothing is said of it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((60, 40), 90).save(project.folder / "colours" / "red" / "turned.jpg", exif=exif)
    project.configure(CONFIGURATION.replace("datasets.colours", "datasets.tints").replace("colours =", "tints ="))
    imgcls("data", "check", "tints").stdout.fnmatch_lines(["turned by Exif: *"])
    path = 'path = "colours"'
    project.configure(
        CONFIGURATION.replace("datasets.colours", "datasets.tints")
        .replace("colours =", "tints =")
        .replace(path, f'{path}\nexif = "apply"')
    )
    imgcls("data", "check", "tints").stdout.no_fnmatch_line("*Exif*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "imgcls: dataset 'missing': missing: No such file or directory; expected a folder *"),
        (["void"], "imgcls: void: there is no image in it"),
        (["texts"], "imgcls: texts: there is no image in it, only files that are not images by their names: .txt 1"),
        (["classes"], "imgcls: classes: there is no image in it"),
        (["data/test", "--against", "missing"], "imgcls: dataset 'missing': missing: No such file *"),
        (["data/test", "--json", "nowhere/x.json"], "imgcls: nowhere/x.json cannot be written: *"),
    ],
)
def test_what_cannot_be_checked_is_one_line(sets: Path, imgcls: Command, arguments: list[str], message: str) -> None:
    """With exit code 2."""
    for folder in ("void", "texts", "classes/cat"):
        (sets.parent / folder).mkdir(parents=True)
    (sets.parent / "texts" / "a.txt").write_text("a")
    result = imgcls("data", "check", *arguments)
    assert result.ret == 2
    result.stderr.fnmatch_lines([message])
    assert len(result.errlines) == 1


def test_names_that_mean_harm_stay_names(tmp_path: Path, imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """In lines in which everything is seen, and in the document as they are."""
    folder = tmp_path / "set" / "cat\nfish"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(hostile_dataset.names(40, seed=3)):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name + b".png")).write_bytes(b"broken %d" % number)
    result = imgcls("data", "check", "set", "-v", "--json", "check.json")
    assert result.ret == 1
    assert all(line.isprintable() for line in result.outlines)
    assert len(json.loads(Path("check.json").read_text())["findings"]) == 40


def test_what_is_secret_in_an_url_is_not_printed(sets: Path, imgcls: Command, tmp_path: Path) -> None:
    """Nor written."""
    pytest.importorskip("urllib3")
    archive = tar_of(tmp_path / "a.tar", files_below(sets / "train"))
    with serving({"/a.tar?sig=SECRET": archive.read_bytes()}) as site:
        url = f"{site.url}/a.tar?sig=SECRET"
        result = imgcls("data", "check", url, "--against", url, "--json", "check.json")
    assert result.outlines[0].startswith(f"{site.url}/a.tar")
    assert "SECRET" not in result.stdout.str() + result.stderr.str() + Path("check.json").read_text()
