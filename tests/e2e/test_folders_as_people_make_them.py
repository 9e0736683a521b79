"""Folders and lists as people have them: each is taken for what it is, or the message says what to write."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import training_runs
from conftest import COLOURS, CONFIGURATION, Project

Command = Callable[..., pytest.RunResult]

IMAGES = [f"{colour}/{number:04}.png" for colour in COLOURS for number in range(4)]


@pytest.fixture
def networks(importable: Project) -> Project:
    """The project, whose network is imported into this process."""
    return importable


def _dataset(project: Project, *lines: str) -> None:
    """Configure the dataset with these lines in the place of its path."""
    project.configure(CONFIGURATION.replace('path = "colours"', "\n".join(lines)))


def _scored(project: Project, imgcls: Command, *lines: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The files and the result of the dataset, scored with these lines in its table."""
    _dataset(project, *lines)
    done = imgcls("score", "--store", "off", "--json", "scored.json")
    assert done.ret == 0, done.stderr.str() + done.stdout.str()
    document = json.loads((project.folder / "scored.json").read_text())
    return document["datasets"][0], document["results"][0]


def _refused(project: Project, imgcls: Command, *lines: str) -> str:
    """The message with which these lines in the table of the dataset are refused."""
    _dataset(project, *lines)
    done = imgcls("score", "--store", "off")
    assert done.ret == 2
    [line] = dict.fromkeys(
        re.findall(r"dataset 'colours': .*|the same bytes .*", done.stderr.str() + done.stdout.str())
    )
    return str(line)


def _labelled(separator: str, row: str = "colours/{path}{separator}{label}") -> list[str]:
    return [row.format(path=path, separator=separator, label=path.partition("/")[0]) for path in IMAGES]


# Manifests.

