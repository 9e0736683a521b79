"""Which folder of images is meant where none is named."""

from pathlib import Path

import pytest

from first_hour import SPLIT, write_images
from imgcls.errors import ConfigError
from imgcls.scaffold import data_folder


def test_a_usual_name_goes_before_others(tmp_path: Path) -> None:
    """The others are named, because they may have been meant."""
    write_images(tmp_path, {"photos/cat": 1, "holiday/cat": 1})
    folder = data_folder.chosen(tmp_path)
    assert folder.path == Path("photos")
    assert folder.note == "photos/, because no --data names another folder; holiday/ holds class folders, too"


def test_the_only_folder_with_class_folders_is_taken(tmp_path: Path) -> None:
    """Whatever it is called, and however its classes lie in it; code, tests and environments are no candidates."""
    write_images(tmp_path, {"holiday/data/data/val/animals/cat": 1, ".cache/images/cat": 1, "venv/data/cat": 1})
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "src" / "package").mkdir(parents=True)
    assert data_folder.chosen(tmp_path).path == Path("holiday")


def test_links_to_themselves_are_passed_over(tmp_path: Path) -> None:
    """Next to the folder of images and in it."""
    write_images(tmp_path, {"holiday/cat": 1})
    for loop in (tmp_path / "loop", tmp_path / "holiday" / "loop"):
        loop.symlink_to(loop.name)
    assert data_folder.chosen(tmp_path).path == Path("holiday")


def test_several_folders_are_named(tmp_path: Path) -> None:
    """Nothing is guessed between two usual names, nor between two others."""
    write_images(tmp_path, {"holiday/cat": 1, "office/cat": 1})
    with pytest.raises(ConfigError, match=r"^holiday/, office/ hold class folders: name one of them with --data, or"):
        data_folder.chosen(tmp_path)
    write_images(tmp_path, {"photos/cat": 1, "images/cat": 1})
    with pytest.raises(ConfigError, match=r"^images/, photos/ hold class folders"):
        data_folder.chosen(tmp_path)


def test_splits_of_the_working_folder_are_one_dataset(tmp_path: Path) -> None:
    """Which of them is taken depends on where labels are."""
    write_images(tmp_path, SPLIT)
    folder = data_folder.chosen(tmp_path)
    assert folder.path == Path()
    assert folder.note == "this folder itself, because no --data names another"


def test_the_working_folder_may_hold_the_classes_itself(tmp_path: Path) -> None:
    """Where its folders hold images directly."""
    write_images(tmp_path, {"cat": 1, "dog": 1})
    folder = data_folder.chosen(tmp_path)
    assert folder.path == Path()
    assert folder.note == "this folder itself, whose folders cat, dog hold images"


def test_folders_that_only_hold_a_folder_of_images_are_classes(tmp_path: Path) -> None:
    """As of those who keep notes next to the images of a class."""
    write_images(tmp_path, {"cat/images": 1, "dog/images": 1})
    (tmp_path / "cat" / "notes.txt").touch()
    assert data_folder.chosen(tmp_path).note == "this folder itself, whose folders cat, dog hold images"


def test_the_only_folder_of_images_is_meant(tmp_path: Path) -> None:
    """Whatever it is called; without any, the images that lie in the working folder are."""
    write_images(tmp_path, {"": 2})
    assert data_folder.chosen(tmp_path).path == Path()
    write_images(tmp_path, {"shots": 2})
    assert data_folder.chosen(tmp_path).path == Path("shots")


def test_a_usual_folder_without_classes_is_the_one_that_is_meant(tmp_path: Path) -> None:
    """What it lacks is said where its images are looked for."""
    write_images(tmp_path, {"photos": 2, "doc": 1})
    assert data_folder.chosen(tmp_path).path == Path("photos")


def test_without_images_the_next_step_is_named(tmp_path: Path) -> None:
    """One line, with an example."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"name one with --data DIR, which holds a folder per class, as in photos/"):
        data_folder.chosen(tmp_path)
