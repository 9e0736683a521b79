"""imgcls.data.layout: a root with splits in it and images next to their manifest are named for what they are."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from imgcls.data import dataset, layout
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec


def _put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def _message(folder: Path) -> str:
    with pytest.raises(ConfigError) as error:
        layout.require_classes("pets", folder)
    return str(error.value)


# Splits.


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (["train/cat", "val/cat"], ("val", "train")),
        (["train/cat", "val/cat", "test/cat"], ("test", "val", "train")),
        (["Training/cat", "Validation/cat"], ("Validation", "Training")),
        (["train", "val"], ("val", "train")),
        (["train/cat", "test/cat", "labels"], ("test", "train")),
        (["val/cat"], ("val",)),
        (["bus", "car", "train"], ()),
        (["bus/deep", "car", "train/deep"], ()),
        (["train"], ()),
        (["test", "control"], ()),
        (["cat", "dog"], ()),
        ([".val/cat", "cat"], ()),
    ],
)
def test_folders_are_splits_or_classes(tmp_path: Path, folders: list[str], splits: tuple[str, ...]) -> None:
    """One to train on and one to score are splits; ``train`` among vehicles is a class."""
    for folder in folders:
        _put(tmp_path, f"{folder}/1.jpg")
    assert layout.splits_in(tmp_path) == splits


def test_a_root_with_splits_is_refused(tmp_path: Path) -> None:
    """A root with splits is not scored as if they were classes: the lines to write are in the message."""
    _put(tmp_path, "train/cat/1.jpg", "val/cat/2.jpg", "train/dog/3.jpg", "val/dog/4.jpg")
    assert _message(tmp_path) == (
        f"dataset 'pets': {tmp_path} holds val and train, which are not classes: "
        f'write path = "{tmp_path}/val" or path = "{tmp_path}/train"'
    )
    layout.require_classes("pets", tmp_path / "val")


def test_a_root_whose_images_are_in_one_folder_is_refused(tmp_path: Path) -> None:
    """With the line to write; that folder itself passes."""
    _put(tmp_path, "images/cat/1.jpg", "images/dog/2.jpg", "parts/parts.txt", "images.txt")
    assert _message(tmp_path) == (
        f"dataset 'pets': all images of {tmp_path} lie in folders of images, which is not a class: "
        f'write path = "{tmp_path}/images"'
    )
    layout.require_classes("pets", tmp_path / "images")


# Images next to their manifest.


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ("val.txt", "1.jpg 65\n2.jpg 970\n"),
        ("val/val.txt", "1.jpg 65\n2.jpg 970\n"),
        ("labels.csv", "image,label\nval/1.jpg,cat\n"),
        ("val/labels.csv", "image;label\n1.jpg;cat\n"),
        ("val/metadata.csv", "file_name,label\n1.jpg,cat\n"),
        ("val/metadata.jsonl", '{"file_name": "2.jpg", "label": 3}\n'),
        ("annotations.tsv", "path\tlabel\n2.jpg\tcat\n"),
    ],
)
def test_a_manifest_of_a_flat_folder_is_recognised(tmp_path: Path, manifest: str, text: str) -> None:
    """The manifest in it or next to it is named with the line to write, and that line then lists the images."""
    _put(tmp_path, "val/1.jpg", "val/2.jpg", "other.csv", "notes.txt", "devkit/x.txt")
    (tmp_path / manifest).write_text(text)
    file = tmp_path / manifest
    assert _message(tmp_path / "val") == (
        f"dataset 'pets': {tmp_path}/val holds images and no folder per class; {file} has their labels: "
        f'write path = "{file}"'
    )
    listed = dataset.list_images(DatasetSpec("pets", file))
    assert {image.file for image in listed.images} <= {tmp_path / "val" / "1.jpg", tmp_path / "val" / "2.jpg"}
    assert (len(listed.images), listed.rejections) == (len(text.splitlines()) - (manifest[-3:] in {"csv", "tsv"}), ())


def test_a_manifest_of_a_flat_split_is_recognised_from_its_root(tmp_path: Path) -> None:
    """``train`` as the only folder is no class where a manifest names the images in it."""
    _put(tmp_path, "train/1.jpg", "train/2.jpg")
    layout.require_classes("pets", tmp_path)
    (tmp_path / "train" / "metadata.jsonl").write_text('{"file_name": "2.jpg", "label": 3}\n')
    assert f"{tmp_path}/train holds images and no folder per class; {tmp_path}/train/metadata.jsonl" in _message(
        tmp_path
    )


def test_images_without_folders_and_manifest_need_either(tmp_path: Path) -> None:
    """Nothing states their classes."""
    _put(tmp_path, "flat/1.jpg", "unrelated.csv")
    assert _message(tmp_path / "flat") == (
        f"dataset 'pets': {tmp_path}/flat holds images and no folder per class: move each into the folder of its "
        "class, or write a .csv with the columns path and label and set `path` to it"
    )


def test_other_folders_pass(tmp_path: Path) -> None:
    """No error for folders of classes, nor for what holds no images or is not a folder: others judge these."""
    _put(tmp_path, "classes/cat/1.jpg", "empty/notes.txt", "unrelated.csv", "flat.txt")
    for name in ("classes", "empty", "absent", "flat.txt"):
        layout.require_classes("pets", tmp_path / name)


# ImageNet's validation images.


def _write_development_kit(folder: Path) -> None:
    """Three classes, numbered otherwise than their WordNet ids are sorted, as in the real one."""
    folder.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", "u2"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "u2")]
    rows = [
        (1, "n02119789", "kit fox", "small", 0),
        (2, "n02100735", "setter", "dog", 0),
        (3, "n00001740", "x", "y", 2),
    ]
    synsets = np.zeros((len(rows), 1), dtype=kinds)
    for index, row in enumerate(rows):
        synsets[index, 0] = row
    savemat(folder / "meta.mat", {"synsets": synsets})
    (folder / layout.GROUND_TRUTH).write_text("2\n1\n2\n")


@pytest.mark.parametrize("kit", ["ILSVRC2012_devkit_t12/data", ".", "it's val"])
def test_the_ground_truth_of_imagenet_becomes_a_manifest(tmp_path: Path, kit: str) -> None:
    """The printed command writes the manifest that the printed line names, with the kit's own WordNet ids."""
    folder = tmp_path / "it's val"
    _put(folder, *(f"ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2, 3)))
    _put(tmp_path, "notes.txt", "it's val/.DS_Store")
    _write_development_kit(tmp_path / "kit")
    (tmp_path / kit).mkdir(parents=True, exist_ok=True)
    for file in (tmp_path / "kit").iterdir():
        file.rename(tmp_path / kit / file.name)

    message = _message(folder)

    assert f"{layout.GROUND_TRUTH} numbers their classes as meta.mat of the development kit does" in message
    command = re.search(r" run python (-c .*) and write path = ", message)
    assert command
    subprocess.run(f"{sys.executable} {command[1]}", shell=True, check=True)  # noqa: S602 - as a person would
    listed = dataset.list_images(DatasetSpec("imagenet", tmp_path / "it's val.csv"))
    assert f'write path = "{tmp_path}/it\'s val.csv"' in message
    assert {Path(image.path).name[-6:]: image.label for image in listed.images} == {
        "1.JPEG": "n02100735",
        "2.JPEG": "n02119789",
        "3.JPEG": "n02100735",
    }


def test_a_folder_has_class_folders_or_none(tmp_path: Path) -> None:
    """Hidden ones are none, and neither are files."""
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / "1.jpg").write_bytes(b"x")
    assert not layout.has_class_folders(tmp_path)
    (tmp_path / "cat").mkdir()
    assert layout.has_class_folders(tmp_path)