FORMS = {
    "plain.csv": ("path,label\n", ",", "colours/{path}{separator}{label}"),
    "semicolons.csv": ("Width;Path;ClassId\n", ";", "16{separator}colours/{path}{separator}{label}"),
    "windows.csv": ("filename,class\n", ",", "colours\\{path}{separator}{label}"),
    "val.txt": ("", " ", "{path}{separator}{label}"),
    "list.tsv": ("image_path\ttarget\n", "\t", "colours/{path}{separator}{label}"),
    "metadata.jsonl": ("", "", '{{"file_name": "colours/{path}", "label": "{label}"}}'),
    "metadata.csv": ("file_name,label\n", ",", "colours/{path}{separator}{label}"),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_list_scores_the_same(networks: Project, imgcls: Command, name: str) -> None:
    """Each list of the same twelve images gives twelve right of twelve, and what was guessed of it is a note."""
    header, separator, row = FORMS[name]
    lines = _labelled(separator, row)
    if name == "windows.csv":
        lines = [line.replace("/", "\\") for line in lines]
    (networks.folder / name).write_text(header + "".join(f"{line}\n" for line in lines))
    files, result = _scored(networks, imgcls, f'path = "{name}"')
    assert (files["listed"], result["scored"], result["top1_count"]) == (12, 12, 12)
    notes = {
        "semicolons.csv": [
            "its column 'Path' is taken for the path, and 'ClassId' for the label",
            "its columns are separated by a semicolon",
        ],
        "windows.csv": [
            "its column 'filename' is taken for the path, and 'class' for the label",
            "12 of its paths are written with \\ and read with /, as their files are called",
        ],
        "val.txt": ["its paths begin in the folder colours next to it"],
        "list.tsv": ["its column 'image_path' is taken for the path, and 'target' for the label"],
        "metadata.jsonl": ["its column 'file_name' is taken for the path, and 'label' for the label"],
        "metadata.csv": ["its column 'file_name' is taken for the path, and 'label' for the label"],
    }
    assert files["notes"] == [f"{name}: {note}" for note in notes.get(name, ())]


def test_columns_are_named_in_the_dataset(networks: Project, imgcls: Command) -> None:
    """Columns that no rule would guess are those of the configuration, and its gate holds."""
    rows = "".join(f"{line}\n" for line in _labelled("|", "colours/{path}{separator}wrong{separator}{label}"))
    (networks.folder / "list.csv").write_text(f"where|label|what\n{rows}")
    columns = 'columns = { path = "where", label = "what" }'
    files, result = _scored(networks, imgcls, 'path = "list.csv"', columns)
    assert (result["top1_count"], files["notes"]) == (12, ["list.csv: its columns are separated by a bar"])


def test_all_wrong_lines_of_a_list_are_in_one_message(networks: Project, imgcls: Command) -> None:
    """Two wrong lines and a path that is there twice end with exit code 2, each by its number."""
    (networks.folder / "list.csv").write_text(f"path,label\na.png\n{IMAGES[0]},red\n,red\n{IMAGES[0]},red\n")
    message = _refused(networks, imgcls, 'path = "list.csv"')
    assert re.findall(r"line (\d)", message) == ["2", "4", "5"]


def test_a_list_in_another_encoding(networks: Project, imgcls: Command) -> None:
    """A list saved by a spreadsheet in cp1252 is refused by line, with what to do."""
    (networks.folder / "list.csv").write_bytes("path,label\na.png,red\nb.png,grün\n".encode("cp1252"))
    assert "list.csv, line 3: the manifest is not UTF-8 (byte 0xfc): save it as UTF-8" in _refused(
        networks, imgcls, 'path = "list.csv"'
    )


PHOTOGRAPHS = """
[datasets.table]
path = "photos.csv"
labels = {{ file = "{shared}/photos10-classes.csv" }}
[datasets.lines]
path = "lists/val.txt"
labels = "wnid"
[models.squeezenet]
arch = "torchvision:squeezenet1_0"
weights = "{shared}/weights/squeezenet1_0.deep_compression_in1k.safetensors"
labels = "imagenet-1k"
"""


@pytest.mark.shared
@pytest.mark.slow
def test_lists_of_real_photographs_count_as_their_folders_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path, imgcls: Command
) -> None:
    """Fifty photographs by absolute paths give 39 and 45; of twenty others, in a flat folder, as many as in theirs."""
    monkeypatch.chdir(tmp_path)
    photographs = sorted((shared_data / "photos10").glob("*/*"))
    rows = "".join(f"{file};{file.parent.name}\n" for file in photographs)
    (tmp_path / "photos.csv").write_text(f"file;class\n{rows}")
    flat = tmp_path / "lists" / "val"
    flat.mkdir(parents=True)
    lines = []
    for number, file in enumerate(sorted((shared_data / "photos").glob("*/*"))[::50], 1):
        shutil.copy(file, flat / f"ILSVRC2012_val_{number:08}.JPEG")
        lines.append(f"ILSVRC2012_val_{number:08}.JPEG {file.parent.name}\n")
    (tmp_path / "lists" / "val.txt").write_text("".join(lines))
    folders = f"[datasets.folders]\npath = '{_linked(flat, lines)}'\nlabels = 'wnid'\n"
    (tmp_path / "imgcls.toml").write_text(PHOTOGRAPHS.format(shared=shared_data) + folders)
    assert imgcls("score", "--json", "scored.json").ret == 0
    results = json.loads((tmp_path / "scored.json").read_text())["results"]
    counts = {result["dataset"]: (result["top1_count"], result["top5_count"]) for result in results}
    assert counts["table"] == (39, 45)
    assert counts["lines"] == counts["folders"] != (0, 0)


def _linked(flat: Path, lines: list[str]) -> Path:
    """The images of a flat folder again, in a folder per class."""
    root = flat.parent / "folders"
    for line in lines:
        name, wnid = line.split()
        (root / wnid).mkdir(parents=True, exist_ok=True)
        (root / wnid / name).symlink_to(flat / name)
    return root


# Folders.


def test_a_flat_folder_names_the_line_that_scores_it(networks: Project, imgcls: Command) -> None:
    """Images next to ``val.txt``: the message's line, written into the configuration, scores all of them."""
    flat = networks.folder / "flat"
    flat.mkdir()
    for path in IMAGES:
        shutil.copy(networks.folder / "colours" / path, flat / path.replace("/", "_"))
    lines = (f"{path.replace('/', '_')} {path.partition('/')[0]}\n" for path in IMAGES)
    (networks.folder / "val.txt").write_text("".join(lines))
    message = _refused(networks, imgcls, 'path = "flat"')
    assert "flat holds images and no folder per class; " in message
    _, result = _scored(networks, imgcls, message.partition(": write ")[2])
    assert (result["scored"], result["top1_count"]) == (12, 12)


def test_a_root_of_splits_names_the_lines_that_score_them(networks: Project, imgcls: Command) -> None:
    """``train`` and ``val`` are never scored as two classes; each line of the message scores one of them."""
    for split in ("train", "val"):
        for colour in COLOURS:
            networks.add_images(colour, 4, f"data/{split}")
    message = _refused(networks, imgcls, 'path = "data"')
    assert "data holds val and train, which are not classes: write path = " in message
    for line in message.partition(": write ")[2].split(" or "):
        assert _scored(networks, imgcls, line)[1]["top1_count"] == 12


