"""Which images a folder stands for."""

import csv
import io
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from first_hour import NESTED, SPLIT, write_image, write_images
from imgcls.data import dataset as datasets
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec
from imgcls.scaffold import images
from imgcls.scaffold.images import TestImages


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are those of the working folder."""
    monkeypatch.chdir(tmp_path)


def _find(data: str, known: str = "") -> TestImages:
    return images.find(Path(data), known.split().__contains__)


def test_a_folder_per_class_is_taken_as_it_is() -> None:
    """Nothing was guessed of it."""
    write_images(Path("my photos"), {"cat": 2, "dog": 1})
    found = _find("my photos")
    assert (found.name, found.path, found.folders, found.notes) == ("my-photos", Path("my photos"), ["cat", "dog"], ())
    assert (found.units, found.distinct, found.manifest) == (3, 3, None)


def test_of_splits_the_one_to_score_is_taken() -> None:
    """However deep below folders that hold nothing else, and it is said."""
    write_images(Path("download/data"), SPLIT)
    found = _find("download")
    assert (found.name, found.path) == ("data-val", Path("download/data/val"))
    assert len(found.listing.images) == 4
    assert found.notes == ("download/data holds val and train: val is tested on",)


def test_of_training_images_alone_it_is_said_what_they_are() -> None:
    """They are taken, because a published network may never have seen them."""
    write_images(Path("photos"), {"train/cat": 1, "train/dog": 1})
    found = _find("photos")
    assert found.path == Path("photos/train")
    assert found.notes == ("photos holds only train: test on images that no model was trained on",)


def test_nested_classes_become_a_manifest_of_every_image() -> None:
    """It lists the same images under the lowest folders, and the dataset that it makes has them all."""
    write_images(Path("photos"), NESTED)
    shutil.copy("photos/animals/cat/0.png", 'photos/animals/cat/copy, "1".png')
    Path("photos/animals/dog/empty.png").touch()
    found = _find("photos")
    assert (found.path, found.folders) == (Path("photos.csv"), ["cat", "dog", "truck"])
    assert found.notes[0].startswith("the classes are the 3 folders below animals, vehicles; photos.csv lists")
    assert found.manifest is not None
    rows = list(csv.reader(io.StringIO(found.manifest)))
    assert ["photos/animals/cat/0.png", "cat"] in rows
    assert len(rows) == 1 + 11
    found.path.write_text(found.manifest)
    listing = datasets.list_images(DatasetSpec("photos", found.path))
    assert sorted(image.sha256 for image in listing.images) == sorted(image.sha256 for image in found.listing.images)
    assert [rejection.reason for rejection in listing.rejections] == ["empty"]
    assert found.distinct == 9


def test_images_next_to_nested_classes_are_counted() -> None:
    """The manifest can have no label for them."""
    write_images(Path("photos"), NESTED)
    write_image(Path("photos/stray.png"))
    assert _find("photos").notes[-1] == "1 image next to these folders: not in photos.csv"


def test_classes_below_one_folder_need_no_manifest() -> None:
    """The folder above them is the dataset."""
    write_images(Path("archive/holiday"), {"cat": 1, "dog": 2})
    found = _find("archive")
    assert (found.path, found.folders, found.manifest) == (Path("archive/holiday"), ["cat", "dog"], None)
    listing = datasets.list_images(DatasetSpec("archive", found.path))
    assert [image.path for image in listing.images] == [image.path for image in found.listing.images]


def test_folders_inside_of_classes_are_not_classes() -> None:
    """Where a model knows the ones above."""
    write_images(Path("photos"), {"cat/indoors": 1, "dog/meadow": 1})
    found = _find("photos", "cat dog")
    assert (found.path, found.folders) == (Path("photos"), ["cat", "dog"])


def test_bytes_of_two_labels_are_left_out_and_named() -> None:
    """Scoring refuses them otherwise."""
    write_images(Path("photos"), {"cat": 2, "dog": 1})
    shutil.copy("photos/cat/0.png", "photos/dog/copy.png")
    found = _find("photos")
    assert found.drops_duplicates
    assert [image.path for image in found.listing.images] == ["cat/1.png", "dog/0.png"]
    assert found.notes[0].startswith('duplicates = "drop" leaves out 2 images')
    assert found.notes[0].endswith("cat/0.png, dog/copy.png")


def test_images_that_all_have_two_labels_are_refused() -> None:
    """Nothing would be left to test on."""
    write_images(Path("photos"), {"cat": 1})
    shutil.copytree("photos/cat", "photos/dog")
    with pytest.raises(
        ConfigError, match=r"^photos: the bytes of every image lie under another label, too: imgcls data"
    ):
        _find("photos")


def test_a_manifest_is_a_dataset() -> None:
    """Named itself, or lying next to the images whose labels it has."""
    write_images(Path("flat"), {"": 3})
    Path("labels.csv").write_text("path,label\nflat/0.png,cat\nflat/1.png,dog\nflat/2.png,dog\n")
    assert _find("labels.csv").folders == ["cat", "dog"]
    found = _find("flat")
    assert (found.path, found.units) == (Path("labels.csv"), 3)
    assert found.notes[0] == "flat holds images and no folders; labels.csv has their labels"


def test_bytes_of_two_labels_in_a_manifest_are_left_out() -> None:
    """As in a folder."""
    write_images(Path("flat"), {"": 2})
    shutil.copy("flat/0.png", "flat/2.png")
    Path("labels.csv").write_text("path,label\nflat/0.png,cat\nflat/1.png,cat\nflat/2.png,dog\n")
    found = _find("labels.csv")
    assert (found.drops_duplicates, found.units, found.listing.ignored) == (True, 1, 0)


def test_groups_of_a_manifest_count_once() -> None:
    """Gates count them, so what is proposed does."""
    write_images(Path("flat"), {"": 3})
    Path("labels.csv").write_text("path,label,group\nflat/0.png,cat,a\nflat/1.png,cat,a\nflat/2.png,dog,b\n")
    found = _find("labels.csv")
    assert (found.units, found.distinct) == (2, 3)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("nowhere", "--data nowhere: there is no such folder; name one that holds a folder per class"),
        ("cat.png", "--data cat.png: this is a file, neither a folder nor a manifest: name a folder"),
        ("empty", "empty has no folder in it: put a folder per class, as in photos/cat/1.jpg, into it"),
        (
            "flat",
            "flat holds 2 images and no folder per class: move each into the folder of its class, as in flat/cat/",
        ),
        ("texts", "texts: there is no image in its folders, only 1 other file: it must hold a folder per class"),
        ("none.csv", "none.csv lists no image: its columns are path and label, a row per image"),
    ],
)
def test_what_holds_no_images_in_folders_is_refused_with_the_next_step(data: str, expected: str) -> None:
    """In one line."""
    Path("empty").mkdir()
    write_images(Path("flat"), {"": 2})
    write_image(Path("cat.png"))
    Path("texts/cat").mkdir(parents=True)
    Path("texts/cat/notes.txt").touch()
    Path("none.csv").write_text("path,label\n")
    with pytest.raises(ConfigError) as error:
        _find(data)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)


def test_labels_of_files_become_a_manifest() -> None:
    """It has a name that no file has, and the dataset that it makes has the same images."""
    write_images(Path("train"), {"": 4})
    Path("train.csv").write_text("id,breed\n0,cat\n1,cat\n2,dog\n")
    found = _find("train")
    assert (found.path, found.folders, found.units) == (Path("train-labels.csv"), ["cat", "dog"], 3)
    assert found.notes[0].startswith("the classes are the column 'breed' of train.csv; train-labels.csv lists the")
    assert found.notes[1] == "1 image without a label: not in train-labels.csv"
    assert found.manifest is not None
    found.path.write_text(found.manifest)
    listing = datasets.list_images(DatasetSpec("train", found.path))
    assert [image.sha256 for image in listing.images] == [image.sha256 for image in found.listing.images]


def test_a_manifest_for_which_no_name_is_free_has_one_that_is_refused() -> None:
    """A folder has the first name, and files of other texts have the others; writing it names the last of them."""
    write_images(Path("photos"), {"": 4})
    Path("photos.csv").mkdir()
    for name in ("photos-labels.csv", "photos-imgcls.csv"):
        Path(name).write_text("mine")
    Path("photos/list.csv").write_text("id,breed\n" + "".join(f"{number},cat\n" for number in range(4)))
    assert _find("photos").path == Path("photos-imgcls.csv")


def test_splits_inside_of_classes_are_named() -> None:
    """Images to train on would be tested without a word."""
    write_images(Path("photos"), {"cat/train": 1, "cat/val": 1, "dog/train": 1})
    found = _find("photos", "cat dog")
    assert found.folders == ["cat", "dog"]
    assert found.notes == ("train and val inside of the class folders are not told apart: all images are tested on",)


def test_a_folder_that_may_not_be_listed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's own word for why."""
    write_images(Path("photos"), {"cat": 1})
    monkeypatch.setattr(Path, "iterdir", _not_permitted)
    with pytest.raises(ConfigError, match=r"^photos: Permission denied: name a folder that can be listed with --data$"):
        _find("photos")


def _not_permitted(folder: Path) -> NoReturn:
    raise PermissionError(13, "Permission denied", str(folder))
