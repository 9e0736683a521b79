"""Which folders are the classes where some lie below others."""

import pytest

from imgcls.scaffold import class_folders


def test_the_class_folder_is_the_first_that_holds_an_image() -> None:
    """What lies deeper belongs to it, and what lies in the root to none."""
    folders = class_folders.lowest(["a/cat/1.jpg", "a/cat/more/2.jpg", "dog/3.jpg", "dog/x/4.jpg", "5.jpg"])
    assert folders == {"a/cat/1.jpg": "a/cat", "a/cat/more/2.jpg": "a/cat", "dog/3.jpg": "dog", "dog/x/4.jpg": "dog"}


@pytest.mark.parametrize(
    ("folders", "known", "expected"),
    [
        (["animals/cat", "animals/dog", "vehicles/truck"], {"cat", "dog", "truck", "animals", "vehicles"}, True),
        (["animals/кошка", "vehicles/грузовик"], set(), True),
        (["cat", "vehicles/truck"], {"cat", "truck"}, True),
        (["cat", "dog"], {"cat", "dog"}, False),  # nothing is above them
        (["cat/outdoors", "dog/outdoors"], {"outdoors"}, False),  # two of one name
        (["cat/train", "dog/val"], {"train"}, False),  # parts of a dataset
        (["cat/2021", "dog/2022"], {"cat", "dog"}, False),  # a model knows those above
    ],
)
def test_folders_above_are_groups_or_classes(folders: list[str], known: set[str], expected: bool) -> None:
    """By the names alone, and by what a model has classes for."""
    assert class_folders.are_grouped(folders, known.__contains__) is expected
