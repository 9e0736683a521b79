"""imgcls.data.folder_classes: a head whose outputs are the folders, in the order of the tools that train on folders."""

from pathlib import Path

import pytest
from timm.utils.misc import natural_key

from imgcls.data import folder_classes
from imgcls.errors import LabelError
from imgcls.records.config import DatasetSpec

DATASET = DatasetSpec("photos", Path("photos"))


def _names(*folders: str) -> tuple[str, ...]:
    return folder_classes.of(DATASET, folders)[0].names


def _note(*folders: str) -> str:
    [note] = folder_classes.of(DATASET, folders)[1].notes
    return note


def test_folders_are_sorted_as_torchvision_sorts_them(tmp_path: Path) -> None:
    """Capitals first, and 10 before 2: the order of ``ImageFolder``, on the same folders."""
    from torchvision.datasets.folder import find_classes

    folders = ["b", "Zebra", "a", "10", "2", "é", "a b"]
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert list(_names(*folders)) == find_classes(str(tmp_path))[0]


def test_every_folder_is_right_for_itself_only() -> None:
    """Also where names differ only in what does not distinguish names."""
    _, matching = folder_classes.of(DATASET, ["a_b", "A-B", "a b"])
    assert matching.accepted == {"A-B": {0}, "a b": {1}, "a_b": {2}}


def test_the_order_is_said() -> None:
    """In one sentence."""
    assert _note("red", "green", "blue") == (
        'labels = "folders": its 3 outputs are taken for the folders of photos in sorted order, blue, green, red'
    )


@pytest.mark.parametrize(("folders", "by_timm"), [(("1", "2", "10"), "1, 2, 10"), (("b", "A", "C"), "A, b, C")])
def test_where_timm_sorts_otherwise_that_is_said(folders: tuple[str, ...], by_timm: str) -> None:
    """Its readers sort numbers by their value, and letters without their case."""
    assert f"timm's readers number them {by_timm}: for a network trained with those, set `labels`" in _note(*folders)
    assert by_timm == ", ".join(sorted(folders, key=natural_key))


def test_folders_of_wordnet_ids_stay_ids() -> None:
    """So that maps and other models' lists meet them."""
    classes, _ = folder_classes.of(DATASET, ["n02123045", "n02084071"])
    assert classes.wnids == classes.names == ("n02084071", "n02123045")


def test_images_without_folders_are_refused() -> None:
    """As those that are given to predict."""
    with pytest.raises(
        LabelError, match=r'^labels = "folders": these images are in no folders .* one class name per line$'
    ):
        folder_classes.of(DATASET, [])


def test_a_dataset_that_numbers_its_folders_otherwise_is_refused() -> None:
    """Folder 10 is output 10 for the dataset, and output 1 for the model; while they agree, it is well."""
    numbered = DatasetSpec("photos", Path("photos"), labels="index")
    assert folder_classes.of(numbered, ["0", "1", "2"])[1].accepted == {"0": {0}, "1": {1}, "2": {2}}
    with pytest.raises(LabelError, match=r'in sorted order, 0, 1, 10, 2, 3 and 6 more, and labels = "index" of the'):
        folder_classes.of(numbered, [str(number) for number in range(11)])


def test_the_numbers_of_a_manifest_are_not_sorted_as_texts() -> None:
    """Class 10 of ``val.txt`` is output 10: it is refused to call it output 2; a folder may be called 10 by chance."""
    numbers = [str(number) for number in range(11)]
    with pytest.raises(LabelError, match="in sorted order, 0, 1, 10, 2, 3 and 6 more, and its manifest by their names"):
        folder_classes.of(DatasetSpec("photos", Path("val.txt")), numbers)
    assert folder_classes.of(DatasetSpec("photos", Path("val.txt")), numbers[:10])[1].accepted["9"] == {9}
    assert folder_classes.of(DATASET, numbers)[1].accepted["10"] == {2}