def test_a_folder_called_digits_is_scored(networks: Project, imgcls: Command) -> None:
    """A user's folder of that name is the dataset; nothing of the built-in one is in the result."""
    shutil.move(networks.folder / "colours", networks.folder / "digits")
    files, result = _scored(networks, imgcls, 'path = "digits"')
    assert (files["listed"], result["top1_count"], files["notes"]) == (12, 12, [])
    assert set(result["classes"]) == set(COLOURS)


DIGITS = """
[datasets.digits]
path = "{path}"
[models.vit]
arch = "timm:test_vit"
weights = "builtin:digits_vit"
options = {{ num_classes = 10, img_size = 32, patch_size = 8 }}
labels = "digits"
input = {{ resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}
"""


@pytest.mark.parametrize("path", ["builtin:digits", "digits"])
def test_the_built_in_digits_are_scored(project: Project, imgcls: Command, path: str) -> None:
    """Under their own name without a word, under the name of a folder that is absent with a note."""
    project.configure(DIGITS.format(path=path))
    done = imgcls("score", "--store", "off", "--json", "scored.json")
    document = json.loads((project.folder / "scored.json").read_text())
    note = f'"digits" is the built-in dataset, because there is no path {project.folder}/digits; write "builtin:digits"'
    assert (done.ret, document["results"][0]["scored"]) == (0, 360)
    assert document["datasets"][0]["notes"] == ([note] if path == "digits" else [])
    assert ('"digits" is the built-in dataset' in " ".join(done.stdout.str().split())) == (path == "digits")


# The same bytes under two labels.


@pytest.fixture
def doubtful(networks: Project) -> Project:
    """Two red images are also listed as green and one of them as blue, and one as red again."""
    red = networks.folder / "colours" / "red"
    for target in ("green/a.png", "blue/b.png", "red/copy.png"):
        shutil.copy(red / "0000.png", networks.folder / "colours" / target)
    shutil.copy(red / "0001.png", networks.folder / "colours" / "green" / "c.png")
    return networks


def test_all_pairs_of_labels_are_in_one_message(doubtful: Project, imgcls: Command) -> None:
    """The error names every path under a second label, and the key that decides."""
    message = _refused(doubtful, imgcls, 'path = "colours"')
    assert message == (
        "the same bytes have two labels: blue/b.png is 'blue' and green/a.png is 'green'; "
        "blue/b.png is 'blue' and red/0000.png is 'red'; green/c.png is 'green' and red/0001.png is 'red'; "
        "blue/b.png is 'blue' and red/copy.png is 'red'; "
        'remove the files that are wrong, or set duplicates = "drop" or "keep_first" in the dataset'
    )


@pytest.mark.parametrize(("policy", "scored", "right"), [("drop", 10, 10), ("keep_first", 12, 10)])
def test_what_duplicates_leave_out_is_counted(
    doubtful: Project, imgcls: Command, policy: str, scored: int, right: int
) -> None:
    """``drop`` scores none of the bytes in doubt, ``keep_first`` the first label; the rest is ignored and named."""
    files, result = _scored_without_gate(doubtful, imgcls, policy)
    assert (result["scored"], result["top1_count"]) == (scored, right)
    assert files["listed"] == 16 == scored + files["rejected"] + files["ignored"]
    [note] = files["notes"]
    assert note.startswith(
        f'duplicates = "{policy}" leaves out {16 - scored} images, because the same bytes are listed'
    )
    assert files["ignored_suffixes"] == {".png": 16 - scored}


def _scored_without_gate(project: Project, imgcls: Command, policy: str) -> tuple[dict[str, Any], dict[str, Any]]:
    text = CONFIGURATION.partition("[gates")[0]
    project.configure(text.replace('path = "colours"', f'path = "colours"\nduplicates = "{policy}"'))
    assert imgcls("score", "--store", "off", "--json", "scored.json").ret == 0
    document = json.loads((project.folder / "scored.json").read_text())
    return document["datasets"][0], document["results"][0]


# Training.

TRAIN = (
    *("train", "digits", "--arch", "timm:test_resnet", "--epochs", "1", "--batch-size", "8", "--out", "out"),
    *("--input", 'resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]'),
)


