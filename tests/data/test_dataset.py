"""imgcls.data.dataset: what a configured path lists, and samples of it, spread evenly and without repeated bytes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls.data import class_lists, dataset
from imgcls.errors import ConfigError, LabelError
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, Images, LabelList, Listing


def _images(hashes: Sequence[str]) -> list[ImageRef]:
    return [ImageRef(str(number), Path(str(number)), sha256, None) for number, sha256 in enumerate(hashes)]


def _put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def test_files_are_manifests_and_folders_are_folders(tmp_path: Path) -> None:
    """Their kind decides, not their name: a folder may be called ``2024.csv``."""
    _put(tmp_path, "2024.csv/cat/1.jpg", "2024.csv/dog/2.jpg")
    (tmp_path / "list.TXT").write_text("2024.csv/cat/1.jpg kitten\n")
    assert [image.label for image in dataset.list_images(DatasetSpec("d", tmp_path / "2024.csv")).images] == [
        "cat",
        "dog",
    ]
    assert [image.label for image in dataset.list_images(DatasetSpec("d", tmp_path / "list.TXT")).images] == ["kitten"]


@pytest.mark.parametrize(
    ("path", "columns", "message"),
    [
        (
            "cat/1.jpg",
            {},
            "cat/1.jpg is not a manifest: expected a name that ends in .csv, .tsv, .txt, .jsonl, .ndjson, or",
        ),
        ("gone", {}, "gone: No such file or directory; expected a folder"),
        ("gone.csv", {}, "gone.csv: the manifest cannot be read: No such file or directory"),
        (".", {"path": "file"}, "columns are those of a manifest, and "),
    ],
)
def test_what_is_neither_is_refused(tmp_path: Path, path: str, columns: dict[str, str], message: str) -> None:
    """A path that cannot be a dataset is named with what was expected."""
    _put(tmp_path, "cat/1.jpg")
    with pytest.raises(ConfigError, match=f"^dataset 'd': .*{re.escape(message)}"):
        dataset.list_images(DatasetSpec("d", tmp_path / path, columns=columns))


def test_a_sample_is_spread_over_the_images() -> None:
    """Eight of a thousand come from all of them, each as far from the next."""
    first = next(dataset.samples(_images([f"{number:064x}" for number in range(1003)]), 8))
    assert [int(image.path) for image in first] == [126 * step for step in range(8)]


@given(st.lists(st.integers(0, 40).map("{:064x}".format), max_size=100), st.integers(1, 40))
def test_samples_hold_every_hash_once(hashes: Sequence[str], size: int) -> None:
    """However many images there are, no sample is larger than requested, and their sizes differ by one at most."""
    samples = list(dataset.samples(_images(hashes), size))
    assert Counter(image.sha256 for sample in samples for image in sample) == Counter(set(hashes))
    assert max(map(len, samples)) <= size
    assert max(map(len, samples)) - min(map(len, samples)) <= 1


@pytest.mark.parametrize("images", [0, 1, 8])
def test_few_images_are_one_sample(images: int) -> None:
    """All of them in order; none where there are none."""
    listed = _images([f"{number:064x}" for number in range(images)])
    assert list(dataset.samples(listed, 8)) == [listed]


# What folders mean to a network.


def _listing(*folders: str, empty: tuple[str, ...] = ()) -> Listing:
    images = Images(ImageRef(f"{folder}/0.png", Path(folder), "0" * 64, folder) for folder in folders)
    return Listing(images, (), 0, empty_classes=empty)


def test_folders_without_images_are_folders() -> None:
    """A training tool has numbered them too."""
    listing = _listing("red", "blue", empty=("green",))
    assert dataset.folder_names(listing) == ["blue", "green", "red"]
    classes, matching = dataset.match_labels(DatasetSpec("d", Path("d")), listing, class_lists.FOLDERS)
    assert classes.names == ("blue", "green", "red")
    assert matching.accepted == {"blue": {0}, "green": {1}, "red": {2}}


def test_unstated_classes_match_nothing() -> None:
    """Whatever the folders are called, and without any."""
    for listing in (_listing("red"), _listing()):
        with pytest.raises(
            LabelError, match=r"^nothing states what the outputs of the model are: set its `labels` to a"
        ):
            dataset.match_labels(DatasetSpec("d", Path("d")), listing, class_lists.UNSTATED)


def test_the_way_out_is_a_command_that_can_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path is the shortest from here, quoted for a shell; without names of models, and for a map, there is none."""
    monkeypatch.chdir(tmp_path)
    spec, classes = DatasetSpec("d", tmp_path / "my photos"), LabelList("own", ("a", "b"))
    way = r"; `imgcls labels suggest 'my photos' --models net,other --out classes\.csv` writes a map file to review"
    with pytest.raises(LabelError, match=way):
        dataset.match_labels(spec, _listing("qqq"), classes, ["net", "other"])
    with pytest.raises(LabelError, match=r"no name in it resembles this one$"):
        dataset.match_labels(spec, _listing("qqq"), classes)
    (tmp_path / "map.csv").write_text("folder,name\nqqq,x\n")
    with pytest.raises(LabelError, match=r"none of the 1 id of 'qqq' is a class of own: x$"):
        dataset.match_labels(replace(spec, labels=tmp_path / "map.csv"), _listing("qqq"), classes, ["net"])
