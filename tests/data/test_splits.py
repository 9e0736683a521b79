"""imgcls.data.splits: which folders are parts of a dataset, and which are classes that are called so."""

import pytest

from imgcls.data import splits


@pytest.mark.parametrize(
    ("folders", "with_folders", "expected"),
    [
        (["train", "val"], [], ("val", "train")),
        (["train", "Test", "cat"], [], ("Test", "train")),
        (["val"], ["val"], ("val",)),
        (["train"], [], ()),
        (["train", "cat"], ["train"], ()),
        (["cat", "dog"], ["cat"], ()),
        ([], [], ()),
        (["seg_train", "seg_test", "seg_pred"], ["seg_train", "seg_test"], ("seg_test", "seg_train")),
        (["seg_train", "seg_test"], ["seg_train"], ()),
        (["seg_test"], ["seg_test"], ("seg_test",)),
        (["seg_test"], [], ()),
        (["bullet_train", "crash_test"], ["bullet_train", "crash_test"], ()),
        (["bullet_train", "cat"], ["bullet_train"], ()),
    ],
)
def test_splits_are_distinguished_from_classes(
    folders: list[str], with_folders: list[str], expected: tuple[str, ...]
) -> None:
    """By a part to train on next to one to score, or where all are called so and folders are in one."""
    assert splits.among(folders, with_folders.__contains__) == expected