@pytest.fixture
def own_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder ``digits`` in the working folder, with thirty images of two colours."""
    for number in range(30):
        file = tmp_path / "digits" / ("red" if number % 2 else "blue") / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        colour = (250 - number, number, 0) if number % 2 else (0, number, 250 - number)
        Image.new("RGB", (32, 32), colour).save(file)
    monkeypatch.chdir(tmp_path)
    with training_runs.one_thread(tmp_path / "cache"):
        yield tmp_path / "digits"


@pytest.mark.usefixtures("own_digits")
def test_a_training_learns_from_a_folder_called_digits(imgcls: Command) -> None:
    """Thirty own images are what it is trained and validated on, and what its configuration names."""
    done = imgcls(*TRAIN)
    assert done.ret == 0, done.stderr.str()
    counts = re.search(r"trained on (\d+) images; .* of (\d+) validation images", done.stdout.str())
    assert counts
    assert sum(map(int, counts.groups())) == 30
    assert Path("out/classes.txt").read_text().split() == ["blue", "red"]
    assert "../digits/" in Path("out/validation.csv").read_text()


@pytest.mark.slow
def test_a_training_without_such_a_folder_says_so_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imgcls: Command
) -> None:
    """The built-in digits under the name of a folder that is absent: a line states it before anything else is done."""
    monkeypatch.chdir(tmp_path)
    done = imgcls(*TRAIN, "--freeze-batch-norm", IMGCLS_CACHE=str(tmp_path / "cache"))
    assert done.stdout.lines == [
        '"digits" is the built-in dataset, because there is no path digits; write "builtin:digits"'
    ]
    assert done.ret == 2
    assert imgcls(*("train", "builtin:digits", *TRAIN[2:]), "--freeze-batch-norm").stdout.lines == []


def test_all_broken_files_end_a_training_in_one_message(own_digits: Path, imgcls: Command) -> None:
    """What shows when it is listed and what shows when it is decoded are named together, with the option to go on."""
    (own_digits / "red" / "empty.png").touch()
    for name in ("red/01.png", "blue/02.png"):
        (own_digits / name).write_bytes((own_digits / name).read_bytes()[:60])
    done = imgcls(*TRAIN)
    assert done.ret == 2
    [line] = done.stderr.lines
    assert line.startswith("imgcls: cannot train on 3 of 31 files: ")
    for reason in (
        "digits/red/empty.png: empty: ",
        "digits/red/01.png: truncated: ",
        "digits/blue/02.png: truncated: ",
    ):
        assert reason in line
    assert line.endswith("mend or remove what is broken, or train without it: --max-rejected 3")
    assert not Path("out").exists()


@pytest.mark.slow
def test_a_training_goes_on_without_broken_files(own_digits: Path, imgcls: Command) -> None:
    """It prints what it leaves out, gives the same weights as if that were not there, and resumes in the same way."""
    for name in ("red/01.png", "blue/02.png"):
        (own_digits / name).write_bytes((own_digits / name).read_bytes()[:60])
    done = imgcls(*TRAIN, "--max-rejected", "2")
    assert done.ret == 0, done.stderr.str()
    left_out = [line for line in done.stdout.lines if line.startswith("left out: ")]
    assert sorted(re.findall(r"digits/\w+/\d+\.png: truncated: ", "".join(left_out))) == [
        "digits/blue/02.png: truncated: ",
        "digits/red/01.png: truncated: ",
    ]
    assert imgcls(*TRAIN, "--max-rejected", "0.07", "--resume").ret == 0
    for name in ("red/01.png", "blue/02.png"):
        (own_digits / name).unlink()
    assert imgcls(*TRAIN[:-4], "--out", "clean", *TRAIN[-2:]).ret == 0
    assert training_runs.are_equal(Path("out"), Path("clean"))


@pytest.mark.usefixtures("own_digits")
@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        (
            "1.5",
            "imgcls: --max-rejected 1.5 is not a whole number of files or a fraction of them below 1, as 3 or 0.01",
        ),
        ("few", "*--max-rejected: 'few' is not a number of files or a share of them"),
    ],
)
def test_a_tolerance_that_is_neither(imgcls: Command, tolerance: str, message: str) -> None:
    """A number of files or a share of them is what may be broken; anything else is refused."""
    done = imgcls(*TRAIN, "--max-rejected", tolerance)
    assert done.ret == 2
    done.stderr.fnmatch_lines([message])


def test_a_training_names_the_rule_for_deep_pixels(own_digits: Path, imgcls: Command) -> None:
    """Images of 16 bits per channel are trained on as they are scored, and a line states by which rule."""
    values = np.full((32, 32), 40_000, np.uint16)
    Image.fromarray(values).save(own_digits / "red" / "deep.png")
    done = imgcls(*TRAIN)
    assert done.ret == 0, done.stderr.str()
    done.stdout.fnmatch_lines(["1 image: 16 bits per channel, of which the upper 8 were taken"])
